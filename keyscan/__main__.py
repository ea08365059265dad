"""``python -m keyscan``, and what the exe runs: the command line in a process made ready.

At the top, only what no Python starts without is imported: ``run`` says what else cannot be loaded.
"""

from __future__ import annotations

import os
import sys


def run() -> int:
    """Set what must stand before numpy is imported, then hand over to the command line."""
    try:
        import signal

        # until there is work to be ended in good order, Ctrl-C may end the process at once
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        from keyscan import runtime

        runtime.open_missing_streams()
        runtime.leave_deleted_folder()
        runtime.pin_threads()
        from keyscan.cli import main
    except (Exception, SystemExit) as error:
        say_fatal(error)
        return 1
    sys.excepthook = sys.__excepthook__  # the frozen app has one of its own until here
    return main()


def say_fatal(error: BaseException) -> None:
    """Tell app and person why nothing starts, even if parts of Python cannot be loaded."""
    try:
        from keyscan.start import explained

        text = str(explained(error))
    except (Exception, SystemExit):
        text = f"the analyzer cannot start ({str(error) or type(error).__name__}): install the "
        text += "analyzer again; if a virus scanner has put a file in quarantine, restore it"
    text = " ".join(text.split())
    first = (sys.argv[1:2] or ["serve"])[0]
    if first == "serve" or (first.startswith("-") and first != "--multiprocessing-fork"):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')  # json may be what is missing
        _write(1, f'{{"type": "fatal", "code": "start_failed", "error": "{quoted}"}}\n')
    _write(2, f"keyscan: {text}\n")


def _write(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("utf-8", "backslashreplace"))
    except OSError:  # closed, or without a reader
        return


if __name__ == "__main__":
    sys.exit(run())
