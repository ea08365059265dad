"""``openkeyscan-analyzer doctor``: options in; an exit code and the text for stdout out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from keyscan.doctor.comparison import Comparison, compare, read_report
from keyscan.doctor.explanation import explain
from keyscan.doctor.report import make_report
from keyscan.errors import ReportError, StartFailed
from keyscan.options import DoctorOptions
from keyscan.start import loading
from keyscan.stdio import STDERR

if TYPE_CHECKING:
    from keyscan.doctor.self_test import SelfTest

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2
_MOST_ITEMS = 40
_COMMON_CODECS = frozenset((
    *("mp3float", "mp3", "libmp3lame", "aac", "alac", "flac", "ape", "wavpack", "ac3", "eac3"),
    *("opus", "libopus", "vorbis", "libvorbis", "wmav1", "wmav2", "wmapro", "wmalossless"),
    *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"),
    *("pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_alaw", "pcm_mulaw"),
))  # fmt: skip
_WIDEST = 48  # of a value in a table of two; a longer one is cut in its middle


def run(options: DoctorOptions) -> tuple[int, str]:
    """Make a report, compare two or run the self-test; errors go to stderr."""
    try:
        good, value, text = _result(options)
    except (ReportError, StartFailed) as error:
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_USAGE if isinstance(error, ReportError) else EXIT_DIFFERENT, ""
    if options.json:
        text = json.dumps(value, indent=1) + "\n"  # ASCII, so that no shell can garble it
    return EXIT_OK if good else EXIT_DIFFERENT, text


def _result(options: DoctorOptions) -> tuple[bool, dict[str, Any], str]:
    """Whether all is well, and the answer as JSON and as text."""
    if options.compare:
        a, b = options.compare
        names = (str(a), str(b)) if a.name == b.name else (a.name, b.name)
        comparison = compare(names, read_report(a), read_report(b))
        different = [{"name": n, "values": v} for n, v in comparison.different.items()]
        explanation = explain(comparison)
        value = {**asdict(comparison), "different": different, "explanation": explanation}
        return comparison.equal, value, comparison_text(comparison)
    if options.self_test:
        with loading():  # torch, which a comparison does not need
            from keyscan.doctor.self_test import self_test

        result = self_test(options.model)
        value = {**asdict(result), "passed": result.passed}
        return result.passed, value, self_test_text(result)
    report = make_report(options.model)
    return True, report, report_text(report)


def report_text(report: Mapping[str, Any]) -> str:
    """A heading for each part, a line for each fact; ``report`` is that of ``make_report``."""
    lines = [f"openkeyscan-analyzer {report['keyscan']}"]
    for name, part in report.items():
        if name in ("schema", "keyscan", "speed", "warnings"):
            continue
        rows = part if isinstance(part, Mapping) else {"": part}
        if name == "packages":
            rows = {n: f"{_value(p['version']):14}{_value(p['file'])}" for n, p in part.items()}
        elif name == "variables":
            rows = {
                n: "not set" if v["value"] is None else f"{v['value']}  (set by {v['set_by']})"
                for n, v in part.items()
            }
        lines += ["", _heading(name), *_rows(rows)]
    lines += ["", *_speed_lines(report["speed"]), "", _heading("warnings")]
    lines += [f"  - {warning}" for warning in report["warnings"]] or ["  none"]
    return "\n".join(lines) + "\n"


def comparison_text(comparison: Comparison) -> str:
    """Facts, then seconds, then the explanation."""
    a, b = comparison.names
    lines = [f"a = {a}", f"b = {b}", "", _heading("different")]
    lines += _pairs(comparison.other_facts) or ["  nothing"]
    sections = {"only in a": comparison.only_first, "only in b": comparison.only_second}
    for title, facts in sections.items():
        lines += ["", _heading(title), *(_rows(facts) or ["  nothing"])]
    if comparison.other_paths:
        lines += ["", _heading("the same in another place"), *_pairs(comparison.other_paths)]
    lines += ["", _heading("same"), *(_rows(comparison.same) or ["  nothing"])]
    lines += ["", _heading("seconds"), *_ratio_lines(comparison), "", _heading("in plain words")]
    lines += [f"  {line}" for paragraph in explain(comparison) for line in paragraph.split("\n")]
    return "\n".join(lines) + "\n"


def self_test_text(result: SelfTest) -> str:
    """A line for each file, then the verdict; the numbers are mean differences of magnitudes."""
    lines = [f"{'format':8}{'engine':10}{'from WAV':>10}{'engines':>10}  key"]
    for check in result.checks:
        distances = (check.from_wav, check.from_matrix)
        numbers = "".join(f"{'-' if d is None else f'{d:.6f}':>10}" for d in distances)
        verdict = f"  WRONG: {check.problem}" if check.problem else ""
        lines.append(f"{check.format:8}{check.engine:10}{numbers}  {check.key or '-'}{verdict}")
    if result.not_encoded:
        lines.append(f"not tested, as there is no encoder here: {', '.join(result.not_encoded)}")
    lines += [f"PROBLEM: {problem}" for problem in result.problems]
    lines.append(f"{'passed' if result.passed else 'FAILED'}: expected {result.expected}")
    return "\n".join(lines) + "\n"


def _ratio_lines(comparison: Comparison) -> Iterator[str]:
    width = max((len(ratio.name) for ratio in comparison.ratios), default=0)
    loads = ("unknown" if load is None else f"{load:.2f}" for load in comparison.load_averages)
    yield f"  load average: {', '.join(loads)}"
    yield f"  {'':{width}}  {'a':>8}  {'b':>8}  {'b/a':>6}"
    for ratio in comparison.ratios:
        first, second = ratio.seconds
        mark = "  <-" if ratio.matters else ""
        yield f"  {ratio.name:{width}}  {first:8.3f}  {second:8.3f}  {ratio.ratio:6.2f}{mark}"


def _speed_lines(speed: Mapping[str, Any]) -> Iterator[str]:
    yield _heading("import, seconds in a fresh process, in this order")
    rows = {**speed["imports"], "model load": speed["model_load"], "warm-up": speed["warm_up"]}
    width = max(map(len, rows))
    for name, seconds in rows.items():
        yield f"  {name:{width}}{'  cannot be imported' if seconds is None else f'{seconds:8.3f}'}"
    yield ""
    yield _heading("half a minute of music, seconds")
    for row, (name, timing) in enumerate(speed["benchmark"].items()):
        if not row:
            yield f"  {'':6}" + "".join(f"{stage:>11}" for stage in timing)
        yield f"  {name:6}" + "".join(f"{seconds:11.3f}" for seconds in timing.values())


def _heading(name: str) -> str:
    return f"[{name.replace('_', ' ')}]"


def _rows(facts: Mapping[str, Any]) -> list[str]:
    width = max((len(name) for name in facts), default=0)
    return [f"  {name:{width}}  {_value(value)}".rstrip() for name, value in facts.items()]


def _pairs(facts: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """A line for each fact, with its value in either report."""
    width = max(map(len, facts), default=0)
    rows = {name: [_cut(_value(value)) for value in values] for name, values in facts.items()}
    return [f"  {name:{width}}  {a:{_WIDEST}}  {b}" for name, (a, b) in rows.items()]


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _MOST_ITEMS:
            common = [item for item in value if item in _COMMON_CODECS]
            return f"{', '.join(common)} and {len(value) - len(common)} more (--json lists them)"
        return ", ".join(_value(item) for item in value)
    return str(value)


def _cut(text: str) -> str:
    half = (_WIDEST - 3) // 2
    return text if len(text) <= _WIDEST else f"{text[:half]}...{text[-half:]}"
