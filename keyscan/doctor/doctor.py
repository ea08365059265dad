"""``openkeyscan-analyzer doctor``: why is it slow here, and are the answers right?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keyscan.doctor.comparison import compare, read_report
from keyscan.doctor.explain import explain
from keyscan.doctor.report import make_report
from keyscan.doctor.text import comparison_text, report_text, self_test_text
from keyscan.errors import DamagedInstallation, ReportError
from keyscan.options import DoctorOptions
from keyscan.stdio import STDERR

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2


def run(options: DoctorOptions) -> tuple[int, str]:
    """The exit code, and what is to be written to stdout."""
    if options.compare:
        return _compare(options, *options.compare)
    from keyscan.errors import ModelError

    try:
        return _self_test(options) if options.self_test else _report(options)
    except (ModelError, DamagedInstallation) as error:
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_DIFFERENT, ""


def _compare(options: DoctorOptions, first: Path, second: Path) -> tuple[int, str]:
    names = (str(first), str(second)) if first.name == second.name else (first.name, second.name)
    try:
        comparison = compare(names, read_report(first), read_report(second))
    except ReportError as error:
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_USAGE, ""
    code = EXIT_OK if comparison.equal else EXIT_DIFFERENT
    if options.json:
        return code, _json({**asdict(comparison), "explanation": explain(comparison)})
    return code, comparison_text(comparison)


def _report(options: DoctorOptions) -> tuple[int, str]:
    report = make_report(options.model).to_dict()
    return EXIT_OK, _json(report) if options.json else report_text(report)


def _self_test(options: DoctorOptions) -> tuple[int, str]:
    from keyscan.doctor.selftest import self_test

    result = self_test(options.model)
    code = EXIT_OK if result.passed else EXIT_DIFFERENT
    if options.json:
        return code, _json({**asdict(result), "passed": result.passed})
    return code, self_test_text(result)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1) + "\n"  # ASCII, so that no shell can garble it
