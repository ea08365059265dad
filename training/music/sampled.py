"""Sampled instruments: render notes from a bank of recorded single notes.

``training.soundbank`` writes the bank. Each file is an array of records (``note_type``), one per
recorded note, read through a memory map: opening a bank costs a directory listing, and processes
share its pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from training.music.notes import Note
from training.music.timbres import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

FORMAT = {"format": 1, "sample_rate": SAMPLE_RATE}
HEADER = "bank.json"
# Higher fundamentals alias when shifted, and are above the front end's range.
_TOP_HZ = 2650.0
_LARGE_SHIFT = 2 ** (1.6 / 12)
_AUDIBLE = 1e-3

# General MIDI programs by use; numbers from 0.
FAMILIES: dict[str, tuple[int, ...]] = {
    "piano": (0, 1, 2, 3, 6, 7),
    "electric piano": (4, 5),
    "mallets": (8, 9, 10, 11, 12, 13, 14, 15),
    "organ": (16, 17, 18, 19, 20),
    "accordion": (21, 22, 23),
    "guitar": (24, 25, 26, 27, 28),
    "overdriven": (29, 30),
    "bass": (32, 33, 34, 35, 36, 37, 38, 39),
    "upright bass": (32, 35, 43),
    "strings": (40, 41, 42, 43, 44, 48, 49, 50, 51),
    "plucked": (45, 46),
    "choir": (52, 53, 54),
    "brass": (56, 57, 58, 59, 60, 61, 62, 63),
    "reeds": (64, 65, 66, 67, 68, 69, 70, 71),
    "flutes": (72, 73, 74, 75, 76, 77, 78, 79),
    "synth lead": (80, 81, 82, 83, 84, 85, 87),
    "synth pad": (88, 89, 90, 91, 92, 93, 94, 95),
    "ethnic": (104, 105, 106, 107, 108, 109, 110, 111),
}


class SoundBankError(Exception):
    """A bank that cannot be opened, played or built; the message says what to do."""

    code = "sound_bank"


@dataclass(frozen=True, order=True)
class Instrument:
    """A General MIDI ``program`` (for a kit: the preset in bank 128) of a soundfont (file stem)."""

    soundfont: str
    program: int


def note_type(samples: int) -> np.dtype[Any]:
    """One recorded note of ``samples`` samples at ``SAMPLE_RATE``.

    ``level`` is the full-scale amplitude of ``samples`` (0: the instrument lacks the note), ``rms``
    the RMS of its loudest quarter of a second. At the end, playback loops to sample ``loop``, with
    gain ``fall`` per round. ``release`` in seconds.
    """
    return np.dtype(
        [
            ("pitch", "<i2"),
            ("velocity", "<i2"),
            ("level", "<f4"),
            ("rms", "<f4"),
            ("loop", "<i4"),
            ("fall", "<f4"),
            ("release", "<f4"),
            ("samples", "<i2", (samples,)),
        ]
    )


def bank_path(folder: Path, kind: str, instrument: Instrument) -> Path:
    """The file of an instrument; ``kind``: program or kit."""
    return folder / instrument.soundfont / f"{kind}-{instrument.program:03d}.npy"


def _listing(folder: Path, kind: str) -> tuple[Instrument, ...]:
    pattern = re.compile(rf"{kind}-(\d{{3}})\.npy")
    found = [
        Instrument(path.parent.name, int(match[1]))
        for path in folder.glob(f"*/{kind}-*.npy")
        if (match := pattern.fullmatch(path.name))
    ]
    return tuple(sorted(found))


def _open(path: Path) -> npt.NDArray[Any]:
    try:
        records = np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, EOFError, ValueError) as error:
        raise SoundBankError(f"{path}: not a file of a sound bank ({error})") from error
    if records.dtype.names != note_type(1).names:
        raise SoundBankError(f"{path}: not a file of a sound bank (it holds {records.dtype})")
    return records


@dataclass(frozen=True, eq=False)
class _Layer:
    """The notes of one velocity: rising ``pitches``, ``rows`` in the file, ``gains``."""

    pitches: IntArray
    rows: IntArray
    gains: FloatArray


@dataclass(frozen=True, eq=False)
class _Program:
    """The records of an instrument and an index of its notes."""

    records: npt.NDArray[Any]
    pitches: IntArray
    releases: IntArray
    velocities: IntArray
    layers: tuple[_Layer, ...]

    @classmethod
    def read(cls, path: Path) -> _Program:
        records = _open(path)
        there = records["level"] > 0
        velocities = np.unique(records["velocity"][there]).astype(np.int64)
        layers = []
        for velocity in velocities:
            rows = np.flatnonzero(there & (records["velocity"] == velocity))
            rows = rows[np.argsort(records["pitch"][rows], kind="stable")]
            # A common gain for all pitches keeps their relative loudness.
            gains = records["level"][rows] / (32767 * np.median(records["rms"][rows]))
            pitches = records["pitch"][rows].astype(np.int64)
            layers.append(_Layer(pitches, rows, gains.astype(np.float32)))
        releases = (records["release"] * SAMPLE_RATE).astype(np.int64)
        pitches = records["pitch"].astype(np.int64)
        return cls(records, pitches, releases, velocities, tuple(layers))

    def choose(self, pitch: int, velocity: float) -> tuple[int, np.float32]:
        """(the row of the nearest recorded note, its gain)."""
        layer = self.layers[int(np.argmin(np.abs(self.velocities - 127 * velocity)))]
        at = int(np.argmin(np.abs(layer.pitches - pitch)))
        return int(layer.rows[at]), layer.gains[at]

    def sustained(self, row: int, length: int) -> FloatArray:
        """``length`` samples of the recording, looped after its end."""
        record = self.records[row]
        samples = record["samples"]
        out = np.empty(length, np.float32)
        at = min(length, len(samples))
        out[:at] = samples[:at]
        gain = np.float32(1)
        while at < length:
            gain *= record["fall"]
            piece = samples[record["loop"] :][: length - at]
            np.multiply(piece, gain, out=out[at : at + len(piece)])
            at += len(piece)
        return out


class _Shift:
    """Resamples sound by ``ratio`` with six-point Lagrange interpolation."""

    def __init__(self, ratio: float, length: int) -> None:
        self.ratio = ratio
        position = np.arange(length) * ratio
        whole = np.floor(position)
        self._index = whole.astype(np.intp)
        x = (position - whole).astype(np.float32)
        points = range(-2, 4)
        self._weights = []
        for point in points:
            others = [other for other in points if other != point]
            weight = np.full(length, 1 / np.prod([point - other for other in others]), np.float32)
            for other in others:
                weight *= x - np.float32(other)
            self._weights.append(weight)

    def needed(self, length: int) -> int:
        """The number of input samples for ``length`` output samples."""
        return int(self._index[length - 1]) + 4

    def apply(self, sound: FloatArray, length: int) -> FloatArray:
        """``length`` samples from ``needed(length)``."""
        if self.ratio == 1:
            return sound[:length]
        if self.ratio > _LARGE_SHIFT:
            # The shift is large: a low-pass filter first, against aliasing.
            size = fft.next_fast_len(len(sound), real=True)
            spectrum = fft.rfft(sound, size)
            spectrum[int(len(spectrum) / self.ratio) :] = 0
            sound = fft.irfft(spectrum, size)[: len(sound)]
        padded = np.concatenate([np.zeros(2, np.float32), sound])
        index = self._index[:length]
        out = padded[index] * self._weights[0][:length]
        for tap, weight in enumerate(self._weights[1:], 1):
            out += padded[tap:][index] * weight[:length]
        return np.asarray(out, np.float32)


@dataclass(frozen=True)
class SoundBank:
    """The recorded notes in ``folder``; every process opens its own instance.

    Raises:
        SoundBankError: ``folder`` holds no sound bank, or one of another format.
    """

    folder: Path
    _programs: dict[Instrument, _Program] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        try:
            header = json.loads((self.folder / HEADER).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            hint = "python -m training.soundbank builds one"
            raise SoundBankError(f"{self.folder}: no sound bank ({hint}): {error}") from error
        if header != FORMAT:
            raise SoundBankError(f"{self.folder}: a sound bank of format {header}, not {FORMAT}")

    @cached_property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every melodic instrument, sorted."""
        return _listing(self.folder, "program")

    @cached_property
    def kits(self) -> tuple[Instrument, ...]:
        """Every drum kit, sorted."""
        return _listing(self.folder, "kit")

    def family(self, name: str) -> tuple[Instrument, ...]:
        """The instruments of one of ``FAMILIES``, of every soundfont."""
        programs = FAMILIES[name]
        return tuple(
            instrument for instrument in self.instruments if instrument.program in programs
        )

    def play(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        seconds_per_beat: float,
        samples: int,
        cents: float,
    ) -> FloatArray:
        """Render the notes, shape ``(samples,)``, mono at ``SAMPLE_RATE``.

        A note of velocity 1 has about unit power at its loudest. Notes are shifted from the nearest
        recorded pitch; longer notes continue in a loop with the decay of the recording. Pitches
        with a fundamental above the front end's range are left out.

        Raises:
            SoundBankError: the bank has no such instrument, or its file is damaged.
        """
        program = self._program(instrument)
        # (start, held) in samples and the gain of every note, by recorded note and pitch.
        plan: dict[tuple[int, int], list[tuple[int, int, np.float32]]] = {}
        for note in notes:
            start = int(note.start * seconds_per_beat * SAMPLE_RATE)
            hertz = 440.0 * 2 ** ((note.pitch - 69 + cents / 100) / 12)
            if 0 <= start < samples and hertz <= _TOP_HZ:
                row, gain = program.choose(note.pitch, note.velocity)
                held = int(note.length * seconds_per_beat * SAMPLE_RATE)
                place = (start, held, gain * np.float32(note.velocity))
                plan.setdefault((row, note.pitch), []).append(place)
        lengths = {
            (row, pitch): max(
                min(held + int(program.releases[row]), samples - start) for start, held, _ in places
            )
            for (row, pitch), places in plan.items()
        }
        out = np.zeros(samples, np.float32)
        shifts: dict[int, _Shift] = {}
        for (row, pitch), places in plan.items():
            steps = pitch - int(program.pitches[row])
            if steps not in shifts:
                longest = max(lengths.values())
                shifts[steps] = _Shift(2 ** ((steps + cents / 100) / 12), longest)
            length = lengths[row, pitch]
            sound = program.sustained(row, shifts[steps].needed(length))
            tone = shifts[steps].apply(sound, length)
            tail = int(program.releases[row])
            fade = np.linspace(1, 0, tail, dtype=np.float32) ** 2
            for start, held, gain in places:
                piece = tone[: min(held + tail, samples - start)] * gain
                piece[held:] *= fade[: max(0, len(piece) - held)]
                out[start : start + len(piece)] += piece
        return out

    def kit(self, kit: Instrument) -> dict[int, FloatArray]:
        """One-shots by General MIDI percussion note (35-81), the loudest with a peak of 1.

        Each is cut after its decay.

        Raises:
            SoundBankError: the bank has no such kit, or its file is damaged.
        """
        if kit not in self.kits:
            raise SoundBankError(f"{self.folder}: no kit {kit.program} of {kit.soundfont}")
        records = _open(bank_path(self.folder, "kit", kit))
        records = records[records["level"] > 0]
        loudest = float(records["level"].max())
        shots = {}
        for record in records:
            shot = record["samples"].astype(np.float32) * (record["level"] / loudest / 32767)
            alive = np.flatnonzero(np.abs(record["samples"]) > 32767 * _AUDIBLE)
            shots[int(record["pitch"])] = np.asarray(shot[: alive[-1] + 1], np.float32)
        return shots

    def _program(self, instrument: Instrument) -> _Program:
        program = self._programs.get(instrument)
        if program is None:
            if instrument not in self.instruments:
                name = f"program {instrument.program} of {instrument.soundfont}"
                raise SoundBankError(f"{self.folder}: no {name}")
            program = _Program.read(bank_path(self.folder, "program", instrument))
            self._programs[instrument] = program
        return program
