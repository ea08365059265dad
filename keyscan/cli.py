"""The command line: a server on stdin and stdout, ``analyze`` for people, or the doctor."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from keyscan import __version__
from keyscan.cache.options import add_cache_option, open_cache, result_store
from keyscan.doctor import doctor
from keyscan.engine.pool import WorkerPool
from keyscan.engine.worker_process import Started
from keyscan.errors import NoCache, WorkerFailed
from keyscan.heap import give_back_freed_memory, keep_freed_memory
from keyscan.model_options import add_model_options, model_options
from keyscan.runtime import usable_cores
from keyscan.server.profiling import (
    profiling_enabled,
    startup_lines,
    threading_lines,
)
from keyscan.server.protocol import encode
from keyscan.server.streams import read_some, write_all
from keyscan.server.style_options import add_style_options, key_style
from keyscan.server.worker_options import add_worker_options, seconds, worker_settings
from keyscan.stdio import STDERR

if TYPE_CHECKING:
    from keyscan.server.server import Server

EXIT_OK, EXIT_FAILED = 0, 1

_EPILOG = """\
Requests are JSON lines on stdin: {"id": 1, "path": "/music/a.mp3"}, with "timeline": true for the
key over time; {"type": "reset"}, {"type": "cancel", "id": 1}, {"type": "ping"}. Replies are JSON
lines on stdout, in the order in which they are ready; logs go to stderr. PROFILE_PERFORMANCE=1 says
where the time goes.

"%(prog)s analyze FILES-OR-FOLDERS" is for people: a table, JSON, CSV or a playlist of
their tracks' keys, or a picture: see analyze --help.
"%(prog)s doctor" tells why it is slow here, and tests the installation: see doctor --help.

Exit code: 0 when the input has ended and all is answered, 1 when the server cannot start,
2 for a wrong option, 128 + n when signal n stopped it.
"""


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = argparse.ArgumentParser(
        prog="openkeyscan-analyzer",
        description="Tell the musical key of audio files, over JSON lines.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_worker_options(parser)
    add_model_options(parser)
    add_style_options(parser)
    add_cache_option(parser)
    add(
        "--heartbeat",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="time between two heartbeats (default: 30)",
    )
    add("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until its input ends, or another command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["doctor"]:
        return _doctor(arguments[1:])
    if arguments[:1] == ["analyze"]:
        return _analyze(arguments[1:])
    options = build_parser().parse_args(arguments)
    logging.basicConfig(stream=STDERR, level=logging.WARNING, format="keyscan: %(message)s")
    if os.isatty(0):
        STDERR.write("keyscan: reading JSON lines from the terminal; see --help; Ctrl-D ends\n")
    requests, replies = _take_streams()
    try:
        return _serve(options, requests, replies)
    finally:
        STDERR.drain(timeout=1.0)


def _doctor(arguments: Sequence[str]) -> int:
    options = doctor.build_parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # temporary files are to be removed
    _, output = _take_streams()
    try:
        code, text = doctor.run(options)
        with os.fdopen(output, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        STDERR.write(f"keyscan: the report cannot be written: {error.strerror}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    else:
        return code
    finally:
        STDERR.drain(timeout=1.0)


def _analyze(arguments: Sequence[str]) -> int:
    from keyscan.analyze import command  # and with it much that the server has no use for
    from keyscan.analyze.options import parse_options

    options = parse_options(arguments)
    _, output = _take_streams()
    try:
        code = command.run(options, output, _build_server)
    except (_StartFailure, WorkerFailed) as error:
        STDERR.write(f"keyscan: {error}\n")
        code = EXIT_FAILED
    STDERR.drain(timeout=1.0)
    os._exit(code)  # at once, as the server ends


def _serve(options: argparse.Namespace, requests: int, replies: int) -> int:
    try:
        server = _build_server(
            options,
            read=lambda count: read_some(requests, count),
            write=lambda line: write_all(replies, line),
            on_pool=_end_on_signals,
        )
    except (_StartFailure, WorkerFailed) as error:
        with contextlib.suppress(OSError):
            fatal = {"type": "fatal", "code": "start_failed", "error": str(error)}
            write_all(replies, encode(fatal))
        STDERR.write(f"keyscan: {error}\n")
        return EXIT_FAILED
    stopped_by = _stop_on_signals(server)
    try:
        server.run()
    except OSError as error:
        STDERR.write(f"keyscan: replies cannot be written: {error.strerror}\n")
        return EXIT_FAILED
    STDERR.drain(timeout=1.0)
    # at once: the model may be busy, a worker stuck in the system, and nobody waits for either
    os._exit(128 + stopped_by[0] if stopped_by else EXIT_OK)


class _StartFailure(Exception):
    """What keeps the server from starting, in words for the user."""


def _build_server(
    options: argparse.Namespace,
    *,
    read: Callable[[int], bytes],
    write: Callable[[bytes], None],
    on_pool: Callable[[WorkerPool], None],
) -> Server:
    """Load everything; the first worker starts while torch is imported.

    ``read`` and ``write`` are the server's; ``on_pool`` is called as soon as there are workers.
    """
    profile = profiling_enabled()
    paid: dict[str, float] = {}
    start = time.perf_counter()

    def measured(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        paid[name] = now - start
        start = now

    def report_worker(started: Started) -> None:
        if profile:
            names = {"worker imports": started.import_seconds,
                     "worker warm-up": started.warm_up_seconds}  # fmt: skip
            STDERR.write(startup_lines(names))

    try:
        cache = open_cache(options)
    except NoCache as error:
        raise _StartFailure(str(error)) from error
    settings = replace(worker_settings(options), cache=None if cache is None else cache.path)
    pool = WorkerPool(options.workers, settings, report_worker)
    on_pool(pool)
    import torch

    measured("import torch")
    from keyscan.errors import ModelError
    from keyscan.model.checkpoint import load_model
    from keyscan.server.server import Server, ServerSettings

    measured("other imports")
    model_options(options).apply_to_torch()
    try:
        model = load_model(options.model_path, options.device)
        measured("model load")
        keep_freed_memory()
        model.warm_up()
        give_back_freed_memory()
        measured("warm-up")
    except ModelError as error:
        raise _StartFailure(str(error)) from error
    if profile:
        lines = threading_lines(usable_cores(), torch.get_num_threads(), options.workers)
        STDERR.write(lines + startup_lines(paid))
    pool.wait_for_first()
    return Server(
        model,
        pool,
        ServerSettings(key_style(options), options.heartbeat, profile),
        read=read,
        write=write,
        store=result_store(cache, model, options),
    )


def _end_on_signals(pool: WorkerPool) -> None:
    """While the server starts there is nothing to be ended in good order but the worker."""

    def handle(number: int, frame: FrameType | None) -> None:
        pool.kill()
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _stop_on_signals(server: Server) -> list[int]:
    """SIGTERM and SIGINT end the server; the list then holds the signal's number."""
    stopped_by: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        stopped_by.append(number)
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stopped_by


def _take_streams() -> tuple[int, int]:
    """Keep stdin and stdout for ourselves: descriptors to read requests from and write replies to.

    What any library or child prints to stdout goes to stderr, and none of them reads our requests.
    """
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies
