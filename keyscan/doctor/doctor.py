"""``openkeyscan-analyzer doctor``: why is it slow here, and are the answers right?"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keyscan.doctor.comparison import compare, read_report
from keyscan.doctor.explain import explain
from keyscan.doctor.report import make_report
from keyscan.doctor.text import comparison_text, report_text, self_test_text
from keyscan.errors import DamagedInstallation, ReportError
from keyscan.model_options import add_model_options, model_options
from keyscan.stdio import STDERR

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2

_EPILOG = """\
To find out why one installation is slower than another, run "doctor --json > a.json" with one,
"doctor --json > b.json" with the other, and "doctor --compare a.json b.json" with either.

Exit code: 0 when all is well, 1 when reports differ, a self-test fails or the model cannot be
used, 2 for a wrong option or a file that is no report.
"""


def build_parser() -> argparse.ArgumentParser:
    """All options of the doctor; those of the model are the server's."""
    parser = argparse.ArgumentParser(
        prog="openkeyscan-analyzer doctor",
        description="Tell what decides the speed here: versions, libraries, threads, timings.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("A", "B"),
        help="two reports side by side, and what explains a difference in speed",
    )
    what.add_argument(
        "--self-test",
        action="store_true",
        help="analyse a track of our own in every format, with both constant-Q engines",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_model_options(parser)
    return parser


def run(options: argparse.Namespace) -> tuple[int, str]:
    """The exit code, and what is to be written to stdout."""
    if options.compare:
        return _compare(options)
    from keyscan.errors import ModelError

    try:
        return _self_test(options) if options.self_test else _report(options)
    except (ModelError, DamagedInstallation) as error:
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_DIFFERENT, ""


def _compare(options: argparse.Namespace) -> tuple[int, str]:
    first, second = options.compare
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


def _report(options: argparse.Namespace) -> tuple[int, str]:
    report = make_report(model_options(options)).to_dict()
    return EXIT_OK, _json(report) if options.json else report_text(report)


def _self_test(options: argparse.Namespace) -> tuple[int, str]:
    from keyscan.doctor.selftest import self_test

    result = self_test(model_options(options))
    code = EXIT_OK if result.passed else EXIT_DIFFERENT
    if options.json:
        return code, _json({**asdict(result), "passed": result.passed})
    return code, self_test_text(result)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1) + "\n"  # ASCII, so that no shell can garble it
