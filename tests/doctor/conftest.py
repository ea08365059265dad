"""One real report, for the tests of what it says and of how two are compared."""

from __future__ import annotations

import json

import pytest

from tests.doctor.doctor_process import run_doctor


@pytest.fixture(scope="session")
def report():
    """With settings of the user's own, and from a HOME that cannot be written to."""
    done = run_doctor(
        *("--json", "--interop-threads", "3", "--precision", "medium"),
        VECLIB_MAXIMUM_THREADS="2",
        HOME="/proc/none",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)
