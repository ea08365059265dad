"""Plain cadences, from partials: no generator of training or of the examples is behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keyscan.keys import Key

RATE = 22050


def cadences(key: Key, seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Tonic, subdominant, dominant, tonic, a second each, in plain chords with a bass."""
    t = np.arange(rate) / rate
    third = 3 if key.mode == "minor" else 4
    bar = []
    for root, over in [(0, third), (5, third), (7, 4), (0, third)]:
        pitches = [36 + (key.tonic + root) % 12]
        pitches += [60 + (key.tonic + root + interval) % 12 for interval in (0, over, 7)]
        tones = [
            np.sin(2 * np.pi * n * 440 * 2 ** ((pitch - 69) / 12) * t) / n**2
            for pitch in pitches
            for n in range(1, 6)
        ]
        bar.append(np.sum(tones, axis=0) * np.exp(-t))
    samples = np.resize(np.concatenate(bar), round(seconds * rate))
    return np.asarray(samples / np.abs(samples).max() * 0.7, np.float32)
