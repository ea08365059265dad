"""The sum of streams that arrive in pieces, in turns: the stems of a piece of music."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keyscan.audio.decoder import Block
from keyscan.audio.mixdown import Mono
from keyscan.audio.resampling import Resampler

_BLOCK_SECONDS = 1
_MOST_SECONDS_APART = 60  # a stream that is farther behind has ended


class StemSum:
    """Adds mono signals that begin at the same time; the first piece sets the sample rate."""

    def __init__(self, count: int) -> None:
        self._rate = 0
        self._pieces: list[list[Mono]] = [[] for _ in range(count)]
        self._lengths = [0] * count
        self._resamplers: dict[tuple[int, int], Resampler] = {}

    def push(self, stream: int, block: Block) -> None:
        """Take the next samples of a stream, counted from 0."""
        self._rate = self._rate or block.sample_rate
        samples = block.samples
        if block.sample_rate != self._rate:
            source = stream, block.sample_rate
            if source not in self._resamplers:
                self._resamplers[source] = Resampler(block.sample_rate, self._rate)
            samples = self._resamplers[source].push(samples)
        self._append(stream, samples)

    def complete(self) -> Iterator[Block]:
        """What all streams have reached, once it is worth a block."""
        count = max(min(self._lengths), max(self._lengths) - _MOST_SECONDS_APART * self._rate)
        if count > _BLOCK_SECONDS * self._rate:
            yield self._take(count)

    def rest(self) -> Iterator[Block]:
        """What is left when all streams have ended; silence follows the shorter ones."""
        for (stream, _), resampler in self._resamplers.items():
            self._append(stream, resampler.finish())
        if count := max(self._lengths):
            yield self._take(count)

    def _append(self, stream: int, samples: Mono) -> None:
        self._pieces[stream].append(samples)
        self._lengths[stream] += len(samples)

    def _take(self, count: int) -> Block:
        total = np.zeros(count, np.float32)
        for stream, pieces in enumerate(self._pieces):
            samples = np.concatenate([*pieces, np.empty(0, np.float32)])
            taken = samples[:count]
            total[: len(taken)] += taken
            self._pieces[stream] = [samples[count:].copy()]
            self._lengths[stream] -= len(taken)
        return Block(total, self._rate)
