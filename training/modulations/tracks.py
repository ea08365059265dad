"""Tracks of synthetic music with known key changes.

A track is one piece, in one key or with one to five changes, or a mix of pieces. The parts of a
piece keep their tempo, instruments, figures and effects through all of its keys: only the key
changes. Passages without a key (drums alone, ambience, breaks) have the label of the key before
them; at the start of a track, that of the first key.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from keyscan.analysis import Segment
from keyscan.keys import KEYS, Key
from training.modulations.piece import (
    SHORTEST,
    Piece,
    Quiet,
    QuietKind,
    compose,
    draw_style,
    record,
)
from training.music import mix
from training.music.harmony import draw_key
from training.music.sampled import SoundBank
from training.music.timbres import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]
Kind = Literal["one key", "changes", "mix"]

_KINDS: dict[Kind, float] = {"one key": 0.25, "changes": 0.5, "mix": 0.25}
_SECONDS = (120.0, 360.0)  # of a track
_PART_SECONDS = (20.0, 120.0)  # seconds in a key; the last part can be shorter: a transposed chorus
_TYPICAL_SECONDS, _SPREAD = 45.0, 0.5  # log-normal
_FADE_SECONDS = (4.0, 16.0)
_CHANGES = {1: 0.4, 2: 0.3, 3: 0.15, 4: 0.1, 5: 0.05}
_HOME_AGAIN = 0.4
# Modulations: semitones within the mode, or the other mode.
_MOVES: dict[int | Literal["relative", "parallel"], float] = {
    1: 0.17,
    2: 0.17,
    -1: 0.03,
    -2: 0.05,
    "relative": 0.15,
    "parallel": 0.1,
    7: 0.09,
    5: 0.09,
    3: 0.04,
    -3: 0.04,
    4: 0.035,
    -4: 0.035,
}


@dataclass(frozen=True, eq=False)
class ModulatedTrack:
    """``samples``: mono at ``timbres.SAMPLE_RATE``; ``segments``: the truth, without gaps."""

    samples: FloatArray
    segments: tuple[Segment, ...]
    kind: Kind
    styles: tuple[str, ...]


def make_track(seed: int, index: int, bank: SoundBank | None = None) -> ModulatedTrack:
    """Track ``index`` of the series ``seed``; the same arguments give the same samples.

    Without a ``bank`` of sampled instruments all timbres are additive.
    """
    rng = random.Random(f"modulations/{seed}/{index}")
    noise = np.random.default_rng([seed, index])
    kind = rng.choices(get_args(Kind), [_KINDS[kind] for kind in get_args(Kind)])[0]
    if kind == "mix":
        return _make_mix(rng, noise, bank)
    style = draw_style(rng)
    changes = 0 if kind == "one key" else rng.choices(list(_CHANGES), list(_CHANGES.values()))[0]
    keys = draw_keys(rng, draw_key(rng, style.minor), changes)
    piece = _with_quiet_parts(rng, compose(rng, style, keys, draw_lengths(rng, changes + 1)))
    samples = record(rng, noise, piece, bank)
    return ModulatedTrack(samples, _segments(piece), kind, (style.name,))


def draw_keys(rng: random.Random, home: Key, changes: int) -> list[Key]:
    """``home``, and the keys after each change; neighbours differ."""
    keys = [home]
    for _ in range(changes):
        if keys[-1] != home and rng.random() < _HOME_AGAIN:
            keys.append(home)
        else:
            move = rng.choices(list(_MOVES), list(_MOVES.values()))[0]
            keys.append(_moved(keys[-1], move))
    return keys


def _moved(key: Key, move: int | Literal["relative", "parallel"]) -> Key:
    if isinstance(move, int):
        return Key((key.tonic + move) % 12, key.mode)
    return next(k for k in KEYS if k != key and k.relation_to(key) == move)


def draw_lengths(rng: random.Random, parts: int) -> list[float]:
    """The lengths of the parts of a track in seconds, 2 to 6 minutes in total."""
    if parts == 1:
        return [rng.uniform(*_SECONDS)]
    low, high = _PART_SECONDS
    while True:
        drawn = [rng.lognormvariate(math.log(_TYPICAL_SECONDS), _SPREAD) for _ in range(parts)]
        lengths = [min(high, max(low, seconds)) for seconds in drawn]
        if rng.random() < 0.25:
            lengths[-1] = rng.uniform(SHORTEST, low)
        if _SECONDS[0] <= sum(lengths) <= _SECONDS[1]:
            return lengths


def _segments(piece: Piece) -> tuple[Segment, ...]:
    # The sound ends at a whole sample, and so does the last bar.
    starts = [section.start * piece.beat for section in piece.sections]
    ends = [*starts[1:], piece.samples / SAMPLE_RATE]
    keys = [section.harmony.key for section in piece.sections]
    return tuple(Segment(*part, confidence=1.0) for part in zip(starts, ends, keys, strict=True))


def _with_quiet_parts(rng: random.Random, piece: Piece) -> Piece:
    """An introduction, an ending and breaks without a key, each inside the parts of one key."""
    quiet: list[Quiet] = []
    for number, section in enumerate(piece.sections):
        first, last = number == 0, section is piece.sections[-1]
        left = section.harmony.beats * piece.beat - SHORTEST
        places = {"start": 0.5 if first else 0.0, "end": 0.5 if last else 0.2, "inside": 0.2}
        for place, share in places.items():
            at_edge = place == "start" or (place == "end" and last)
            most = min(left, 30.0 if at_edge else 12.0)
            bars = [n for n in (1, 2, 4, 8, 16) if n * piece.bar_seconds <= most]
            if rng.random() >= share or not bars:
                continue
            beats = 4.0 * rng.choice(bars[-3:])
            left -= beats * piece.beat
            room = section.harmony.beats - beats
            # Not directly after a change: a key starts where it is audible.
            inside = 4.0 * round(room / 4 * rng.uniform(1 / 3, 1))
            at = {"start": 0.0, "end": room, "inside": inside}[place]
            quiet.append(Quiet(section.start + at, beats, rng.choice(get_args(QuietKind))))
    return replace(piece, quiet=tuple(quiet))


def _make_mix(
    rng: random.Random, noise: np.random.Generator, bank: SoundBank | None
) -> ModulatedTrack:
    """Cross-faded pieces; the middle of a cross-fade is the boundary."""
    lengths = draw_lengths(rng, rng.randint(3, 6))
    fades = [0.0, *(rng.uniform(*_FADE_SECONDS) for _ in lengths[1:]), 0.0]
    bounds = [round(SAMPLE_RATE * sum(lengths[:n])) for n in range(len(lengths) + 1)]
    mixed = np.zeros(bounds[-1], np.float32)
    segments: list[Segment] = []
    styles = []
    crossings = [round(SAMPLE_RATE * fade) for fade in fades]
    places = zip(pairwise(bounds), pairwise(crossings), strict=True)
    for (start, end), (fade_in, fade_out) in places:
        style = draw_style(rng)
        key = _next_in_mix(rng, segments[-1].key if segments else None, style.minor)
        low, high = start - fade_in // 2, end + fade_out - fade_out // 2
        piece = compose(rng, style, [key], [(high - low) / SAMPLE_RATE + 4 * style.slowest_beat])
        sound = mix.at_level(record(rng, noise, piece, bank)[: high - low], rng.uniform(-20, -17))
        mixed[low:high] += sound * _faded(high - low, fade_in, fade_out)
        segments.append(Segment(start / SAMPLE_RATE, end / SAMPLE_RATE, key, 1.0))
        styles.append(style.name)
    return ModulatedTrack(mixed, tuple(segments), "mix", tuple(styles))


def _next_in_mix(rng: random.Random, before: Key | None, minor: float) -> Key:
    """A key other than ``before``, mostly one that DJs consider compatible."""
    if before is not None and rng.random() < 0.6:
        return rng.choice([key for key in before.compatible() if key != before])
    while (key := draw_key(rng, minor)) == before:
        pass
    return key


def _faded(samples: int, fade_in: int, fade_out: int) -> FloatArray:
    """An equal-power gain: two overlapping fades are as loud as one."""
    gain = np.ones(samples, np.float32)
    gain[:fade_in] = np.sin(np.linspace(0, np.pi / 2, fade_in))
    gain[samples - fade_out :] *= np.cos(np.linspace(0, np.pi / 2, fade_out, dtype=np.float32))
    return gain
