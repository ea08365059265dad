"""The inputs of the fuzzer; each follows from its number alone."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fuzzing.edits import Edit, apply_all, draw_edits
from fuzzing.rare_formats import RARE_FORMATS
from fuzzing.settled import repair_ogg, settled
from tests.audio_files import FORMATS, music

FORMAT_NAMES = (*FORMATS, *RARE_FORMATS)
SECONDS = 3.2  # of music: just above the analyzer's minimum
_RATE = 44100


@dataclass(frozen=True)
class Mutant:
    """A valid file of a format, and its damage.

    ``checksums``: the pages of an Ogg file get correct checksums after the damage, because
    decoders drop pages with wrong checksums.
    """

    format: str
    number: int
    edits: tuple[Edit, ...]
    checksums: bool

    @property
    def name(self) -> str:
        """A file name, and the id of its request."""
        return f"{self.format}.{self.number}"

    def with_edits(self, edits: Iterable[Edit]) -> Mutant:
        """The same with other edits."""
        return replace(self, edits=tuple(edits))


class Originals:
    """A valid file of each format, written once.

    An input may contain parts of every format, so it depends on all of them.
    """

    def __init__(self, names: Iterable[str] = FORMAT_NAMES) -> None:
        self._data = {name: original(name) for name in names}

    def mutant(self, format_name: str, number: int) -> Mutant:
        """The input of that format and number."""
        rng = random.Random(f"{format_name} {number}")
        edits = draw_edits(rng, self._data[format_name], tuple(self._data.values()))
        return Mutant(format_name, number, edits, rng.random() < 0.8)

    def bytes_of(self, mutant: Mutant) -> bytes:
        """The damaged file."""
        data = apply_all(self._data[mutant.format], mutant.edits)
        return repair_ogg(data) if mutant.checksums and b"OggS" in data else data


def original(name: str) -> bytes:
    """A valid file of one of ``FORMAT_NAMES``, the same each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "music")
        if name in RARE_FORMATS:
            RARE_FORMATS[name].write(path, SECONDS)
        else:
            rate = FORMATS[name].rate or _RATE
            FORMATS[name].write(path, music(rate, SECONDS), rate)
        return settled(path.read_bytes())
