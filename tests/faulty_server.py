"""The real server, whose workers do to a file what its name says: the faults of decoders, to order.

``python tests/faulty_server.py`` takes the server's options, and needs the repository in
``PYTHONPATH``. A file whose name without extension is in ``CODES`` is never opened; any other file
is analysed as always. ``CODES`` says what the server has to make of each.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import multiprocessing
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import PurePath
from typing import Any

from keyscan.__main__ import run
from keyscan.engine.messages import send

ShouldStop = Callable[[], bool]
Fault = Callable[[ShouldStop], None]


class Odd(Exception):
    """It cannot even be put into words."""

    def __str__(self) -> str:
        raise ValueError("no words")


def _segfault(should_stop: ShouldStop) -> None:
    ctypes.string_at(0)


def _abort(should_stop: ShouldStop) -> None:
    os.abort()


def _exit(should_stop: ShouldStop) -> None:
    os._exit(3)


def _leave(should_stop: ShouldStop) -> None:
    sys.exit(0)


def _killed(should_stop: ShouldStop) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _loop(should_stop: ShouldStop) -> None:
    while True:
        pass


def _stall(should_stop: ShouldStop) -> None:
    """In C, with the interpreter's lock held: no other thread of the process gets a turn."""
    ctypes.PyDLL(None).sleep(100_000)


def _stopped(should_stop: ShouldStop) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _hoard(should_stop: ShouldStop) -> None:
    kept = []
    while True:
        kept.append(b"x" * (1 << 24))


def _odd(should_stop: ShouldStop) -> None:
    raise Odd


def _defect(should_stop: ShouldStop) -> None:
    raise ZeroDivisionError("as ordered")


def _garbage(should_stop: ShouldStop) -> None:
    os.write(_connection().fileno(), b"\xff" * 4096)
    time.sleep(100_000)


def _half(should_stop: ShouldStop) -> None:
    """A message that breaks off."""
    os.write(_connection().fileno(), struct.pack("!i", 1 << 20) + bytes(100))
    time.sleep(100_000)


def _noise(should_stop: ShouldStop) -> None:
    """A message of the right length that is no pickle."""
    os.write(_connection().fileno(), struct.pack("!i", 64) + bytes(range(64)))
    time.sleep(100_000)


def _nonsense(should_stop: ShouldStop) -> None:
    """A good message that means nothing."""
    send(_connection(), ["nonsense"])
    time.sleep(100_000)


def _slow(should_stop: ShouldStop) -> None:
    """Half a second of work, that ends early once it is cancelled."""
    for _ in range(50):
        if should_stop():
            return
        time.sleep(0.01)


def _deaf(should_stop: ShouldStop) -> None:
    """Half a second of work that looks at nothing else."""
    time.sleep(0.5)


FAULTS: dict[str, Fault] = {
    "segfault": _segfault,
    "abort": _abort,
    "exit": _exit,
    "leave": _leave,
    "killed": _killed,
    "loop": _loop,
    "stall": _stall,
    "stopped": _stopped,
    "hoard": _hoard,
    "odd": _odd,
    "defect": _defect,
    "garbage": _garbage,
    "half": _half,
    "noise": _noise,
    "nonsense": _nonsense,
    "slow": _slow,
    "deaf": _deaf,
}

CODES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("segfault", "abort", "exit", "leave", "killed"), ("decoder_crashed",)),
    **dict.fromkeys(("loop", "stall", "stopped", "half"), ("timeout",)),
    **dict.fromkeys(("garbage", "noise", "nonsense"), ("decoder_crashed",)),
    **dict.fromkeys(("hoard", "crowded"), ("out_of_memory",)),
    "odd": ("internal_error", "decoder_crashed"),
    "defect": ("internal_error",),
    **dict.fromkeys(("slow", "deaf"), ("file_not_found",)),
}


def _no_thread(*_: Any, **__: Any) -> None:
    """``faulthandler.dump_traceback_later`` where there is no memory for a thread."""
    raise RuntimeError("unable to start watchdog thread")


def _connection() -> Connection:
    """The worker's end of the pipe to the server."""
    (connection,) = (one for one in gc.get_objects() if isinstance(one, Connection))
    return connection


def _order_faults() -> None:
    from keyscan.spectrogram import features

    extract = features.extract_features

    def extract_features(
        path: str, engine: Any, should_stop: ShouldStop, *rest: Any, **options: Any
    ) -> Any:
        if PurePath(path).stem == "crowded":
            faulthandler.dump_traceback_later = _no_thread
            rest[0](1.0)  # it has been opened, so its time begins
        fault = FAULTS.get(PurePath(path).stem)
        if fault is not None:
            fault(should_stop)
        return extract(path, engine, should_stop, *rest, **options)

    features.extract_features = extract_features  # type: ignore[assignment]


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(run())
elif __name__ == "__mp_main__":  # as multiprocessing calls it in the workers
    _order_faults()
