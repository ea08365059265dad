"""The library of the soak: good files in every format, and all kinds of bad ones."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.errors import ERROR_CODES
from keyscan.keys import KEYS
from tests import faulty_server
from tests.audio_files import FORMATS, write_video

CUT = ("wav", "flac", "ogg-vorbis", "aiff", "mp3", "m4a", "m4a-faststart", "webm")


@dataclass(frozen=True)
class File:
    """The possible ``codes`` of the reply, and its key, ``camelot``, if known."""

    path: str
    codes: frozenset[str]
    camelot: str | None = None


def write_files(folder: Path, seed: int, *, faulty: bool) -> list[File]:
    """Write the library; ``faulty`` adds the names on which workers of the faulty server fail."""
    chance = random.Random(seed)
    files = _good_files(folder, chance)
    files += _damaged_files(folder, chance, files)
    files += _files_without_a_key(folder, chance)
    if faulty:
        for name, codes in faulty_server.CODES.items():
            files.append(File(str(folder / f"{name}.mp3"), frozenset(codes)))
    return files


def _good_files(folder: Path, chance: random.Random) -> list[File]:
    """Four to ten seconds in every format, in a random key."""
    files = []
    for number, (name, kind) in enumerate(FORMATS.items()):
        key = KEYS[number % len(KEYS)]
        samples = render_track(key, chance.uniform(4, 10), seed=number)
        path = folder / f"good {name}{kind.extension}"
        if kind.rate is None:
            kind.write(path, samples, SAMPLE_RATE)
        else:
            kind.write(path, _resampled(samples, kind.rate), kind.rate)
        files.append(File(str(path), frozenset({"ok"}), key.camelot))
    return files


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    import soxr

    resampled: np.ndarray = soxr.resample(samples, SAMPLE_RATE, rate, "HQ")
    return resampled


def _damaged_files(folder: Path, chance: random.Random, good: list[File]) -> list[File]:
    """Every good file with a run of noise, and some cut at a random place."""
    files, any_code = [], frozenset({"ok", *ERROR_CODES} - {"internal_error", "decoder_crashed"})
    for file in good:
        path = Path(file.path)
        data = bytearray(path.read_bytes())
        start = chance.randrange(len(data))
        data[start : start + 2000] = chance.randbytes(min(2000, len(data) - start))
        damaged = folder / path.name.replace("good", "damaged")
        damaged.write_bytes(data)
        files.append(File(str(damaged), any_code))
    for name in CUT:
        path = folder / f"good {name}{FORMATS[name].extension}"
        data = bytearray(path.read_bytes())
        cut = folder / path.name.replace("good", "cut")
        cut.write_bytes(data[: chance.randrange(1, len(data))])
        files.append(File(str(cut), any_code))
    return files


def _files_without_a_key(folder: Path, chance: random.Random) -> list[File]:
    music = render_track(KEYS[0], 4.0)
    (folder / "empty.mp3").touch()
    (folder / "text.mp3").write_text("This is no music.\n" * 500)
    (folder / "noise.mp3").write_bytes(chance.randbytes(100_000))
    (folder / "loop.mp3").symlink_to(folder / "loop.mp3")
    os.mkfifo(folder / "fifo.wav")
    soundfile.write(folder / "silence.flac", np.zeros_like(music), SAMPLE_RATE)
    soundfile.write(folder / "short.wav", music[: SAMPLE_RATE // 2], SAMPLE_RATE)
    soundfile.write(folder / "nothing.wav", music[:0], SAMPLE_RATE)
    write_video(folder / "video.mp4", None, 0, container="mp4")
    codes = {
        "missing.mp3": "file_not_found",
        "empty.mp3": "empty_file",
        "text.mp3": "unsupported_format",
        "noise.mp3": "unsupported_format",
        "loop.mp3": "invalid_path",
        "fifo.wav": "not_a_file",
        "silence.flac": "silent",
        "short.wav": "too_short",
        "nothing.wav": "no_audio",
        "video.mp4": "no_audio",
    }
    files = [File(str(folder / name), frozenset({code})) for name, code in codes.items()]
    files.append(File(str(folder), frozenset({"not_a_file"})))
    files.append(File("/" + "x" * 5000 + ".mp3", frozenset({"invalid_path"})))
    files.append(File("/a\0b.mp3", frozenset({"invalid_path"})))
    return files
