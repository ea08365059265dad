"""Parts of a spectrogram become one, in order."""

from __future__ import annotations

import numpy as np
import pytest

from keyscan.serving.assembly import Assembly


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
