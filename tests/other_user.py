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


def as_other_user():
    """What in front of a command lets root run it as another user; nothing if we are not root.

    That user may read everything, because the interpreter may lie in root's home.
    """
    if os.geteuid() != 0:
        return []
    read = "+dac_read_search"
    return [
        "setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups",
        f"--inh-caps={read}", f"--ambient-caps={read}",
    ]  # fmt: skip
