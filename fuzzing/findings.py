"""The list of findings: one JSON line each, identified by the failure and its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzzing.edits import Edit

_OURS = re.compile(r'File ".*?(keyscan[/\\].*?)", line (\d+)')
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Finding:
    """A failure of the server.

    ``kind`` is ``"media"`` or ``"line"``, ``code`` one of the reply or of the fuzzer, ``why`` one
    line for people, ``place`` the innermost line of our code in a traceback, if there is one.
    """

    kind: str
    format: str
    number: int
    code: str
    why: str
    place: str = ""

    @property
    def signature(self) -> str:
        """Equal for findings that probably have the same cause."""
        return " | ".join((self.kind, self.format, self.code, self.place or _worded(self.why)))


def place_of(stderr: str) -> str:
    """The innermost line of our code in the last traceback or crash dump on stderr."""
    dump = stderr.rfind("most recent call first")
    if dump >= 0:  # of faulthandler
        found = _OURS.search(stderr, dump)
        return "{}:{}".format(*found.groups()) if found else ""
    places = _OURS.findall(stderr)
    return "{}:{}".format(*places[-1]) if places else ""


def _worded(why: str) -> str:
    return _NUMBERS.sub("N", why)[:100]


class Ledger:
    """The file of known findings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = set()
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self._known = {json.loads(line)["signature"] for line in lines}

    def knows(self, finding: Finding) -> bool:
        """Whether the file already has this signature."""
        return finding.signature in self._known

    def keep(self, finding: Finding, edits: Sequence[Edit], files: Mapping[str, bytes]) -> None:
        """Append it with its edits; write ``files``, by suffix, next to the list."""
        self._known.add(finding.signature)
        folder = self._path.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{finding.kind}.{finding.format}.{finding.number}"
        for suffix, data in files.items():
            (folder / f"{name}{suffix}").write_bytes(data)
        record = {
            "signature": finding.signature,
            **asdict(finding),
            "edits": [[edit.at, edit.removed, edit.inserted.hex()] for edit in edits],
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
