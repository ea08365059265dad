"""A generated track in every format through both constant-Q engines, in a worker process."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from keyscan.doctor.benchmark import FORMATS, SAMPLE_RATE, render_track, try_to_write
from keyscan.doctor.progress import say
from keyscan.engine.messages import Work
from keyscan.engine.worker import Worker
from keyscan.errors import AnalysisError, WorkerFailed
from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel, configure_torch, load_model
from keyscan.model.estimate import estimate_key
from keyscan.options import ModelOptions, WorkerOptions
from keyscan.spectrogram.constant_q import CQT_ENGINES, CqtEngine, Features

KEY = Key.parse("F# minor")
_FILE_SECONDS = 300.0  # the reference engine may compile for long on its first file
_TOLERANCES = {  # of mean absolute differences of log magnitudes, which run from 0 to about 4
    **dict.fromkeys(("wav", "flac", "aiff", "au"), 0.001),
    **dict.fromkeys(("ogg", "mp3", "m4a", "webm"), 0.02),
    # these formats do not record the encoder's delay: 20 to 50 ms, of frames of 200 ms
    **dict.fromkeys(("aac", "wma"), 0.15),
}
_ENGINE_TOLERANCE = 0.0002

_Answers = dict[str, Features | AnalysisError]  # by format


@dataclass(frozen=True)
class Check:
    """One format through one engine; ``problem`` is empty if the answer is right.

    ``from_wav`` and ``from_matrix`` are mean absolute differences of log magnitudes: from the WAV
    by the same engine, and from the same format by the engine ``matrix``; None if that is missing.
    """

    format: str
    engine: CqtEngine
    key: str | None
    from_wav: float | None
    from_matrix: float | None
    problem: str


@dataclass(frozen=True)
class SelfTest:
    """``not_encoded``: formats that were not tested, as their encoders are missing here.

    Without one of ``benchmark.FORMATS`` the test does not pass.
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
    say("loading the model")
    configure_torch(options)
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
    say("writing a track in every format")
    written = {}
    samples = render_track(KEY, 10.0)
    for name in _TOLERANCES:
        path, rate, sound = folder / f"track.{name}", SAMPLE_RATE, samples
        if name == "webm":
            rate, sound = 48000, soxr.resample(samples, rate, 48000, "HQ")  # the rate of Opus
        if try_to_write(path, sound, rate):
            written[name] = path
    not_encoded = tuple(name for name in _TOLERANCES if name not in written)
    hint = "as there is no encoder: install soundfile and PyAV from their own wheels"
    missing = [name for name in FORMATS if name in not_encoded]
    problems = [f"{name} is not tested, {hint}" for name in missing]
    answers: dict[CqtEngine, _Answers] = {}
    for engine in CQT_ENGINES:
        try:
            answers[engine] = _work(engine, written)
        except WorkerFailed as error:
            problems.append(f"engine {engine}: {error}")
    checks = [
        _check(name, engine, answers, model) for engine in answers for name in answers[engine]
    ]
    return SelfTest(KEY.name(), tuple(checks), not_encoded, tuple(problems))


def _work(engine: CqtEngine, paths: Mapping[str, Path]) -> _Answers:
    """What a worker process of the server makes of the files.

    Raises:
        WorkerFailed: it cannot be started.
    """
    worker = Worker(WorkerOptions(engine, _FILE_SECONDS), cache=None)
    answers: _Answers = {}
    try:
        for name, path in paths.items():
            if not worker.alive:  # at first, and after a crash
                worker.start()
            say(f"testing {name} with the engine {engine}")
            try:
                answer = worker.run(Work(path=str(path)), cancelled=threading.Event())
                assert isinstance(answer, Features)  # there is no cache
                answers[name] = answer
            except AnalysisError as error:
                answers[name] = error
    finally:
        worker.close()
    return answers


def _check(
    name: str, engine: CqtEngine, answers: Mapping[CqtEngine, _Answers], model: KeyModel
) -> Check:
    answer = answers[engine][name]
    if isinstance(answer, AnalysisError):
        return Check(name, engine, None, None, None, f"{answer.code}: {answer}")
    from_wav = _distance(answer, answers[engine].get("wav"))
    from_matrix = _distance(answer, answers.get("matrix", {}).get(name))
    key = estimate_key(model, answer.spectrogram).key
    problems = [f"{warning.code}: {warning.message}" for warning in answer.warnings]
    if key != KEY:
        problems.append(f"the key is {KEY.name()}")
    wav = (from_wav, _TOLERANCES[name], "WAV")
    for distance, allowed, other in (wav, (from_matrix, _ENGINE_TOLERANCE, "the engine matrix")):
        if distance is None or distance > allowed:
            problems.append(f"the spectrogram is not that of {other} (allowed: {allowed:g})")
    return Check(name, engine, key.name(), from_wav, from_matrix, "; ".join(problems))


def _distance(answer: Features, other: Features | AnalysisError | None) -> float | None:
    """Over the frames of both; None if their numbers differ by more than a codec's padding: one."""
    if not isinstance(other, Features):
        return None
    a, b = answer.spectrogram, other.spectrogram
    if abs(a.shape[1] - b.shape[1]) > 1:
        return None
    frames = min(a.shape[1], b.shape[1])
    return float(np.mean(np.abs(a[:, :frames] - b[:, :frames])))
