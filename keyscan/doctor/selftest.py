"""A track of our own through every format and both constant-Q engines, as the server does it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from keyscan.cache.messages import Known
from keyscan.doctor.benchmark import FORMATS
from keyscan.doctor.track import SAMPLE_RATE, Samples, render_track, try_to_write
from keyscan.engine.worker import Worker
from keyscan.engine.worker_process import Failure, Work, WorkerSettings
from keyscan.errors import WorkerFailed
from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.model_options import ModelOptions
from keyscan.spectrogram.constant_q import CQT_ENGINES, CqtEngine, Features

KEY = Key.parse("F# minor")
TRACK_SECONDS = 10.0
FILE_SECONDS = 300.0  # the reference engine may compile for long on its first file
_OPUS_RATE = 48000
_LOSSLESS = ("wav", "flac", "aiff", "au")
_LOSSY = ("ogg", "mp3", "m4a", "webm")
_DELAYED = ("aac", "wma")  # no place in them says how much silence the encoder put in front

# Mean absolute differences of log magnitudes, which run from 0 to about 4.
LOSSLESS_TOLERANCE = 0.001
LOSSY_TOLERANCE = 0.02
DELAYED_TOLERANCE = 0.15  # 20 to 50 ms later, of frames of 200 ms
ENGINE_TOLERANCE = 0.0002
_TOLERANCES = {
    **dict.fromkeys(_LOSSLESS, LOSSLESS_TOLERANCE),
    **dict.fromkeys(_LOSSY, LOSSY_TOLERANCE),
    **dict.fromkeys(_DELAYED, DELAYED_TOLERANCE),
}
_PADDING_FRAMES = 1  # of 0.2 seconds


@dataclass(frozen=True)
class Check:
    """One format through one engine; ``problem`` is empty if the answer is right.

    ``from_wav`` and ``from_matrix`` are mean absolute differences of log magnitudes from the same
    engine's WAV and from the same format by the engine ``matrix``; None if there is no such thing.
    """

    format: str
    engine: CqtEngine
    key: str | None
    from_wav: float | None
    from_matrix: float | None
    problem: str


@dataclass(frozen=True)
class SelfTest:
    """``not_encoded``: formats whose encoder these libraries lack, and which were not tested.

    It does not pass without those of ``benchmark.FORMATS``.
    """

    expected: str
    checks: tuple[Check, ...]
    not_encoded: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        tested = {check.format for check in self.checks}
        wrong = self.problems or any(check.problem for check in self.checks)
        return tested.issuperset(FORMATS) and not wrong


def self_test(options: ModelOptions) -> SelfTest:
    """Every format that can be encoded here, decoded and transformed in a worker process.

    Raises:
        ModelError: the model cannot be used.
    """
    options.apply_to_torch()
    model = load_model(options.path, options.device)
    model.warm_up()
    try:
        with tempfile.TemporaryDirectory(prefix="keyscan-") as folder:
            return _test_in(Path(folder), model)
    except OSError as error:
        problem = (
            f"temporary files cannot be written ({error.strerror or error}): set TMPDIR to a "
            "folder that can be written to"
        )
        return SelfTest(KEY.name(), (), (), (problem,))


def _test_in(folder: Path, model: KeyModel) -> SelfTest:
    formats = tuple(_TOLERANCES)
    paths = {name: folder / f"track.{name}" for name in formats}
    samples = render_track(KEY, TRACK_SECONDS)
    written = [name for name in formats if _write(paths[name], samples)]
    answers: dict[CqtEngine, dict[str, Features | Failure]] = {}
    problems = [
        f"{name} is not tested, as there is no encoder: install soundfile and PyAV from their own "
        "wheels"
        for name in FORMATS
        if name not in written
    ]
    for engine in CQT_ENGINES:
        try:
            answers[engine] = _work(engine, {name: paths[name] for name in written})
        except WorkerFailed as error:
            problems.append(f"engine {engine}: {error}")
    checks = [
        _check(name, engine, answers, model) for engine in answers for name in answers[engine]
    ]
    not_encoded = tuple(name for name in formats if name not in written)
    return SelfTest(KEY.name(), tuple(checks), not_encoded, tuple(problems))


def _write(path: Path, samples: Samples) -> bool:
    rate = SAMPLE_RATE
    if path.suffix == ".webm":
        samples, rate = soxr.resample(samples, rate, _OPUS_RATE, "HQ"), _OPUS_RATE
    return try_to_write(path, samples, rate)


def _work(engine: CqtEngine, paths: Mapping[str, Path]) -> dict[str, Features | Failure]:
    """What a worker process of the server makes of the files."""
    worker = Worker(WorkerSettings(engine, FILE_SECONDS))
    answers: dict[str, Features | Failure] = {}
    try:
        for name, path in paths.items():
            if not worker.alive:  # at first, and after a crash
                worker.start()
            answer = worker.run(Work(str(path)), threading.Event())
            assert not isinstance(answer, Known)  # there is no cache
            answers[name] = answer
    finally:
        worker.close()
    return answers


def _check(
    name: str,
    engine: CqtEngine,
    answers: Mapping[CqtEngine, Mapping[str, Features | Failure]],
    model: KeyModel,
) -> Check:
    answer = answers[engine][name]
    if isinstance(answer, Failure):
        return Check(name, engine, None, None, None, f"{answer.code}: {answer.message}")
    from_wav = _distance(answer, answers[engine].get("wav"))
    from_matrix = _distance(answer, answers.get("matrix", {}).get(name))
    key = estimate_key(model, answer.spectrogram).key
    problems = [f"{warning.code}: {warning.message}" for warning in answer.warnings]
    if key != KEY:
        problems.append(f"the key is {KEY.name()}")
    for distance, allowed, other in (
        (from_wav, _TOLERANCES[name], "WAV"),
        (from_matrix, ENGINE_TOLERANCE, "the engine matrix"),
    ):
        if distance is None or distance > allowed:
            problems.append(f"the spectrogram is not that of {other} (allowed: {allowed:g})")
    return Check(name, engine, key.name(), from_wav, from_matrix, "; ".join(problems))


def _distance(answer: Features, other: Features | Failure | None) -> float | None:
    """Over the frames that both have; None if they differ by more than a codec's padding."""
    if not isinstance(other, Features):
        return None
    a, b = answer.spectrogram, other.spectrogram
    frames = min(a.shape[1], b.shape[1])
    if max(a.shape[1], b.shape[1]) - frames > _PADDING_FRAMES:
        return None
    return float(np.mean(np.abs(a[:, :frames] - b[:, :frames])))
