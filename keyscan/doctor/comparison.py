"""Two reports side by side: what is the same, what differs, what only one of them has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyscan.doctor.report import SCHEMA
from keyscan.errors import ReportError

MEASURED = "speed"
_WARNINGS = "warnings"
_NOISE = 1.15  # two runs on one machine differ by that
_LEAST_SECONDS = 0.005


@dataclass(frozen=True)
class Difference:
    """A fact by its dotted name, with its value in either report."""

    name: str
    values: tuple[Any, Any]


@dataclass(frozen=True)
class Ratio:
    """A measurement by its dotted name, in seconds."""

    name: str
    seconds: tuple[float, float]

    @property
    def ratio(self) -> float:
        """How many times as long the second takes."""
        return self.seconds[1] / self.seconds[0] if self.seconds[0] else 1.0

    @property
    def matters(self) -> bool:
        """More than chance, and long enough to be felt."""
        low, high = sorted(self.seconds)
        return high > low * _NOISE and high - low > _LEAST_SECONDS


@dataclass(frozen=True)
class Comparison:
    """``names`` are those of the two reports' files.

    ``only_first`` and ``only_second`` hold facts, and measurements in seconds as ``speed....``.
    """

    names: tuple[str, str]
    same: dict[str, Any]
    different: tuple[Difference, ...]
    only_first: dict[str, Any]
    only_second: dict[str, Any]
    ratios: tuple[Ratio, ...]
    load_averages: tuple[float | None, float | None]
    warnings: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def equal(self) -> bool:
        """No fact differs, no measurement by more than chance, and both have measured the same."""
        differs = self.different or self.only_first or self.only_second
        return not differs and not any(ratio.matters for ratio in self.ratios)


def read_report(path: Path) -> dict[str, Any]:
    """What ``doctor --json`` wrote, in whatever Unicode encoding the shell made of it.

    Raises:
        ReportError: the file cannot be read, or holds something else.
    """
    how = "make one with: openkeyscan-analyzer doctor --json > report.json"
    try:
        report = json.loads(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}; {how}") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: not JSON; {how}") from error
    if not (
        isinstance(report, dict)
        and isinstance(report.get(MEASURED), dict)
        and isinstance(report.get(_WARNINGS), list)
    ):
        raise ReportError(f"{path}: no report of the doctor; {how}")
    if report.get("schema") != SCHEMA:
        raise ReportError(f"{path}: a report of another version of the doctor; {how}")
    return report


def compare(names: tuple[str, str], first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """Of two reports as ``read_report`` gives them."""
    facts = [dict(_facts(report)) for report in (first, second)]
    common = [name for name in facts[0] if name in facts[1]]
    measured = [dict(_numbers(report[MEASURED])) for report in (first, second)]
    loads = [numbers.pop("load_average", None) for numbers in measured]
    return Comparison(
        names,
        {name: facts[0][name] for name in common if facts[0][name] == facts[1][name]},
        tuple(
            Difference(name, (facts[0][name], facts[1][name]))
            for name in common
            if facts[0][name] != facts[1][name]
        ),
        {**_missing(facts[0], facts[1]), **_missing(measured[0], measured[1], f"{MEASURED}.")},
        {**_missing(facts[1], facts[0]), **_missing(measured[1], measured[0], f"{MEASURED}.")},
        tuple(
            Ratio(name, (seconds, measured[1][name]))
            for name, seconds in measured[0].items()
            if name in measured[1]
        ),
        (loads[0], loads[1]),
        (tuple(first.get(_WARNINGS, ())), tuple(second.get(_WARNINGS, ()))),
    )


def _missing(
    mine: Mapping[str, Any], others: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in mine.items() if name not in others}


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return _leaves(
        {name: value for name, value in report.items() if name not in (MEASURED, _WARNINGS)}
    )


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _numbers(tree: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """What was measured; a module that cannot be imported, with None, was not."""
    for name, value in _leaves(tree):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
