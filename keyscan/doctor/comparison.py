"""Two reports become what is the same, what differs, and what only one of them has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from keyscan.doctor.report import SCHEMA
from keyscan.errors import ReportError
from keyscan.usage import program

MEASURED = "speed"
_WARNINGS = "warnings"
_PATHS = ("file", "folder", "executable")  # the last parts of names
_NOISE = 1.15  # the ratio of two runs on one machine
_LEAST_SECONDS = 0.005


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
    def slower(self) -> int:
        """0 for the first report, 1 for the second."""
        return int(self.seconds[1] > self.seconds[0])

    @property
    def matters(self) -> bool:
        """More than noise, and long enough to be felt."""
        low, high = sorted(self.seconds)
        return high > low * _NOISE and high - low > _LEAST_SECONDS


@dataclass(frozen=True)
class Comparison:
    """``names`` are those of the two reports' files.

    Facts have dotted names; ``different`` holds their values in either report, ``only_first`` and
    ``only_second`` measurements in seconds as well, as ``speed....``.
    """

    names: tuple[str, str]
    same: dict[str, Any]
    different: dict[str, tuple[Any, Any]]
    only_first: dict[str, Any]
    only_second: dict[str, Any]
    ratios: tuple[Ratio, ...]
    load_averages: tuple[float | None, float | None]
    warnings: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def equal(self) -> bool:
        """No fact but paths differs, no measurement by more than noise, and both have the same."""
        differs = self.other_facts or self.only_first or self.only_second
        return not differs and not any(ratio.matters for ratio in self.ratios)

    @property
    def other_paths(self) -> dict[str, tuple[Any, Any]]:
        """Of what differs, files and folders that are the same thing in another place."""
        return {name: values for name, values in self.different.items() if _moved(name, values)}

    @property
    def other_facts(self) -> dict[str, tuple[Any, Any]]:
        """What differs otherwise."""
        return {n: values for n, values in self.different.items() if n not in self.other_paths}


def read_report(path: Path) -> dict[str, Any]:
    """What ``doctor --json`` wrote, in any Unicode encoding that a shell turned it into.

    Raises:
        ReportError: the file cannot be read, or holds something else.
    """
    how = f"make one with: {program()} doctor --json > report.json"
    try:
        report = json.loads(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}; {how}") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: not JSON; {how}") from error
    parts = report if isinstance(report, dict) else {}
    if not (isinstance(parts.get(MEASURED), dict) and isinstance(parts.get(_WARNINGS), list)):
        raise ReportError(f"{path}: no report of the doctor; {how}")
    if parts.get("schema") != SCHEMA:
        raise ReportError(f"{path}: a report of another version of the doctor; {how}")
    return parts


def compare(names: tuple[str, str], first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """Of two reports as ``read_report`` gives them."""
    a, b = (
        dict(_leaves({n: v for n, v in report.items() if n not in (MEASURED, _WARNINGS)}))
        for report in (first, second)
    )
    seconds_a, seconds_b = _numbers(first[MEASURED]), _numbers(second[MEASURED])
    loads = (seconds_a.pop("load_average", None), seconds_b.pop("load_average", None))
    common = [name for name in a if name in b]
    all_a = a | {f"{MEASURED}.{name}": value for name, value in seconds_a.items()}
    all_b = b | {f"{MEASURED}.{name}": value for name, value in seconds_b.items()}
    return Comparison(
        names,
        same={name: a[name] for name in common if a[name] == b[name]},
        different={name: (a[name], b[name]) for name in common if a[name] != b[name]},
        only_first={name: value for name, value in all_a.items() if name not in all_b},
        only_second={name: value for name, value in all_b.items() if name not in all_a},
        ratios=tuple(
            Ratio(name, (value, seconds_b[name]))
            for name, value in seconds_a.items()
            if name in seconds_b
        ),
        load_averages=loads,
        warnings=(tuple(first[_WARNINGS]), tuple(second[_WARNINGS])),
    )


def differing_facts(comparison: Comparison) -> dict[str, Sequence[Any]]:
    """The values of what differs, None where a report has none.

    Left out are versions that one report could not find out, and OpenMP runtimes whose file name
    both reports have, in other folders.
    """
    found: dict[str, Sequence[Any]] = {
        name: values
        for name, values in comparison.different.items()
        if not (name.endswith(".version") and None in values)
    }
    found |= {name: (value, None) for name, value in comparison.only_first.items()}
    found |= {name: (None, value) for name, value in comparison.only_second.items()}
    everything = {**{name: (value, value) for name, value in comparison.same.items()}, **found}
    pattern = "thread_pools.openmp*.file"
    runtimes = {name: values for name, values in everything.items() if fnmatchcase(name, pattern)}
    found = {name: values for name, values in found.items() if name not in runtimes}
    for side in (0, 1):
        unmatched = Counter(_base_name(values[1 - side]) for values in runtimes.values())
        for name, values in runtimes.items():
            file = _base_name(values[side])
            if unmatched[file]:
                unmatched[file] -= 1
            elif file:
                before = found.get(name, (None, None))
                found[name] = (before[0], values[1]) if side else (values[0], None)
    return found


def _moved(name: str, values: Sequence[Any]) -> bool:
    """Whether both values are paths; a library of another file name is another library."""
    if not all(isinstance(value, str) for value in values):
        return False
    if name.rpartition(".")[2] not in _PATHS and not all(map(_is_absolute, values)):
        return False
    return not name.startswith("thread_pools.") or len(set(map(_base_name, values))) == 1


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _base_name(file: object) -> str:
    return PureWindowsPath(str(file)).name if file else ""  # it splits at either slash


def _numbers(tree: Mapping[str, Any]) -> dict[str, float]:
    """Measurements; a module that cannot be imported has None and is left out."""
    return {
        name: float(value)
        for name, value in _leaves(tree)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
