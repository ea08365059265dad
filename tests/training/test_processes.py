"""What processes of a pool inherit."""

from __future__ import annotations

import os

import pytest

from training.processes import one_thread_each


@pytest.mark.parametrize("own", [{}, {"OMP_NUM_THREADS": "3"}])
def test_the_environment_is_as_it_was(own: dict[str, str]) -> None:
    os.environ.update(own)
    before = dict(os.environ)
    with one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert dict(os.environ) == before
