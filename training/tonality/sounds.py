"""Seeded sounds in no key: drums, speech, noise and mixtures of them.

``make_nontonal(seed, index, bank)`` gives the samples, ``spectrogram_of`` the analyser's features.
The drums are those of the synthetic music, synthesised or from the sound bank's kits; the speech is
nonsense in many voices from the program eSpeak NG (``apt-get install espeak-ng``; other versions
can sound different).
"""

from __future__ import annotations

import io
import math
import random
import subprocess
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
from scipy import fft

from keyscan.spectrogram.constant_q import constant_q, load_filter_bank
from training.music import mix
from training.music.drums import drum_track
from training.music.sampled import SoundBank
from training.music.timbres import SAMPLE_RATE
from training.processes import single_threaded

FloatArray = npt.NDArray[np.float32]

_LANGUAGES = (
    "en-us", "en-gb", "de", "fr", "es", "it", "ru", "pl", "nl", "pt", "sv", "tr", "cs", "fi",
)  # fmt: skip
_VOICES = ("", *(f"+m{number}" for number in range(1, 8)), *(f"+f{n}" for n in range(1, 6)))
_SYLLABLES = (
    "ba", "da", "fi", "gor", "ker", "ko", "la", "lam", "le", "men", "min", "ne", "pin", "ri", "ru",
    "shu", "so", "sol", "ta", "ti", "ve",
)  # fmt: skip
_WORDS_PER_SECOND = 3.0  # rate of a fast speaker
_SPEAKING_SECONDS = 120.0  # a text takes less than one; a longer run is an error


class NonTonalError(Exception):
    """Material that cannot be made or read; the message says what to do."""


@dataclass(frozen=True, eq=False)
class NonTonal:
    """Mono samples at ``training.music.timbres.SAMPLE_RATE``; ``kind``: one of ``KINDS``."""

    samples: FloatArray
    kind: str


@dataclass(frozen=True, eq=False)
class _Scene:
    """Inputs of all makers: two random generators, the length in samples, the instruments."""

    rng: random.Random
    noise: np.random.Generator
    samples: int
    bank: SoundBank

    def kit(self) -> Mapping[int, FloatArray]:
        return self.bank.kit(self.rng.choice(self.bank.kits))


@single_threaded
def make_nontonal(seed: int, index: int, bank: SoundBank) -> NonTonal:
    """Sound ``index`` of the series ``seed``: 15 to 90 seconds; for a fifth of them 8 to 15.

    Raises:
        NonTonalError: eSpeak NG is missing or fails, or the bank has no drum kit.
        SoundBankError: the bank is damaged.
    """
    if not bank.kits:
        raise NonTonalError(f"{bank.folder}: no drum kit in this sound bank")
    rng = random.Random(f"{seed}/{index}")
    shortest, longest = (8, 15) if rng.random() < 0.2 else (15, 90)
    seconds = math.exp(rng.uniform(math.log(shortest), math.log(longest)))
    noise = np.random.default_rng([seed, index])
    scene = _Scene(rng, noise, int(seconds * SAMPLE_RATE), bank)
    kind = rng.choices(list(KINDS), [share for share, _ in KINDS.values()])[0]
    samples = mix.at_level(KINDS[kind][1](scene), rng.uniform(-26, -8))
    if rng.random() < 0.5:
        samples = mix.master(rng, noise, samples, plain=rng.random() < 0.2)
    return NonTonal(samples, kind)


@single_threaded
def spectrogram_of(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Mono samples -> the analyser's ``log1p(|C|)``, ``(105, frames)``."""
    bank = load_filter_bank()
    return constant_q(np.asarray(soxr.resample(samples, sample_rate, bank.sample_rate)), bank)


def scatter(rng: random.Random, shots: list[FloatArray], step: float, samples: int) -> FloatArray:
    """Each shot on its own steps of a bar of sixteen; ``step`` in samples."""
    out = np.zeros(samples, np.float32)
    for shot in shots:
        density = rng.choice((0.12, 0.25, 0.5))
        places = [place for place in range(16) if rng.random() < density] or [rng.randrange(16)]
        level = rng.uniform(0.3, 1.0)
        for index in range(int(samples / step)):
            if index % 16 in places:
                start = int(index * step)
                piece = shot[: samples - start] * np.float32(level * rng.uniform(0.8, 1))
                out[start : start + len(piece)] += piece
    return out


def _drums(scene: _Scene) -> FloatArray:
    """A groove, two at once, or shots of a kit in random patterns."""
    rng = scene.rng
    beat = 60.0 / rng.uniform(70, 180)
    if rng.random() < 0.3:
        shots = list(scene.kit().values())
        chosen = rng.sample(shots, min(len(shots), rng.randint(2, 7)))
        faster = [_at_speed(shot, 2 ** rng.uniform(-0.5, 0.5)) for shot in chosen]
        return scatter(rng, faster, beat / 4 * SAMPLE_RATE, scene.samples)
    kit = scene.kit() if rng.random() < 0.6 else None
    drums = _groove(scene, beat, kit)
    if rng.random() < 0.3:
        drums = drums + _groove(scene, beat, kit) * np.float32(rng.uniform(0.2, 1))
    return drums


def _groove(scene: _Scene, beat: float, kit: Mapping[int, FloatArray] | None) -> FloatArray:
    tonic = scene.rng.randrange(12)
    return drum_track(scene.rng, scene.noise, tonic, beat, scene.samples, None, kit)[0]


def _at_speed(shot: FloatArray, ratio: float) -> FloatArray:
    """The shot at another tape speed; peak 1."""
    at = np.arange(0, len(shot), ratio)
    played = np.interp(at, np.arange(len(shot)), shot).astype(np.float32)
    return np.asarray(played / (np.abs(played).max() + 1e-6), np.float32)


def _together(layers: list[FloatArray]) -> FloatArray:
    return np.asarray(np.sum(layers, axis=0), np.float32)


def _speech(scene: _Scene) -> FloatArray:
    """One voice, up to three in turn, or a few at once."""
    rng = scene.rng
    voices = [_voice(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if len(voices) > 1 and rng.random() < 0.3:
        return _together([_spoken(scene, voice, scene.samples) for voice in voices])
    turns, missing = [], scene.samples
    while missing > 0:
        turn = _spoken(scene, rng.choice(voices), min(missing, rng.randint(4, 30) * SAMPLE_RATE))
        turns.append(turn)
        missing -= len(turn)
    return np.concatenate(turns)


def _voice(rng: random.Random) -> tuple[str, ...]:
    """eSpeak NG's options: the language and its variant, words a minute, pitch."""
    name = rng.choice(_LANGUAGES) + rng.choice(_VOICES)
    return ("-v", name, "-s", str(rng.randint(100, 220)), "-p", str(rng.randint(5, 95)))


def _spoken(scene: _Scene, voice: tuple[str, ...], samples: int) -> FloatArray:
    """``length`` samples of nonsense, repeated if the speech is shorter."""
    rng = scene.rng
    words = []
    for _ in range(20 + int(samples / SAMPLE_RATE * _WORDS_PER_SECOND)):
        word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(1, 4)))
        words.append(word + rng.choice(("", "", "", "", ",", ".", "?")))
    said = _speak(" ".join(words), voice)
    return np.resize(said, samples)


def _speak(text: str, voice: tuple[str, ...]) -> FloatArray:
    command = ["espeak-ng", *voice, "--stdout", text]
    try:
        run = subprocess.run(command, capture_output=True, check=True, timeout=_SPEAKING_SECONDS)
        with wave.open(io.BytesIO(run.stdout)) as file:
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
    except FileNotFoundError as error:
        raise NonTonalError("espeak-ng is missing: apt-get install espeak-ng") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NonTonalError(f"espeak-ng failed with {error.returncode}: {said}") from error
    except (subprocess.TimeoutExpired, wave.Error, EOFError) as error:
        raise NonTonalError(f"espeak-ng gave no sound: {error}") from error
    if not frames:
        raise NonTonalError(f"espeak-ng gave no sound: {' '.join(voice)}")
    samples = np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(32768)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)


def _noise(scene: _Scene) -> FloatArray:
    return scene.rng.choice((_hiss, _hiss, _surf, _crowd, _applause, _static))(scene)


def _hiss(scene: _Scene) -> FloatArray:
    """Noise of any colour, blue to brown."""
    spectrum = fft.rfft(scene.noise.standard_normal(scene.samples, dtype=np.float32))
    spectrum *= np.arange(1, len(spectrum) + 1) ** -scene.rng.uniform(-0.3, 1.3)
    return mix.at_level(np.asarray(fft.irfft(spectrum, scene.samples), np.float32), 0.0)


def _surf(scene: _Scene) -> FloatArray:
    """Noise with periodic swells, from waves on a beach to a helicopter."""
    t = np.arange(scene.samples, dtype=np.float32) / SAMPLE_RATE
    hertz = np.float32(math.exp(scene.rng.uniform(math.log(0.05), math.log(12))))
    depth = np.float32(scene.rng.uniform(0.3, 1))
    return np.asarray(_hiss(scene) * (1 + depth * np.sin(2 * np.pi * hertz * t)), np.float32)


def _wandering(scene: _Scene, per_second: float) -> FloatArray:
    """A random level, ``per_second`` points a second, linearly interpolated; half of it silent."""
    knots = int(scene.samples / SAMPLE_RATE * per_second) + 2
    at = np.arange(scene.samples) * (per_second / SAMPLE_RATE)
    levels = np.maximum(scene.noise.standard_normal(knots), 0)
    return np.asarray(np.interp(at, np.arange(knots), levels), np.float32)


def _crowd(scene: _Scene) -> FloatArray:
    """Many voices: bands of noise, each with its own syllables."""
    bands = [_hiss(scene) * _wandering(scene, scene.rng.uniform(2, 8)) for _ in range(4)]
    return _together([*bands, _hiss(scene) * np.float32(0.2)])


def _applause(scene: _Scene) -> FloatArray:
    """Claps at random, from a few hands to a hall."""
    per_second = math.exp(scene.rng.uniform(math.log(3), math.log(200)))
    claps = scene.noise.random(scene.samples) < per_second / SAMPLE_RATE
    impulses = np.where(claps, scene.noise.uniform(0.2, 1, scene.samples), 0)
    length = int(scene.rng.uniform(0.01, 0.04) * SAMPLE_RATE)
    clap = scene.noise.standard_normal(4 * length) * np.exp(-np.arange(4 * length) / length)
    size = fft.next_fast_len(scene.samples + len(clap), real=True)
    sound = fft.irfft(fft.rfft(impulses, size) * fft.rfft(clap, size), size)
    return np.asarray(sound[: scene.samples], np.float32)


def _static(scene: _Scene) -> FloatArray:
    """A radio between stations: intermittent hiss, and crackle."""
    white = scene.noise.standard_normal(scene.samples, dtype=np.float32)
    crackle = np.where(np.abs(white) > 3.2, white, np.float32(0)) * scene.rng.uniform(0, 5)
    return np.asarray(_hiss(scene) * (0.3 + _wandering(scene, 3)) + crackle, np.float32)


def _mixture(scene: _Scene) -> FloatArray:
    """Two of the other kinds, the second up to 20 dB below the first."""
    first, second = scene.rng.sample((_drums, _speech, _noise), 2)
    below = mix.at_level(second(scene), scene.rng.uniform(-20, 0))
    return mix.at_level(first(scene), 0.0) + below


KINDS: dict[str, tuple[float, Callable[[_Scene], FloatArray]]] = {
    "drums": (0.4, _drums),
    "speech": (0.2, _speech),
    "noise": (0.2, _noise),
    "mixture": (0.2, _mixture),
}
"""The share of each kind, and its maker."""
