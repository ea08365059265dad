"""What the tests of training share."""

from __future__ import annotations

import os

import pytest
from threadpoolctl import threadpool_info


@pytest.fixture(autouse=True, scope="session")
def blas_kernels_for_child_processes() -> None:
    """Child processes use the BLAS kernels of this process, so that their results are equal.

    ``OPENBLAS_CORETYPE`` may have set them, but ``tests/conftest.py`` clears it.
    """
    for library in threadpool_info():
        if library["internal_api"] == "openblas":
            os.environ["OPENBLAS_CORETYPE"] = library["architecture"]
