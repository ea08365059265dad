"""Tuning errors on chords rendered in known tunings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import find_peaks

from keyscan.model.tuning import Tuning, estimate_tuning
from keyscan.spectrogram.constant_q import constant_q
from training.music.notes import Note, voicing
from training.music.sampled import FAMILIES, Instrument, SoundBank
from training.music.timbres import SAMPLE_RATE, draw_timbre, render
from training.processes import single_threaded
from training.shards import MARGIN_BINS, wide_bank

FloatArray = npt.NDArray[np.float32]
Play = Callable[[Sequence[Note], float, int, float], FloatArray]

CLOSE_CENTS = 3.0
PITCHES_OF_A = (432.0, 440.0, 444.0)  # Hz
SPECTRA = ("sine", "saw", "square", "organ")
_CHORDS = ((0, 4, 7), (9, 0, 4), (5, 9, 0), (7, 11, 2))  # I vi IV V
_TONICS = (0, 3, 7, 10)
_HERTZ = (90.0, 1330.0)  # the frequency range of the front end's tuning estimate
_PADDED = 1 << 16
_LOUD = 0.1


@dataclass(frozen=True)
class Rendered:
    """Errors of the estimated tuning of an instrument, in cents, by pitch of A; None: unclear."""

    name: str
    deviations: tuple[float | None, ...]


def wrapped(cents: float) -> float:
    """``cents`` on the circle of 100 cents, -50 to 50."""
    return (cents + 50) % 100 - 50


def chords(play: Play, cents: float) -> FloatArray:
    """I vi IV V with a bass in four keys, one second per chord; ``cents`` above A = 440 Hz.

    ``play(notes, seconds per beat, samples, cents)`` returns the sound.
    """
    notes = []
    for number, tonic in enumerate(_TONICS):
        for place, chord in enumerate(_CHORDS):
            classes = [(tone + tonic) % 12 for tone in chord]
            pitches = [36 + classes[0], *voicing(classes, 60, None)]
            start = float(len(_CHORDS) * number + place)
            notes += [Note(start, 0.95, pitch, 0.9) for pitch in pitches]
    return play(notes, 1.0, len(_TONICS) * len(_CHORDS) * SAMPLE_RATE, cents)


def tuning_found(sound: FloatArray) -> Tuning:
    """The analyser's estimate for sound at the generator's rate, with equivalent filters."""
    spectrogram = constant_q(sound, wide_bank())[MARGIN_BINS:-MARGIN_BINS]
    return estimate_tuning(torch.from_numpy(np.ascontiguousarray(spectrogram)))


def tuning_of_partials(sound: FloatArray) -> float:
    """Cents above A = 440 Hz of the partials in the front end's range, second by second.

    A reference: a spectrum of one second resolves partials 2 Hz apart, where the front end's bins
    are up to 37 Hz wide. Weighted as in the front end, except that all seconds weigh the same.
    """
    total = 0j
    for start in range(0, len(sound) - SAMPLE_RATE + 1, SAMPLE_RATE):
        second = sound[start : start + SAMPLE_RATE] * np.hanning(SAMPLE_RATE)
        magnitudes = np.abs(np.fft.rfft(second, _PADDED))
        hertz = np.arange(len(magnitudes)) * (SAMPLE_RATE / _PADDED)
        magnitudes[(hertz < _HERTZ[0]) | (hertz > _HERTZ[1])] = 0
        peaks, _ = find_peaks(magnitudes, height=_LOUD * magnitudes.max() + 1e-9)
        weights = magnitudes[peaks] / (magnitudes[peaks].sum() + 1e-9)
        total += complex((weights * np.exp(2j * np.pi * 12 * np.log2(hertz[peaks] / 440))).sum())
    return math.atan2(total.imag, total.real) / (2 * math.pi) * 100


def additive(spectrum: str) -> Play:
    """A sustained sound with one of the spectra of ``timbres``: one voice, no vibrato."""
    timbre = replace(
        draw_timbre(random.Random(0), "pad"),
        spectrum=spectrum,
        voices=(0.0,),
        cutoff=4000.0,
        fundamental=1.0,
    )
    return lambda notes, beat, samples, cents: render(notes, timbre, beat, samples, cents)


def instruments(bank: SoundBank) -> dict[str, Play]:
    """Every instrument in a family, by soundfont and General MIDI program from 1."""
    programs = {program for family in FAMILIES.values() for program in family}

    def player(instrument: Instrument) -> Play:
        return lambda notes, beat, samples, cents: bank.play(
            notes, instrument, beat, samples, cents
        )

    return {
        f"{instrument.soundfont} {instrument.program + 1}": player(instrument)
        for instrument in bank.instruments
        if instrument.program in programs
    }


@single_threaded
def measure(name: str, play: Play, *, sampled: bool) -> Rendered:
    """The tuning errors of one instrument at each of ``PITCHES_OF_A``: estimate minus truth.

    Sampled instruments are themselves out of tune; their partials show by how much.
    """
    own = tuning_of_partials(chords(play, 0.0)) if sampled else 0.0
    deviations: list[float | None] = []
    for hertz in PITCHES_OF_A:
        cents = 1200 * math.log2(hertz / 440)
        found = tuning_found(chords(play, cents))
        deviations.append(wrapped(found.cents - cents - own) if found.is_clear else None)
    return Rendered(name, tuple(deviations))


def report(name: str, rendered: Sequence[Rendered], listed: int) -> str:
    """A line for each pitch of A, then the ``listed`` instruments with the largest errors."""
    lines = [
        f"{name} ({len(rendered)} instruments)",
        f"  {'A, Hz':>6}{'not clear':>11}{'median':>9}{'90 %':>7}{'95 %':>7}"
        f"   within {CLOSE_CENTS:g} cents, %",
    ]
    for column, hertz in enumerate(PITCHES_OF_A):
        found = [one.deviations[column] for one in rendered]
        sizes = [abs(value) for value in found if value is not None]
        cells = f"{'-':>9}{'-':>7}{'-':>7}{'-':>19}"
        if sizes:
            median, most, nearly_all = np.percentile(sizes, (50, 90, 95))
            close = 100 * sum(size <= CLOSE_CENTS for size in sizes) / len(sizes)
            cells = f"{median:9.2f}{most:7.2f}{nearly_all:7.2f}{close:19.1f}"
        lines.append(f"  {hertz:6g}{len(found) - len(sizes):11}{cells}")
    for one in sorted(rendered, key=_worst, reverse=True)[:listed]:
        cells = " ".join("    -" if value is None else f"{value:+5.1f}" for value in one.deviations)
        lines.append(f"  {one.name:28}{cells}")
    return "\n".join(lines) + "\n"


def _worst(rendered: Rendered) -> float:
    return max(math.inf if value is None else abs(value) for value in rendered.deviations)
