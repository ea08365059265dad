"""A generated track in a known key, encoders, and how long its analysis takes here.

The self-test, the demo and the benchmarks use it. It is four bars of I, IV-I, I-V, I (in harmonic
minor i, iv-i, i-V, i) over a bass that keeps returning to the tonic, with a melody of chord notes
that comes to rest on the tonic, a kick and hi-hats.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np
import soundfile
from av.codec.codec import UnknownCodecError
from numpy.typing import NDArray

from keyscan.doctor.progress import say
from keyscan.keys import Key
from keyscan.runtime import Stages, keep_freed_memory
from keyscan.spectrogram.features import extract_features, warm_up

if TYPE_CHECKING:
    from keyscan.model.checkpoint import KeyModel

SAMPLE_RATE = 44100
FORMATS = ("wav", "flac", "ogg", "mp3", "m4a", "aac")
"""The formats of collections: timed here, and without them no self-test passes."""
Samples = NDArray[np.float32]

_REPEATS = 3
_BEAT = 60 / 124  # seconds: the tempo of house
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
_PROGRESSION = (0, 0, 3, 0, 0, 4, 0, 0)  # degrees of the scale, two a bar
_SOUNDFILE_EXTENSIONS = {".wav", ".flac", ".ogg", ".aiff", ".aif", ".au"}
_CODECS = {".mp3": "libmp3lame", ".m4a": "aac", ".aac": "aac", ".wma": "wmav2", ".webm": "libopus"}


def benchmark(model: KeyModel) -> dict[str, dict[str, float]]:
    """Seconds for half a minute of music by format and stage, one file at a time in this process.

    ``first`` is the total of a format's first file, the others are medians of the files after it.
    Formats that cannot be encoded here are left out.

    Raises:
        OSError: there is no folder for temporary files.
        AnalysisError: such a file cannot be read.
    """
    keep_freed_memory()  # as the server and its workers do
    warm_up()
    samples = np.tile(render_track(Key.parse("A minor"), 10.0), (3, 1))
    timings = {}
    with tempfile.TemporaryDirectory(prefix="keyscan-") as folder:
        for name in FORMATS:
            path = Path(folder) / f"track.{name}"
            if not try_to_write(path, samples, SAMPLE_RATE):
                continue
            say(f"timing {name}")
            first = analyse(model, path)["total"]
            rows = [analyse(model, path) for _ in range(_REPEATS)]
            median = {stage: statistics.median(row[stage] for row in rows) for stage in rows[0]}
            timings[name] = {
                "first": first,
                **{stage: median[stage] for stage in ("decode", "resample", "cqt")},
                "inference": median["to_device"] + median["model_inference"],
                "total": median["total"],
            }
            path.unlink()
    return timings


def analyse(model: KeyModel, path: Path) -> dict[str, float]:
    """Seconds by stage, and in ``total``, of one file from decoding to the key.

    Raises:
        AnalysisError: the file cannot be analysed.
    """
    from keyscan.model.estimate import estimate_key  # torch, which a track does not need

    start = time.perf_counter()
    features = extract_features(path)
    stages = Stages()
    estimate_key(model, features.spectrogram, stages=stages)
    total = time.perf_counter() - start
    return {**features.seconds, **stages.seconds, "total": total}


def render_track(key: Key, seconds: float = 20.0, seed: int = 0) -> Samples:
    """A track in ``key``: (samples, 2) float32 at 44,100 Hz, peak 0.8; ``seed`` varies the melody.

    The tuning is A4 = 440 Hz.
    """
    rng = np.random.default_rng(seed)
    track = np.zeros((round(seconds * SAMPLE_RATE), 2), np.float32)
    scale = _SCALES[key.mode]
    tonic = 48 + key.tonic - (12 if key.tonic > 6 else 0)  # MIDI: between F#2 and F#3

    def pitch(degree: int, octave: int = 0) -> int:
        return tonic + scale[degree % 7] + 12 * (degree // 7 + octave)

    for beat in range(int(np.ceil(seconds / _BEAT))):
        root, at = _PROGRESSION[beat // 2 % len(_PROGRESSION)], beat * _BEAT
        if beat % 2 == 0:
            for third, pan in ((0, 0.5), (2, 0.3), (4, 0.7)):
                chord = _tone(pitch(root + third, 1), 2 * _BEAT, brightness=0.5)
                _add(track, at, chord, 0.2, pan)
        low = pitch(0 if beat % 2 == 0 else root, -1)
        _add(track, at, _tone(low, 0.9 * _BEAT, brightness=0.6), 0.35, 0.5)
        degree = 7 if beat % 4 == 3 else root + int(rng.choice((0, 2, 4)))
        _add(track, at, _tone(pitch(degree, 1), 0.8 * _BEAT, brightness=0.3), 0.15, 0.6)
        _add(track, at, _kick(), 0.4, 0.5)
        _add(track, at + _BEAT / 2, _hat(rng), 0.05, 0.4)
    return (track * (0.8 / max(float(np.abs(track).max()), 1e-9))).astype(np.float32)


def write_audio(path: str | os.PathLike[str], samples: Samples, sample_rate: int) -> None:
    """Write (samples, channels) float32 in the format that the extension of ``path`` names.

    Raises:
        ValueError: no format is known by that extension.
    """
    extension = Path(path).suffix.lower()
    if extension in _SOUNDFILE_EXTENSIONS:
        # In blocks, as libsndfile's Vorbis encoder overflows its stack on one long write.
        with soundfile.SoundFile(path, "w", sample_rate, samples.shape[1]) as file:
            for start in range(0, len(samples), sample_rate):
                file.write(samples[start : start + sample_rate])
    elif extension in _CODECS:
        encode(path, samples, sample_rate, _CODECS[extension])
    else:
        raise ValueError(f"no format is known for {extension!r}")


def try_to_write(path: Path, samples: Samples, sample_rate: int) -> bool:
    """``write_audio``, unless the encoder is missing: not every build of the libraries has all.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        write_audio(path, samples, sample_rate)
    except (UnknownCodecError, av.error.ArgumentError, soundfile.LibsndfileError):
        path.unlink(missing_ok=True)
        return False
    return True


def encode(
    path: str | os.PathLike[str], samples: Samples, sample_rate: int, codec: str, *,
    container: str | None = None, bit_rate: int | None = 256_000,
    encoder_options: dict[str, str] | None = None, muxer_options: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Write (samples, channels) float32 with one of FFmpeg's encoders.

    ``container`` is FFmpeg's name of a format (None: by the extension); ``bit_rate`` in bits a
    second (None: the encoder's choice).
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    with av.open(os.fspath(path), "w", format=container, options=muxer_options or {}) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.options = dict(encoder_options or {})
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for start in range(0, len(samples), sample_rate):
            block = samples[start : start + sample_rate].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = sample_rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@lru_cache(64)  # a track repeats a few tones
def _tone(midi: int, seconds: float, brightness: float) -> Samples:
    """A plucked tone: harmonics that fall by ``brightness`` each, with a decaying envelope."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(brightness**n * np.sin(2 * np.pi * frequency * (n + 1) * t) for n in range(6))
    fade = np.minimum(1, np.minimum(t, t[::-1]) / 0.01)
    return (wave * fade * np.exp(-t / seconds)).astype(np.float32)


def _kick() -> Samples:
    t = np.arange(round(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    sweep = 45 * t + 110 * 0.03 * (1 - np.exp(-t / 0.03))  # cycles: from 155 Hz down to 45 Hz
    return (np.sin(2 * np.pi * sweep) * np.exp(-t / 0.08)).astype(np.float32)


def _hat(rng: np.random.Generator) -> Samples:
    t = np.arange(round(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.diff(rng.standard_normal(len(t) + 1))  # a difference is a high-pass
    return (noise * np.exp(-t / 0.015)).astype(np.float32)


def _add(track: Samples, start: float, sound: Samples, gain: float, pan: float) -> None:
    """Mix ``sound`` in at ``start`` seconds; ``pan`` runs from 0 (left) to 1 (right)."""
    first = round(start * SAMPLE_RATE)
    part = track[first : first + len(sound)]
    part += gain * sound[: len(part), None] * np.array([1 - pan, pan], np.float32)
