"""A long file that is alone in a pool of two real processes: whatever comes in between."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from keyscan.engine import pool as pool_module
from keyscan.engine import sharing
from keyscan.engine.pool import WorkerPool
from keyscan.engine.sharing import SharedFile
from keyscan.engine.worker import Worker
from keyscan.engine.worker_process import Failure, WorkerSettings
from keyscan.runtime import usable_cores
from keyscan.spectrogram.constant_q import Features
from keyscan.spectrogram.features import extract_features
from keyscan.spectrogram.pieces import Cuts, Piece, Seam
from tests.audio_files import FORMATS, music
from tests.server_process import PATIENCE, wait_for

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has neither of these signals")
TWO_CORES = pytest.mark.skipif(usable_cores() < 2, reason="one core is not shared")
RATE = 44100
ATTEMPTS = 20  # on a busy machine the first worker may hear too late that it may stop

pytestmark = TWO_CORES


@dataclass(frozen=True)
class Task:
    path: Path
    alone: bool
    abandoned: threading.Event = field(default_factory=threading.Event)
    answer: Future[Any] = field(default_factory=Future)

    def wait(self) -> Any:
        return self.answer.result(PATIENCE)


class Pool:
    """A pool of two workers and its threads, as the server has them."""

    def __init__(self, **settings: Any) -> None:
        self.pool = WorkerPool(2, WorkerSettings(**settings), lambda started: None)
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self.pool.open(self._serve)
        self.pool.grow()

    def _serve(self, worker: Worker) -> None:
        while True:
            self.pool.ensure_alive(worker)
            with self.pool.spare(worker):
                task = self._tasks.get()
            if task is None:
                return
            path, abandoned = str(task.path), task.abandoned
            try:
                task.answer.set_result(self.pool.run(worker, path, abandoned, alone=task.alone))
            except BaseException as error:
                task.answer.set_exception(error)

    def submit(self, path: Path, *, alone: bool = True) -> Task:
        task = Task(path, alone)
        self._tasks.put(task)
        return task

    def run(self, path: Path, *, alone: bool = True) -> Any:
        return self.submit(path, alone=alone).wait()

    def wait_for_spares(self, path: Path) -> None:
        """Until both workers could be lent; one that died comes back for a file of its own."""
        wait_for(lambda: self.spares == 2 or (self.run(path, alone=False) and False))

    @property
    def spares(self) -> int:
        return self.pool._spares.count()

    def helper(self) -> psutil.Process:
        """The process that is lent."""
        (worker,) = self.pool._spares._lent
        assert worker._process is not None
        return psutil.Process(worker._process.pid)

    def close(self) -> None:
        for _ in range(2):
            self._tasks.put(None)
        self.pool.kill()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Minutes of music in each of some formats; ``short`` is a second too short for two pieces."""
    folder = tmp_path_factory.mktemp("long")
    sound = np.tile(music(RATE, 20.0)[:, :1], (15, 1))
    lengths = {"flac": 300, "mp3": 65, "m4a": 65, "wav": 120, "ogg-vorbis": 65}
    paths = {name: folder / f"long{FORMATS[name].extension}" for name in lengths}
    for name, seconds in lengths.items():
        FORMATS[name].write(paths[name], sound[: seconds * RATE], RATE)
    paths["short"] = folder / "short.flac"
    FORMATS["flac"].write(paths["short"], sound[: 59 * RATE], RATE)
    paths["other"] = folder / "other.flac"
    FORMATS["flac"].write(paths["other"], sound[: 290 * RATE][::-1], RATE)
    return paths


@pytest.fixture(scope="module")
def expected(files: dict[str, Path]) -> Callable[[Path], Features]:
    """What one process makes of a file."""
    known: dict[Path, Features] = {}

    def expect(path: Path) -> Features:
        if path not in known:
            known[path] = extract_features(path)
        return known[path]

    return expect


@pytest.fixture(scope="module")
def both() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def pool(both: Pool, files: dict[str, Path]) -> Pool:
    """Two workers that wait."""
    both.wait_for_spares(files["short"])
    return both


class Watch:
    """What happens to shared files, and what is to happen meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuts = 0
        self.relieved = 0
        self.first_pieces: list[int] = []  # frames, of files whose first worker ended early
        self.before_cut: Callable[[], object] = lambda: None
        self.at_helper_s_seam: Callable[[], object] = lambda: None
        self._held: psutil.Process | None = None
        self.first_one_waits = False  # until the helper has its piece, or gives up
        cut, finish, seam = SharedFile.cut, SharedFile.finish, sharing._PieceOf.seam
        complete, give_up, relieve = SharedFile.complete, SharedFile.give_up, Worker.relieve

        def watched_cut(shared: SharedFile, cuts: Cuts) -> None:
            self.cuts += 1
            self.before_cut()
            if self.first_one_waits:
                self._held = first_process(shared)
                self._held.suspend()
            cut(shared, cuts)

        def watched_complete(shared: SharedFile, piece: Piece, end: int, duration: float) -> None:
            complete(shared, piece, end, duration)
            self._let_go()

        def watched_give_up(shared: SharedFile) -> None:
            give_up(shared)
            self._let_go()

        def watched_seam(piece: sharing._PieceOf, one: Seam) -> None:
            self.at_helper_s_seam()
            seam(piece, one)

        def watched_relieve(worker: Worker) -> None:
            self.relieved += 1
            relieve(worker)

        def watched_finish(shared: SharedFile, rest: Features) -> Features:
            features = finish(shared, rest)
            if rest.spectrogram.shape[1] < features.spectrogram.shape[1]:
                self.first_pieces.append(rest.spectrogram.shape[1])
            return features

        monkeypatch.setattr(SharedFile, "cut", watched_cut)
        monkeypatch.setattr(SharedFile, "complete", watched_complete)
        monkeypatch.setattr(SharedFile, "give_up", watched_give_up)
        monkeypatch.setattr(SharedFile, "finish", watched_finish)
        monkeypatch.setattr(sharing._PieceOf, "seam", watched_seam)
        monkeypatch.setattr(Worker, "relieve", watched_relieve)

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.resume()


def first_process(shared: SharedFile) -> psutil.Process:
    """That of the worker that has the whole file."""
    worker = shared._relieve.__self__  # type: ignore[attr-defined]
    assert isinstance(worker, Worker)
    assert worker._process is not None
    return psutil.Process(worker._process.pid)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def check(features: Any, expected: Features) -> None:
    assert isinstance(features, Features)
    assert features.duration == pytest.approx(expected.duration, abs=1e-6)
    assert features.warnings == expected.warnings
    np.testing.assert_allclose(features.spectrogram, expected.spectrogram, atol=1e-3)


Expect = Callable[[Path], Features]
Files = dict[str, Path]


@pytest.mark.parametrize("name", ["flac", "mp3", "m4a", "wav", "ogg-vorbis"])
def test_shared_or_not_the_features_are_the_same(
    name: str, pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    path = files[name]
    watch.first_one_waits = True
    for _ in range(ATTEMPTS):
        check(pool.run(path), expected(path))
        if watch.first_pieces:
            break
        pool.wait_for_spares(files["short"])
    else:
        pytest.fail("the first worker decoded it all, every time")
    assert watch.relieved >= 1


def test_a_short_file_is_not_shared(
    pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    check(pool.run(files["short"]), expected(files["short"]))
    assert watch.cuts == 0


def test_a_file_among_others_is_not_shared(
    pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    check(pool.run(files["mp3"], alone=False), expected(files["mp3"]))
    assert watch.cuts == 0


def test_one_core_is_not_shared(
    pool: Pool, files: Files, expected: Expect, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "usable_cores", lambda: 1)
    check(pool.run(files["mp3"]), expected(files["mp3"]))
    assert watch.cuts == 0


@POSIX
@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP"])
def test_a_helper_that_something_happens_to(
    number: str, pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    """In the midst of its piece."""
    hit: list[psutil.Process] = []

    def strike() -> None:
        hit.append(pool.helper())
        hit[-1].send_signal(getattr(signal, number))
        watch.at_helper_s_seam = lambda: None

    watch.at_helper_s_seam = strike
    check(pool.run(files["flac"]), expected(files["flac"]))
    (process,) = hit
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    watch.at_helper_s_seam = lambda: None
    assert watch.first_pieces == []
    wait_for(lambda: pool.spares == 2)  # a new process has come, without a file to wait for
    check(pool.run(files["mp3"]), expected(files["mp3"]))


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced")
def test_another_file_comes_to_the_path_before_the_helper_opens_it(
    pool: Pool, files: Files, expected: Expect, watch: Watch, tmp_path: Path
) -> None:
    path, new = tmp_path / "one.flac", tmp_path / "two.flac"
    path.write_bytes(files["flac"].read_bytes())
    new.write_bytes(files["other"].read_bytes())
    watch.before_cut = lambda: new.replace(path)
    check(pool.run(path), expected(files["flac"]))
    assert watch.cuts == 1
    assert watch.first_pieces == []
    watch.before_cut = lambda: None
    check(pool.run(path), expected(files["other"]))


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be renamed")
def test_the_file_is_gone_before_the_helper_opens_it(
    pool: Pool, files: Files, expected: Expect, watch: Watch, tmp_path: Path
) -> None:
    path = tmp_path / "one.flac"
    path.write_bytes(files["flac"].read_bytes())
    watch.before_cut = lambda: path.rename(tmp_path / "two.flac")
    check(pool.run(path), expected(files["flac"]))
    assert (watch.cuts, watch.first_pieces) == (1, [])


def test_another_request_takes_the_helper_away(
    pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    others: list[Task] = []

    def come() -> None:
        if not others:
            others.append(pool.submit(files["short"], alone=False))

    watch.at_helper_s_seam = come
    check(pool.run(files["flac"]), expected(files["flac"]))
    (other,) = others
    check(other.wait(), expected(files["short"]))


def test_a_shared_file_that_nobody_wants_any_more(
    pool: Pool, files: Files, expected: Expect, watch: Watch
) -> None:
    first = pool.submit(files["flac"])
    watch.at_helper_s_seam = first.abandoned.set
    first.wait()
    watch.at_helper_s_seam = lambda: None
    wait_for(lambda: pool.spares == 2)  # neither process had to die of it
    check(pool.run(files["mp3"]), expected(files["mp3"]))


def test_files_one_after_another(pool: Pool, files: Files, expected: Expect) -> None:
    """Each begins while the helper of the one before is still coming back."""
    names = ["mp3", "short", "m4a", "wav", "mp3", "flac", "m4a"]
    tasks = [pool.submit(files[name]) for name in names]
    for name, task in zip(names, tasks, strict=True):
        check(task.wait(), expected(files[name]))


def test_bursts(pool: Pool, files: Files, expected: Expect) -> None:
    tasks = []
    for number in range(300):
        path = files["mp3"] if number % 60 == 0 else files["short"].parent / f"{number}.mp3"
        tasks.append(pool.submit(path, alone=number % 30 == 0))
    for number, task in enumerate(tasks):
        answer = task.wait()
        if number % 60 == 0:
            check(answer, expected(files["mp3"]))
        else:
            assert isinstance(answer, Failure)
            assert answer.code == "file_not_found"


def test_a_process_for_every_file(files: Files, expected: Expect, watch: Watch) -> None:
    pool = Pool(recycle_files=1)
    try:
        for _ in range(3):
            wait_for(lambda: pool.spares == 2)
            check(pool.run(files["mp3"]), expected(files["mp3"]))
    finally:
        pool.close()
    assert watch.cuts == 3


def test_a_shared_file_that_takes_too_long(files: Files, expected: Expect, watch: Watch) -> None:
    pool = Pool(timeout=0.3)
    try:
        wait_for(lambda: pool.spares == 2)
        answer = pool.run(files["flac"])
        assert isinstance(answer, Failure)
        assert answer.code == "timeout"
        assert watch.cuts == 1
    finally:
        pool.close()
