"""One file of several workers: whatever the helpers do, and whenever, the result is right."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyscan.engine import sharing
from keyscan.engine.assembly import Gathering
from keyscan.engine.sharing import SharedFile
from keyscan.errors import AnalysisWarning
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, Features, FloatArray
from keyscan.spectrogram.pieces import Cuts, FileStamp, Piece, Seam
from tests.server_process import PATIENCE

Event = Callable[[], object]
STAMP = FileStamp(1, 2, 3, 4)
SECONDS = 100
BINS = 105
ONE, TWO, THREE = (50,), (40, 70), (30, 55, 80)
WARNING = AnalysisWarning("damaged", "3 packets could not be decoded")
RANDOM = np.random.default_rng(0)
WHOLE: FloatArray = RANDOM.random((BINS, SECONDS * FRAMES_PER_SECOND + 1), np.float32)
SOUND: FloatArray = RANDOM.standard_normal((SECONDS, 100), np.float32)


def frame(second: int) -> int:
    return second * FRAMES_PER_SECOND


def seam(second: int, noise: float = 0.0) -> Seam:
    return Seam(second, SOUND[second] + np.float32(noise))


@dataclass
class Helper:
    """A worker that was lent for a piece, and does with it what the test says."""

    piece: Piece
    gathering: Gathering
    fail: Callable[[], None]
    stopped: int = 0
    joined: int = 0

    def stop(self) -> None:
        self.stopped += 1

    def join(self) -> None:
        assert self.stopped
        self.joined += 1

    def seams(self) -> list[Seam]:
        return [seam(second) for second in self.piece.cuts]

    @property
    def frames(self) -> FloatArray:
        last = None if self.piece.end is None else frame(self.piece.end)
        return WHOLE[:, frame(self.piece.start) : last]

    def finish(self, frames: FloatArray | None = None, duration: float | None = None) -> None:
        """Its last word, by default all its frames."""
        end = SECONDS if self.piece.end is None else self.piece.end + 1
        duration = float(end) if duration is None else duration
        frames = self.frames if frames is None else frames
        self.gathering.finish(Features(frames, duration, (), {"decode": 7.0}))

    def work(self) -> None:
        for one in self.seams():
            self.gathering.seam(one)
        self.finish()


class File:
    """A shared file and everybody around it."""

    def __init__(self, cuts: tuple[int, ...] = ONE, lent: int = 9) -> None:
        """``lent``: how many workers there are to lend."""
        self._left = lent
        self.helpers: list[Helper] = []
        self.relieved = 0
        self.shared = SharedFile(self._lend, self._relieve)
        self.shared.cut(Cuts(cuts, STAMP))

    def _relieve(self) -> None:
        self.relieved += 1

    def _lend(
        self, piece: Piece, gathering: Gathering, on_failure: Callable[[], None]
    ) -> sharing.Helper | None:
        if not self._left:
            return None
        self._left -= 1
        helper = Helper(piece, gathering, on_failure)
        self.helpers.append(helper)
        return sharing.Helper(helper.stop, helper.join)

    def finish_early(self, behind: int = 2) -> Features:
        """The first worker's last word where it was relieved, some seconds behind the cut."""
        first_cut = self.helpers[0].piece.start
        frames = WHOLE[:, : frame(first_cut + behind)]
        return self.shared.finish(Features(frames, first_cut + behind, (), {"decode": 1.0}))

    def finish_whole(self) -> Features:
        """Its last word where it was not."""
        return self.shared.finish(Features(WHOLE, SECONDS, (WARNING,), {"decode": 2.0}))


def check(features: Features) -> None:
    np.testing.assert_array_equal(features.spectrogram, WHOLE)
    assert features.duration == SECONDS


def check_alone(file: File) -> None:
    """The first worker has to decode it all, and nothing of a helper is in the result."""
    assert file.relieved == 0
    assert all(helper.stopped for helper in file.helpers)
    for helper in file.helpers:  # too late
        helper.gathering.add(helper.frames + 1)
        helper.finish(helper.frames + 1, 3.0)
        helper.fail()
    assert file.relieved == 0
    features = file.finish_whole()
    check(features)
    assert features.warnings == (WARNING,)


@pytest.mark.parametrize("cuts", [ONE, TWO, THREE])
def test_every_helper_gets_its_piece(cuts: tuple[int, ...]) -> None:
    helpers = File(cuts).helpers
    ends = [*cuts[1:], None]
    assert [helper.piece for helper in helpers] == [
        Piece(start, end, STAMP) for start, end in zip(cuts, ends, strict=True)
    ]


def events_of(file: File) -> list[Event]:
    """All that has to come before the first worker is relieved."""
    events: list[Event] = [partial(file.shared.seam, seam(file.helpers[0].piece.start))]
    for helper in file.helpers:
        events += [partial(helper.gathering.seam, one) for one in helper.seams()]
        events.append(helper.finish)
    return events


@pytest.mark.parametrize(("cuts", "count"), [(ONE, 3), (TWO, 6)])
def test_the_first_worker_is_relieved_by_the_last_event_in_any_order(
    cuts: tuple[int, ...], count: int
) -> None:
    for order in permutations(range(count)):
        file = File(cuts)
        events = events_of(file)
        assert len(events) == count
        for place in order:
            assert file.relieved == 0
            events[place]()
        assert file.relieved == 1
        check(file.finish_early())


@given(st.randoms(use_true_random=False), st.sampled_from([ONE, TWO, THREE]), st.booleans())
def test_parts_of_all_workers_in_any_mixture(
    random: Random, cuts: tuple[int, ...], whole: bool
) -> None:
    """Each worker's own words come in order; how they mix is chance."""
    file = File(cuts)
    frames = frame(SECONDS if whole else cuts[0] + 1)
    ats = [0, *sorted(random.sample(range(frames), 3))]
    first: list[Event] = [partial(file.shared.add, WHOLE[:, a:b]) for a, b in pairwise(ats)]
    first.insert(random.randrange(4), partial(file.shared.seam, seam(cuts[0])))
    words = [first]
    for helper in file.helpers:
        at = random.randrange(helper.frames.shape[1])
        told: list[Event] = [partial(helper.gathering.seam, one) for one in helper.seams()]
        told.insert(1, partial(helper.gathering.add, helper.frames[:, :at]))
        words.append([*told, partial(helper.finish, helper.frames[:, at:])])
    while any(words):
        random.choice([queue for queue in words if queue]).pop(0)()
    assert file.relieved == 1
    rest = WHOLE[:, ats[-1] :] if whole else WHOLE[:, ats[-1] : frames]
    check(file.shared.finish(Features(rest, frames / FRAMES_PER_SECOND, (), {})))


def test_the_length_is_that_of_the_last_piece_and_the_rest_the_first_worker_s() -> None:
    file = File(TWO)
    for helper in reversed(file.helpers):
        helper.work()
    file.shared.seam(seam(40))
    features = file.shared.finish(Features(WHOLE[:, :210], 42.0, (WARNING,), {"decode": 1.0}))
    check(features)
    assert features.warnings == (WARNING,)
    assert features.seconds == {"decode": 1.0}


def test_what_kind_of_features_they_are_stays() -> None:
    @dataclass(frozen=True, eq=False)
    class Marked(Features):
        mark: str

    file = File()
    file.helpers[0].work()
    file.shared.seam(seam(50))
    features = file.shared.finish(Marked(WHOLE[:, :255], 51.0, (), {}, "mine"))
    assert isinstance(features, Marked)
    assert features.mark == "mine"
    check(features)


@pytest.mark.parametrize("wrong", [(0, 40), (1, 40), (1, 70), (2, 70)])
def test_a_seam_that_does_not_fit(wrong: tuple[int, int]) -> None:
    file = File(TWO)
    speakers = [file.shared, *(helper.gathering for helper in file.helpers)]
    for number, second in ((0, 40), (1, 40), (1, 70), (2, 70)):
        noise = 0.01 if (number, second) == wrong else 0.0
        speakers[number].seam(seam(second, noise))
    for helper in file.helpers:
        helper.finish()
    check_alone(file)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(100, np.float32), SOUND[50][:99], np.full(100, np.nan, np.float32)],
    ids=["silence", "shorter", "not a number"],
)
def test_seams_that_tell_nothing(samples: FloatArray) -> None:
    file = File()
    (helper,) = file.helpers
    file.shared.seam(Seam(50, samples))
    helper.gathering.seam(Seam(50, samples if len(samples) == 100 else SOUND[50]))
    helper.finish()
    check_alone(file)


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("words", [0, 1, 2])
def test_a_helper_that_fails(failing: int, words: int) -> None:
    """Before it said anything, behind its seam, and behind a part of its frames."""
    file = File(TWO)
    file.shared.seam(seam(40))
    file.helpers[1 - failing].work()
    helper = file.helpers[failing]
    if words > 0:
        helper.gathering.seam(seam(helper.piece.start))
    if words > 1:
        helper.gathering.add(helper.frames[:, :20])
    helper.fail()
    check_alone(file)


def test_a_seam_that_never_comes() -> None:
    """As of a piece in which the file ends too early: its frames are no good."""
    file = File(TWO)
    file.shared.seam(seam(40))
    second, third = file.helpers
    second.gathering.seam(seam(40))
    second.finish(second.frames[:, :30])
    third.work()
    assert file.relieved == 0
    check(file.finish_whole())


@pytest.mark.parametrize("lent", [0, 1, 2])
def test_too_few_to_lend(lent: int) -> None:
    file = File(THREE, lent)
    assert len(file.helpers) == lent
    file.shared.seam(seam(30))
    check_alone(file)


def test_nobody_is_lent_behind_one_who_failed_at_once() -> None:
    """A helper may fail while the others are still being found."""
    stopped: list[Piece] = []
    lent: list[Piece] = []

    def lend(piece: Piece, gathering: Gathering, on_failure: Callable[[], None]) -> sharing.Helper:
        lent.append(piece)
        on_failure()
        return sharing.Helper(lambda: stopped.append(piece), lambda: None)

    SharedFile(lend, lambda: None).cut(Cuts(THREE, STAMP))
    assert set(stopped) == set(lent)


def test_the_first_worker_is_faster() -> None:
    file = File(TWO)
    file.shared.seam(seam(40))
    second, third = file.helpers
    second.work()
    third.gathering.add(third.frames[:, :20])
    file.shared.add(WHOLE[:, :100])
    features = file.shared.finish(Features(WHOLE[:, 100:], SECONDS, (WARNING,), {}))
    check(features)
    assert features.warnings == (WARNING,)
    assert (second.stopped, third.stopped) == (1, 1)
    third.work()
    assert file.relieved == 0
    check(features)


def test_the_first_worker_ends_before_it_hears_that_it_may() -> None:
    file = File()
    file.helpers[0].work()
    file.shared.seam(seam(50))
    assert file.relieved == 1
    features = file.finish_whole()
    check(features)
    assert features.warnings == (WARNING,)


def test_a_file_without_cuts() -> None:
    shared = SharedFile(lambda *_: pytest.fail("there is nothing to lend for"), pytest.fail)
    shared.add(WHOLE[:, :100])
    features = Features(WHOLE[:, 100:], SECONDS, (WARNING,), {})
    check(shared.finish(features))


def test_a_failed_file_lets_the_helpers_go() -> None:
    """What the pool does when the first worker gave an error, or was stopped."""
    file = File(TWO)
    file.shared.seam(seam(40))
    file.shared.close()
    assert [(helper.stopped, helper.joined) for helper in file.helpers] == [(1, 1), (1, 1)]
    for helper in file.helpers:
        helper.work()
    assert file.relieved == 0


def test_frames_of_another_shape_are_an_error_of_who_sent_them() -> None:
    file = File()
    file.shared.add(WHOLE[:, :10])
    with pytest.raises(ValueError, match="broadcast"):
        file.helpers[0].gathering.add(WHOLE[:104, :10])
    file.helpers[0].fail()
    check_alone_behind(file, 10)


def check_alone_behind(file: File, frames: int) -> None:
    features = file.shared.finish(Features(WHOLE[:, frames:], SECONDS, (), {}))
    assert file.relieved == 0
    check(features)


def test_a_piece_that_lacks_frames_is_not_complete() -> None:
    """What is not there must not be taken from uninitialised memory."""
    file = File(TWO)
    file.shared.seam(seam(40))
    second, third = file.helpers
    for one in second.seams():
        second.gathering.seam(one)
    second.finish(second.frames[:, :-1])
    third.work()
    assert file.relieved == 0
    check(file.finish_whole())


def test_workers_in_threads() -> None:
    for _ in range(50):
        file = File(THREE)
        threads = [threading.Thread(target=helper.work) for helper in file.helpers]
        threads.append(threading.Thread(target=file.shared.seam, args=(seam(30),)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert file.relieved == 1
        check(file.finish_early())
