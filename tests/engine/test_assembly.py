"""Parts of a spectrogram become one, in order."""

from __future__ import annotations

import numpy as np
import pytest

from keyscan.engine.assembly import Assembly, OwnFile
from keyscan.spectrogram.constant_q import Features
from keyscan.spectrogram.pieces import Cuts, FileStamp, Seam


def test_one_part_is_not_copied():
    last = np.ones((105, 10), np.float32)
    assert Assembly().finish(last) is last


def test_parts_in_order():
    whole = np.random.default_rng(0).random((105, 1000), np.float32)
    assembly = Assembly()
    assembly.add(whole[:, :300])
    assembly.add(whole[:, 300:999])
    np.testing.assert_array_equal(assembly.finish(whole[:, 999:]), whole)


def test_the_last_part_may_be_empty():
    assembly = Assembly()
    assembly.add(np.ones((105, 3), np.float32))
    assert assembly.finish(np.ones((105, 0), np.float32)).shape == (105, 3)


@pytest.mark.parametrize("shape", [(104, 3), (105, 10_000_000)])
def test_what_does_not_fit(shape):
    assembly = Assembly()
    assembly.add(np.ones((105, 3), np.float32))
    with pytest.raises(ValueError, match="broadcast"):
        assembly.add(np.broadcast_to(np.float32(1), shape))


def test_parts_put_behind_the_appended_ones():
    whole = np.random.default_rng(0).random((105, 1000), np.float32)
    assembly = Assembly()
    assembly.put(whole[:, 600:], 600)
    assembly.add(whole[:, :300])
    assembly.put(whole[:, 400:600], 400)
    np.testing.assert_array_equal(assembly.finish(whole[:, 300:400], 1000), whole)


@pytest.mark.parametrize("at", [0, 90, 99, 100, 150])
def test_what_was_appended_stays(at):
    assembly = Assembly()
    assembly.add(np.ones((105, 100), np.float32))
    assembly.put(np.full((105, 60), 2, np.float32), at)
    frames = assembly.finish(np.empty((105, 0), np.float32), max(at + 60, 100))[0]
    assert set(frames[:100]) == {1}
    assert set(frames[max(at, 100) : at + 60]) <= {2}
    assert len(frames) == max(at + 60, 100)


def test_what_is_appended_replaces_what_was_put():
    assembly = Assembly()
    assembly.put(np.full((105, 100), 2, np.float32), 50)
    assembly.add(np.ones((105, 70), np.float32))
    frames = assembly.finish(np.ones((105, 10), np.float32), 150)[0]
    assert list(frames) == [1] * 80 + [2] * 70


def test_what_was_put_is_left_out_if_it_is_not_asked_for():
    assembly = Assembly()
    assembly.put(np.full((105, 100), 2, np.float32), 50)
    frames = assembly.finish(np.ones((105, 80), np.float32))
    assert frames.shape == (105, 80)
    assert (frames == 1).all()


def test_nothing_can_be_put_behind_the_longest_track():
    with pytest.raises(ValueError, match="broadcast"):
        Assembly().put(np.ones((105, 10), np.float32), 10_000_000)


def test_what_is_told_of_cuts_and_seams_changes_nothing_of_a_file_of_its_own():
    gathering = OwnFile()
    stamp = FileStamp(1, 2, 3, 4)
    gathering.cut(Cuts((30,), stamp))
    gathering.add(np.ones((105, 100), np.float32))
    gathering.seam(Seam(30, np.ones(11025, np.float32)))
    features = gathering.finish(Features(np.zeros((105, 50), np.float32), 30.0, (), {"cqt": 1.0}))
    assert (features.duration, features.seconds) == (30.0, {"cqt": 1.0})
    assert list(features.spectrogram[0]) == [1] * 100 + [0] * 50
