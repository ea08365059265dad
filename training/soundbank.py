"""Record single notes of soundfonts with FluidSynth into a sound bank for the generator.

``python -m training.soundbank --out runs/bank --soundfont FILE... --jobs 2``

Needs ``apt install libfluidsynth3`` and ``pip install pyfluidsynth``. Every instrument is one file
and depends only on its soundfont: an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import butter, correlate, sosfilt
from tqdm import tqdm

from training.files import write_whole
from training.music.sampled import (
    FORMAT,
    HEADER,
    Instrument,
    SoundBank,
    SoundBankError,
    bank_path,
    note_type,
)
from training.music.timbres import SAMPLE_RATE
from training.processes import exit_on_signals, start_pool

FloatArray = npt.NDArray[np.float32]

PITCHES = range(24, 97, 2)
VELOCITIES = (70, 115)
PROGRAMS = range(120)  # the rest of General MIDI is sound effects
DRUMS = range(35, 82)
HELD_SECONDS = 2.5
_RELEASE_SECONDS = 0.5
_SHOT_SECONDS = 1.2
_DRUM_VELOCITY = 110
_DRUM_BANK = 128

# FluidSynth aliases above its Nyquist frequency, so it runs above the soundfonts' rates.
_SYNTH_RATE = 8 * SAMPLE_RATE
_GAIN = 1.0
_SILENCE = 3e-4
_CROSSFADE = int(0.08 * SAMPLE_RATE)
_RELEASES = (0.06, 0.5)
_BLOCK = SAMPLE_RATE // 50


@dataclass(frozen=True, eq=False)
class Recording:
    """One note: ``held`` at ``SAMPLE_RATE``, and the ``tail`` after its end (may be empty)."""

    pitch: int
    velocity: int
    held: FloatArray
    tail: FloatArray


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _loudest(samples: FloatArray) -> float:
    """The RMS of the loudest quarter of a second."""
    block = SAMPLE_RATE // 4
    return max(_rms(samples[at : at + block]) for at in range(0, len(samples), block))


def _release(held: FloatArray, tail: FloatArray) -> float:
    """Seconds of a quadratic fade that falls by 20 dB in the same time as the recording."""
    shortest, longest = _RELEASES
    before = _rms(held[-2 * _BLOCK :])
    if before < 1e-3 * _loudest(held):
        return shortest
    blocks = [_rms(tail[at : at + _BLOCK]) for at in range(0, len(tail), _BLOCK)]
    fallen = [number for number, level in enumerate(blocks) if level < 0.1 * before]
    seconds = (fallen[0] if fallen else len(blocks)) * _BLOCK / SAMPLE_RATE
    # (1 - x)^2 is at -20 dB where x is 0.68.
    return min(longest, max(shortest, seconds / 0.68))


def _looped(held: FloatArray) -> tuple[FloatArray, int, float]:
    """(the recording with a cross-fade into its loop at the end, the loop's start, its fall).

    The loop starts where the waveform is most similar to the end, at 1/3 to 0.6 of the length.
    """
    if len(held) < 4 * _CROSSFADE:
        return held, 0, 0.0
    end = held[-_CROSSFADE:].astype(np.float64)
    low, high = max(_CROSSFADE, len(held) // 3), 6 * len(held) // 10
    region = held[low - _CROSSFADE : high].astype(np.float64)
    power = np.concatenate([[0], np.cumsum(region**2)])
    norms = np.sqrt(np.maximum(power[_CROSSFADE:] - power[:-_CROSSFADE], 1e-12))
    start = low + int(np.argmax(correlate(region, end, mode="valid") / norms))
    before = held[start - _CROSSFADE : start]
    fall = min(1.0, _rms(held[-_CROSSFADE:]) / (_rms(before) + 1e-9))
    weight = np.linspace(0, 1, _CROSSFADE, dtype=np.float32)
    out = held.copy()
    out[-_CROSSFADE:] += weight * (np.float32(fall) * before - out[-_CROSSFADE:])
    return out, start, fall


def write_instrument(path: Path, recordings: Sequence[Recording]) -> bool:
    """Write the notes of an instrument; all ``held`` are of one length, full scale is 1.

    A silent note is marked as missing. Returns False and writes no file if all are silent.

    Raises:
        OSError: the file cannot be written.
    """
    records = np.zeros(len(recordings), note_type(len(recordings[0].held)))
    for record, recording in zip(records, recordings, strict=True):
        record["pitch"], record["velocity"] = recording.pitch, recording.velocity
        peak = float(np.abs(recording.held).max())
        if peak < _SILENCE:
            continue
        held, record["loop"], record["fall"] = _looped(recording.held)
        peak = float(np.abs(held).max())
        record["level"], record["rms"] = peak, _loudest(held)
        record["release"] = _release(recording.held, recording.tail)
        record["samples"] = np.round(held * np.float32(32767 / peak))
    if not records["level"].any():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        np.save(file, records)
    return True


def write_header(folder: Path) -> None:
    """Make ``folder`` a sound bank.

    Raises:
        SoundBankError: ``folder`` is a bank of another format.
        OSError: ``folder`` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / HEADER
    if path.exists():
        SoundBank(folder)
    else:
        path.write_text(json.dumps(FORMAT), encoding="utf-8")


class Recorder:
    """A soundfont in FluidSynth, without its reverberation and chorus.

    Raises:
        SoundBankError: FluidSynth is missing, or cannot read the soundfont.
    """

    def __init__(self, soundfont: Path) -> None:
        try:
            import fluidsynth
        except ImportError as error:
            hint = "apt install libfluidsynth3, pip install pyfluidsynth"
            raise SoundBankError(f"FluidSynth is missing ({error}): {hint}") from error
        quiet = {"synth.reverb.active": 0, "synth.chorus.active": 0}
        lazy = {"synth.dynamic-sample-loading": 1}
        rate = float(_SYNTH_RATE)
        self._synth: Any = fluidsynth.Synth(_GAIN, rate, channels=16, **quiet, **lazy)
        self._font = -1
        if soundfont.is_file():
            self._font = self._synth.sfload(str(soundfont))
        if self._font < 0:
            self.close()
            raise SoundBankError(f"{soundfont}: not a soundfont that can be read")

    def close(self) -> None:
        self._synth.delete()

    def presets(self, bank: int) -> list[int]:
        """The presets that the soundfont has in a bank."""
        return [
            preset
            for preset in range(128)
            if self._synth.sfpreset_name(self._font, bank, preset) is not None
        ]

    def notes(
        self, bank: int, preset: int, pitches: Sequence[int], velocities: Sequence[int], held: float
    ) -> list[Recording]:
        """Every pitch at every velocity, held for ``held`` seconds."""
        channel = 9 if bank == _DRUM_BANK else 0
        self._synth.program_select(channel, self._font, bank, preset)
        return [
            self._note(channel, pitch, velocity, held)
            for velocity in velocities
            for pitch in pitches
        ]

    def _note(self, channel: int, pitch: int, velocity: int, held: float) -> Recording:
        for gain in (_GAIN, _GAIN / 4, _GAIN / 16):
            self._synth.setting("synth.gain", gain)
            self._synth.noteon(channel, pitch, velocity)
            on = self._synth.get_samples(int(held * _SYNTH_RATE))
            self._synth.noteoff(channel, pitch)
            off = self._synth.get_samples(int(_RELEASE_SECONDS * _SYNTH_RATE))
            self._synth.all_sounds_off(channel)
            self._synth.get_samples(_SYNTH_RATE // 20)
            stereo = np.concatenate([on, off])
            if np.abs(stereo.astype(np.int32)).max() < 32767:
                break
        mono = stereo.reshape(-1, 2).astype(np.float32).mean(1) / np.float32(32768 * gain)
        low = soxr.resample(mono, _SYNTH_RATE, SAMPLE_RATE)
        # Some emulated chips have a DC offset that would count as loudness.
        low = sosfilt(butter(2, 15, "highpass", fs=SAMPLE_RATE, output="sos"), low)
        end = int(held * SAMPLE_RATE)
        return Recording(
            pitch, velocity, np.asarray(low[:end], np.float32), np.asarray(low[end:], np.float32)
        )


@dataclass(frozen=True)
class _Task:
    """One file to write."""

    soundfont: Path
    kind: str
    preset: int
    out: Path


def _record(task: _Task) -> None:
    # One synthesiser per task: its dither state must not carry over between tasks.
    recorder = Recorder(task.soundfont)
    try:
        if task.kind == "kit":
            notes = recorder.notes(_DRUM_BANK, task.preset, DRUMS, (_DRUM_VELOCITY,), _SHOT_SECONDS)
        else:
            notes = recorder.notes(0, task.preset, PITCHES, VELOCITIES, HELD_SECONDS)
    finally:
        recorder.close()
    write_instrument(task.out, notes)


def _tasks(folder: Path, soundfonts: Sequence[Path]) -> list[_Task]:
    """The missing files; raises SoundBankError."""
    tasks = []
    for soundfont in soundfonts:
        recorder = Recorder(soundfont)
        wanted = [("program", preset) for preset in recorder.presets(0) if preset in PROGRAMS]
        wanted += [("kit", preset) for preset in recorder.presets(_DRUM_BANK)]
        recorder.close()
        for kind, preset in wanted:
            path = bank_path(folder, kind, Instrument(soundfont.stem, preset))
            if not path.exists():
                tasks.append(_Task(soundfont, kind, preset, path))
    return tasks


def build(folder: Path, soundfonts: Sequence[Path], jobs: int) -> None:
    """Record the missing instruments and kits in ``jobs`` processes.

    Raises:
        SoundBankError: FluidSynth is missing, a soundfont cannot be read, two have the same name,
            or ``folder`` holds a bank of another format.
        OSError: ``folder`` cannot be written.
    """
    if len({soundfont.stem for soundfont in soundfonts}) < len(soundfonts):
        raise SoundBankError("two soundfonts of the same name cannot be in one bank")
    tasks = _tasks(folder, soundfonts)
    write_header(folder)
    with start_pool(jobs) as pool:
        done = pool.imap_unordered(_record, tasks)
        for _ in tqdm(done, total=len(tasks), unit="instrument", mininterval=5):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/bank"), help="the bank's folder")
    parser.add_argument("--soundfont", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs: at least 1, not {arguments.jobs}")
    exit_on_signals()
    try:
        build(arguments.out, arguments.soundfont, arguments.jobs)
    except (SoundBankError, OSError) as error:
        sys.exit(f"training.soundbank: {error}")


if __name__ == "__main__":
    main()
