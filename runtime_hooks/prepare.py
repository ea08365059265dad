"""Runs in the frozen app before anything else does, in the server and in every worker process."""

import sys

from keyscan.__main__ import say_fatal


def say(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Tell app and person that a part of Python itself cannot be loaded."""
    if issubclass(kind, Exception):  # not Ctrl-C
        say_fatal(error)


sys.excepthook = say  # until keyscan.__main__ takes over

from pathlib import Path  # noqa: E402

from keyscan import runtime  # noqa: E402

runtime.pin_threads()  # libraries read the variables while they are loaded
runtime.add_library_folders(Path(sys._MEIPASS))  # type: ignore[attr-defined]
