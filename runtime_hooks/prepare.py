"""Runs in the frozen app before anything else does, in the server and in every worker process."""

import os
import sys


def say_fatal(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Tell app and person that a part of Python itself cannot be loaded, perhaps json."""
    if not issubclass(kind, Exception):  # Ctrl-C
        return
    text = f"{kind.__name__}: {error}: install the analyzer again; if a virus scanner has put a "
    text += "file in quarantine, restore it"
    plain = "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in text)
    if sys.argv[1:2] not in (["analyze"], ["doctor"], ["--multiprocessing-fork"]):
        os.write(1, b'{"type": "fatal", "code": "start_failed", "error": "%s"}\n' % plain.encode())
    os.write(2, f"keyscan: {plain}\n".encode())


sys.excepthook = say_fatal  # until keyscan.__main__ takes over

from pathlib import Path  # noqa: E402

from keyscan import runtime  # noqa: E402

runtime.pin_threads()  # libraries read the variables while they are loaded
runtime.add_library_folders(Path(sys._MEIPASS))  # type: ignore[attr-defined]
