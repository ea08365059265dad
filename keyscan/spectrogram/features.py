"""A file becomes a spectrogram: what a worker process does, without torch and without librosa."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np

from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.errors import DecodeFailed, ReadFailed, Silent, TooLong, TooShort
from keyscan.spectrogram.constant_q import (
    FRAMES_PER_SECOND,
    MAX_SECONDS,
    SILENCE,
    ConstantQ,
    CqtEngine,
    Features,
    FloatArray,
    load_filter_bank,
)
from keyscan.spectrogram.pieces import (
    LEAD_SECONDS,
    FileStamp,
    Helpers,
    Piece,
    Seam,
    Seams,
    Sharing,
)
from keyscan.stages import Stages

MIN_SECONDS = 3.0
PART_FRAMES = 3600 * FRAMES_PER_SECOND
_CODEC_ROUNDING = 0.1  # a codec's frames may cost a 3-second track this much of its length


class Stopped(Exception):
    """Nobody wants the features any more."""


def extract_features(
    file: str | os.PathLike[str] | SourceFile,
    engine: CqtEngine = "matrix",
    should_stop: Callable[[], bool] = lambda: False,
    hand_over: Callable[[FloatArray], None] | None = None,
    *,
    ahead: bool = False,
    helpers: Helpers | None = None,
) -> Features:
    """Decode a file and transform it, in blocks; ``should_stop`` is asked between them.

    ``file`` is a path, or what was opened there, see ``AudioStream``.
    ``ahead``: see ``AudioStream``.
    ``hand_over`` is called with every hour of the spectrogram, ``(105, frames)``, as soon as it is
    there, and ``Features`` then have what comes behind it; None: they have all.
    ``helpers`` may decode pieces of a long file, which then is not decoded ahead; once they have
    all behind the first cut, ``Features`` are complete up to there only.

    Raises:
        AnalysisError: the file cannot be analysed; the class says why.
        Stopped: ``should_stop()`` was true.
    """
    stages = Stages()
    transform = _ENGINES[engine]()
    loudest = 0.0
    with AudioStream(file, transform.sample_rate, stages, ahead=ahead) as stream:
        sharing = None
        if helpers is not None and isinstance(transform, ConstantQ):
            sharing = Sharing(stream, helpers)
        for block in _blocks(stream, should_stop):
            with stages.measure("cqt"):
                transform.push(block)
            if hand_over is not None and (part := _full_part(transform, stages)) is not None:
                loudest = max(loudest, float(part.max()))
                hand_over(part)
            if sharing is not None and sharing.ends_with(block):
                assert isinstance(transform, ConstantQ)
                with stages.measure("cqt"):
                    first_piece = transform.take()
                return Features(first_piece, stream.duration, (), stages.seconds)
        duration, warnings = stream.duration, tuple(stream.warnings)
    if duration < MIN_SECONDS - _CODEC_ROUNDING:
        raise TooShort(
            f"{duration:.1f} seconds of sound are too little to tell a key from: "
            f"at least {MIN_SECONDS:g} are needed"
        )
    with stages.measure("cqt"):
        spectrogram = transform.finish()
    with stages.measure("postprocess"):
        if max(loudest, float(spectrogram.max(initial=0))) < SILENCE:
            reasons = [warning.message for warning in warnings]
            raise Silent("; ".join(["the mix of all channels is silent", *reasons]))
    return Features(spectrogram, duration, warnings, stages.seconds)


def extract_piece(
    path: str | os.PathLike[str],
    piece: Piece,
    should_stop: Callable[[], bool],
    hand_over: Callable[[FloatArray], None],
    on_seam: Callable[[Seam], None],
) -> Features:
    """The frames of a piece, which must be sound without a fault; ``hand_over`` as above.

    ``on_seam`` gets the sound at both ends of the piece. ``Features.duration`` is what there is up
    to the last sample that was decoded.

    Raises:
        AnalysisError: the piece cannot be had like this: the file is to be decoded as a whole.
        Stopped: ``should_stop()`` was true.
    """
    stages = Stages()
    transform = _MatrixEngine()
    start = piece.start - LEAD_SECONDS
    window = _Window(piece, start)
    with AudioStream(
        path, transform.sample_rate, stages, start=start, should_stop=should_stop
    ) as stream:
        if FileStamp.of(stream.status()) != piece.stamp:
            raise ReadFailed("the file is another one than before")
        seams = Seams(piece.cuts, start, transform.sample_rate)
        for block in _blocks(stream, should_stop):
            with stages.measure("cqt"):
                transform.push(block)
            for seam in seams.push(block):
                on_seam(seam)
            if (part := _full_part(transform, stages)) is not None:
                hand_over(window.of(part))
            if seams.complete and piece.end is not None:
                break
        if not stream.is_intact:
            raise DecodeFailed("the piece is damaged")
        duration = stream.duration
    with stages.measure("cqt"):
        last = window.of(transform.finish() if piece.end is None else transform.take())
    if float(last.max(initial=0)) < SILENCE:
        raise Silent("the piece is silent")
    return Features(last, duration, (), stages.seconds)


def warm_up(engine: CqtEngine = "matrix") -> None:
    """Pay for every first call before the first file does."""
    transform = _ENGINES[engine]()
    transform.push(np.zeros(4 * transform.sample_rate, np.float32))
    transform.finish()


def _blocks(stream: AudioStream, should_stop: Callable[[], bool]) -> Iterator[FloatArray]:
    for block in stream:
        if should_stop():
            raise Stopped
        if stream.duration > MAX_SECONDS:
            raise TooLong(f"there are more than {MAX_SECONDS / 3600:g} hours of sound")
        yield block


def _full_part(transform: _MatrixEngine | _LibrosaEngine, stages: Stages) -> FloatArray | None:
    """What is to be handed over, if there is enough of it."""
    if not isinstance(transform, ConstantQ) or transform.frames_complete < PART_FRAMES:
        return None
    with stages.measure("cqt"):
        return transform.take()


class _Window:
    """The frames of a piece among all those of a stream that starts before it, and ends behind."""

    def __init__(self, piece: Piece, start: int) -> None:
        """The stream starts at second ``start``."""
        self._first = (piece.start - start) * FRAMES_PER_SECOND
        self._last = None if piece.end is None else (piece.end - start) * FRAMES_PER_SECOND
        self._position = 0

    def of(self, part: FloatArray) -> FloatArray:
        """What the next frames, ``(105, frames)``, have of the piece."""
        at, self._position = self._position, self._position + part.shape[1]
        last = None if self._last is None else max(self._last - at, 0)
        return part[:, max(self._first - at, 0) : last]


class _MatrixEngine(ConstantQ):
    def __init__(self) -> None:
        bank = load_filter_bank()
        super().__init__(bank)
        self.sample_rate = bank.sample_rate


class _LibrosaEngine:
    """The reference: ``librosa.cqt`` of the whole track at 44.1 kHz, as the KeyNet family does."""

    sample_rate = 44100

    def __init__(self) -> None:
        self._blocks: list[FloatArray] = []

    def push(self, samples: FloatArray) -> None:
        self._blocks.append(samples)

    def finish(self) -> FloatArray:
        from keyscan.spectrogram.reference import librosa_constant_q

        return librosa_constant_q(np.concatenate(self._blocks))


_ENGINES: dict[CqtEngine, type[_MatrixEngine] | type[_LibrosaEngine]] = {
    "matrix": _MatrixEngine,
    "librosa": _LibrosaEngine,
}
