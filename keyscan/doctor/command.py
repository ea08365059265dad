"""``openkeyscan-analyzer doctor``: options in; an exit code and the text for stdout out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keyscan.doctor.comparison import compare, read_report
from keyscan.doctor.explanation import explain
from keyscan.doctor.report import make_report
from keyscan.doctor.text import comparison_text, report_text, self_test_text
from keyscan.errors import DamagedInstallation, ModelError, ReportError
from keyscan.options import DoctorOptions, ModelOptions
from keyscan.stdio import STDERR

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2


def run(options: DoctorOptions) -> tuple[int, str]:
    """Make a report, compare two or run the self-test; errors go to stderr."""
    try:
        if options.compare:
            return _compare(*options.compare, as_json=options.json)
        if options.self_test:
            return _self_test(options.model, as_json=options.json)
        report = make_report(options.model)
        return EXIT_OK, _json(report) if options.json else report_text(report)
    except (ModelError, DamagedInstallation, ReportError) as error:
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_USAGE if isinstance(error, ReportError) else EXIT_DIFFERENT, ""


def _compare(first: Path, second: Path, *, as_json: bool) -> tuple[int, str]:
    names = (str(first), str(second)) if first.name == second.name else (first.name, second.name)
    comparison = compare(names, read_report(first), read_report(second))
    code = EXIT_OK if comparison.equal else EXIT_DIFFERENT
    if as_json:
        return code, _json({**asdict(comparison), "explanation": explain(comparison)})
    return code, comparison_text(comparison)


def _self_test(options: ModelOptions, *, as_json: bool) -> tuple[int, str]:
    from keyscan.doctor.self_test import self_test  # torch, which a comparison does not need

    result = self_test(options)
    code = EXIT_OK if result.passed else EXIT_DIFFERENT
    if as_json:
        return code, _json({**asdict(result), "passed": result.passed})
    return code, self_test_text(result)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1) + "\n"  # ASCII, so that no shell can garble it
