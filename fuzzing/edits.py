"""Damage as data: edits of bytes, drawn at random, applied in order."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_HEAD = 4096  # bytes that hold most of a file's structure
_LONGEST_RUN = 1 << 16
_LARGEST = 4 << 20  # bytes of an input
_NUMBERS = (
    *(0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1000, 1024, 32767, 32768, 65535, 65536),
    *(10**6, 2**24, 10**9, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**48, 2**56 - 2, 2**56 - 1),
    *(2**62, 2**63 - 1, 2**63, 2**64 - 1),
)
_STEPS = (-8, -4, *range(2, 30, 2), 8, 12, 16, 32, 36, 40, 44)
# The names of chunks, boxes, pages and frames; their sizes and counts are next to them.
_MARKS = re.compile(
    rb"RIFF|RF64|riff|ds64|fmt |fact|data|LIST|INFO|FORM|COMM|SSND|COMT|caff|desc|kuki|pakt|chan"
    rb"|fLaC|OggS|vorbis|Opus|FLAC|ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|dinf"
    rb"|dref|stbl|stsd|mp4a|esds|alac|stts|ctts|stsc|stsz|stco|co64|udta|meta|ilst|moof|mfhd|traf"
    rb"|tfhd|trun|mdat|hdrl|avih|strl|strh|strf|movi|idx1|indx|00dc|01wb|ID3|APIC|TIT2|TAG"
    rb"|APETAGEX|Xing|Info|LAME|wvpk|\.snd|\x0bw|\xff[\xe2-\xff]|\x1aE\xdf\xa3|\x15I\xa9f"
    rb"|\x16T\xaek|\x1fC\xb6u|\x1cS\xbbk|\x30\x26\xb2\x75|\xa1\xdc\xab\x8c|\x91\x07\xdc\xb7"
)


@dataclass(frozen=True)
class Edit:
    """Replaces ``removed`` bytes from ``at`` on by ``inserted``; the bytes after them move."""

    at: int
    removed: int
    inserted: bytes

    def apply(self, data: bytes) -> bytes:
        """``data`` after this edit, which may be beyond its end."""
        return data[: self.at] + self.inserted + data[self.at + self.removed :]


def apply_all(data: bytes, edits: Sequence[Edit]) -> bytes:
    """``data`` after all edits, each applied to the result of the one before."""
    for edit in edits:
        data = edit.apply(data)
    return data


def draw_edits(rng: random.Random, data: bytes, others: Sequence[bytes]) -> tuple[Edit, ...]:
    """One to forty edits of ``data``; parts of ``others`` may be inserted."""
    edits: list[Edit] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8, 16, 40))):
        draw = rng.choices(_DRAW, _WEIGHTS)[0]
        for edit in draw(rng, data, others):
            data = edit.apply(data)
            edits.append(edit)
        if len(data) > _LARGEST:
            edits.append(Edit(_LARGEST, len(data), b""))
            data = data[:_LARGEST]
    return tuple(edits)


def _mark(rng: random.Random, data: bytes) -> int | None:
    """The offset of a structure's name, preferably near the beginning.

    All names are equally likely, also those that occur in samples by chance.
    """
    start = rng.choice((0, 0, 0, max(len(data) - _HEAD, 0), rng.randrange(len(data) + 1)))
    marks: dict[bytes, list[int]] = {}
    for match in _MARKS.finditer(data[start : start + 2 * _HEAD]):
        marks.setdefault(match[0] if match[0][0] < 0xFF else b"\xff", []).append(match.start())
    return start + rng.choice(rng.choice(list(marks.values()))) if marks else None


def _field(rng: random.Random, data: bytes) -> int:
    """The likely offset of a number: a few bytes from the beginning of a structure's name."""
    mark = _mark(rng, data) if rng.random() < 0.7 else None
    return _place(rng, data) if mark is None else max(0, mark + rng.choice(_STEPS))


def _place(rng: random.Random, data: bytes) -> int:
    """An offset, preferably near the beginning or a structure's name."""
    kind = rng.random()
    if kind < 0.3:
        return rng.randrange(min(len(data), _HEAD) + 1)
    if kind < 0.6 and (mark := _mark(rng, data)) is not None:
        return max(0, mark + rng.randrange(-8, 48))
    if kind < 0.7:
        return max(0, len(data) - rng.randrange(_HEAD))
    return rng.randrange(len(data) + 1)


def _length(rng: random.Random) -> int:
    """1 to ``_LONGEST_RUN``, log-uniform."""
    return int(_LONGEST_RUN ** rng.random())


def _flip_bits(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    at = _place(rng, data)
    return [Edit(at, 1, bytes([byte ^ (1 << rng.randrange(8))])) for byte in data[at : at + 1]]


def _overwrite_run(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    length = _length(rng)
    run = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return [Edit(_place(rng, data), length, run)]


def _write_number(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    """A wrong number, often at the limit of an integer type."""
    size = rng.choice((1, 2, 2, 3, 4, 4, 4, 8, 8))
    half = 256**size // 2
    number = rng.choice((rng.choice(_NUMBERS), rng.choice((0, half, half - 1, -1)), len(data)))
    written = ((number + rng.choice((-1, 0, 0, 0, 0, 1))) % 256**size).to_bytes(size, "big")
    return [Edit(_field(rng, data), size, rng.choice((written, written[::-1])))]


def _truncate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    at = _place(rng, data)
    return [Edit(at, max(len(data) - at, 0), b"")]


def _insert(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    length = _length(rng)
    return [Edit(_place(rng, data), 0, rng.choice((bytes(length), rng.randbytes(length))))]


def _duplicate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    start, length = _place(rng, data), _length(rng)
    copies = rng.choice((1, 1, 1, 2, 10))
    place = rng.choice((start, _place(rng, data)))
    return [Edit(place, 0, data[start : start + length] * copies)]


def _delete(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    return [Edit(_place(rng, data), _length(rng), b"")]


def _swap(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    length = _length(rng)
    first, second = sorted((_place(rng, data), _place(rng, data)))
    length = min(length, second - first)
    return [
        Edit(first, length, data[second : second + length]),
        Edit(second, length, data[first : first + length]),
    ]


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    """The head of this file and the rest of another, or a part of the other in the middle."""
    other, at = rng.choice(others), _place(rng, data)
    start = rng.choice((at, _place(rng, other)))
    length = rng.choice((_length(rng), len(other)))
    return [Edit(at, rng.choice((0, length, len(data))), other[start : start + length])]


def _surround(rng: random.Random, data: bytes, others: Sequence[bytes]) -> list[Edit]:
    """Noise, zeros, another file or the beginning of a tag, before or after the data."""
    length = _length(rng)
    tag = b"ID3\4\0\0" + bytes(rng.randrange(128) for _ in range(4))
    junk = rng.choice((bytes(length), rng.randbytes(length), rng.choice(others), tag))
    return [Edit(rng.choice((0, len(data))), 0, junk)]


_Draw = Callable[[random.Random, bytes, Sequence[bytes]], list[Edit]]
_DRAW: tuple[_Draw, ...] = (
    _write_number,
    _flip_bits,
    _overwrite_run,
    _truncate,
    _insert,
    _duplicate,
    _delete,
    _swap,
    _splice,
    _surround,
)
_WEIGHTS = (10, 6, 4, 2, 2, 3, 3, 2, 2, 1)
