"""Root may read everything: tests of permissions run as another user."""

from __future__ import annotations

import contextlib
import os

OTHER_USER = 65534


@contextlib.contextmanager
def not_root(place):
    """In the block this process is another user than root, who owns ``place``."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(place, OTHER_USER, OTHER_USER)
    os.seteuid(OTHER_USER)
    try:
        yield
    finally:
        os.seteuid(0)
