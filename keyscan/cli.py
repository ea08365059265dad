"""The command line: a server on stdin and stdout, ``analyze`` for people, or the doctor."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from keyscan.arguments import parse_analyze, parse_doctor, parse_schema, parse_serve, parse_watch
from keyscan.errors import NoCache, StartFailed
from keyscan.options import EngineOptions, ServeOptions
from keyscan.runtime import profiling_enabled, startup_line, threading_lines, usable_cores
from keyscan.server.protocol import encode
from keyscan.start import check_system, loading
from keyscan.stdio import STDERR, print_text, read_some, take_streams, write_all
from keyscan.usage import overview, program, suggestion

if TYPE_CHECKING:  # numpy and torch, whose imports may fail
    from keyscan.engine.engine import Engine
    from keyscan.model.checkpoint import ModelInfo
    from keyscan.server.server import Server

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Command:
    """``run`` gets the arguments after the name and returns the exit code; ``text`` is for help.

    ``run`` itself imports numpy and the like, so that help waits for no library.
    """

    name: str
    text: str
    run: Callable[[Sequence[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` name, without one the server; returns the exit code.

    On a terminal, which sends no requests, the program explains itself instead of serving.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments and os.isatty(0):
        return _say_wrong(overview(_TEXTS))
    first, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if first == "help":
        return main([*rest, "--help"])
    if first in ("-h", "--help"):
        return print_text(overview(_TEXTS), "the help")
    for command in COMMANDS:
        if command.name == first:
            return command.run(rest)
    if first and not first.startswith("-"):
        return _say_wrong(f"keyscan: {_unknown(first)}\n")
    return _serve(arguments)


def _unknown(word: str) -> str:
    """Why ``word`` cannot be the command, and what to write instead."""
    if Path(word).exists():
        return f'{word!r} is a path, not a command; did you mean "{program()} analyze"?'
    hint = suggestion([word], _TEXTS) or f": the commands are {', '.join(_TEXTS)}"
    return f"unknown command {word!r}{hint}"


def _say_wrong(text: str) -> int:
    """Write what wrong usage gets to stderr; returns its exit code."""
    STDERR.write(text)
    STDERR.drain(timeout=1.0)
    return EXIT_USAGE


def start_engine(
    options: EngineOptions, on_engine: Callable[[Engine], None]
) -> tuple[Engine, ModelInfo]:
    """An engine that is loaded; ``on_engine`` gets it as soon as it has a process to end.

    Raises:
        StartFailed: it cannot be loaded.
    """
    profiles = profiling_enabled()

    def report(name: str, seconds: float) -> None:
        if profiles:
            STDERR.write(startup_line(name, seconds))

    if profiles:
        cores, threads = usable_cores(), options.model.threads
        STDERR.write(threading_lines(cores, threads, options.workers))
    check_system()
    with loading():
        from keyscan.engine.engine import Engine

        engine = Engine(options, report)
        try:
            on_engine(engine)
            return engine, engine.load()
        except BaseException:
            engine.kill()  # its process would complain that this one is gone
            raise


def _serve(arguments: Sequence[str]) -> int:
    options = parse_serve(arguments)
    logging.basicConfig(stream=STDERR, level=logging.WARNING, format="keyscan: %(message)s")
    if os.isatty(0):
        STDERR.write(
            "keyscan: reading JSON lines from the terminal; see serve --help; Ctrl-D ends\n"
        )
    requests, replies = take_streams()
    stopped_by: list[int] = []
    try:
        server = _start_server(options, requests, replies, stopped_by)
    except StartFailed as error:
        with contextlib.suppress(OSError):
            write_all(replies, encode({"type": "fatal", "code": error.code, "error": str(error)}))
        _refuse(error)
    code = EXIT_OK
    try:
        server.wait()
    except OSError as error:
        STDERR.write(f"keyscan: replies cannot be written: {error.strerror}\n")
        code = EXIT_FAILED
    STDERR.drain(timeout=1.0)
    # at once: the model may be busy, or a worker stuck in the system
    os._exit(128 + stopped_by[0] if stopped_by else code)


def _start_server(
    options: ServeOptions, requests: int, replies: int, stopped_by: list[int]
) -> Server:
    """A server that has said ``ready``; the number of a signal that stops it joins ``stopped_by``.

    Raises:
        StartFailed: it cannot start.
    """
    _on_signals(lambda number: os._exit(128 + number))  # until there is an engine to be ended
    servers: list[Server] = []

    def listen(engine: Engine) -> None:
        _end_on_signals(engine)
        from keyscan.server.server import Server

        server = Server(
            engine,
            options,
            read=lambda count: read_some(requests, count),
            write=lambda line: write_all(replies, line),
        )
        server.listen()
        servers.append(server)

    _, model = start_engine(options.engine, listen)
    server = servers[0]

    def stop(number: int) -> None:
        stopped_by.append(number)
        server.stop()

    _on_signals(stop)
    with loading():
        server.start(model)
    return server


def _analyze(arguments: Sequence[str]) -> int:
    options = parse_analyze(arguments)
    try:
        check_system()
        with loading():
            from keyscan import plot  # and with it much that the server has no use for
            from keyscan.batch import command
    except StartFailed as error:
        _refuse(error)
    _, output = take_streams()
    code = command.run(options, output, start_engine, plot)
    STDERR.drain(timeout=1.0)
    os._exit(code)  # at once, as the server ends


def _watch(arguments: Sequence[str]) -> int:
    options = parse_watch(arguments)
    try:
        check_system()
        with loading():
            from keyscan.watch import command
    except StartFailed as error:
        _refuse(error)
    _, output = take_streams()
    code = command.run(options, output, start_engine)
    STDERR.drain(timeout=1.0)
    os._exit(code)  # at once, as the server ends


def _doctor(arguments: Sequence[str]) -> int:
    options = parse_doctor(arguments)
    try:
        check_system()
        with loading():
            from keyscan.doctor.command import run
    except StartFailed as error:
        _refuse(error)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # temporary files are to be removed
    _, output = take_streams()
    try:
        code, text = run(options)
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


def _schema(arguments: Sequence[str]) -> int:
    parse_schema(arguments)
    from keyscan.server.schema import schema_text

    return print_text(schema_text(), "the schema")


def _refuse(error: StartFailed) -> NoReturn:
    """Say on stderr why nothing starts, and end."""
    STDERR.write(f"keyscan: {error}\n")
    STDERR.drain(timeout=1.0)
    code = EXIT_USAGE if isinstance(error, NoCache) else EXIT_FAILED
    os._exit(code)  # at once: libraries that are loaded in part may hang or crash


def _on_signals(act: Callable[[int], object]) -> None:
    """Let SIGTERM and SIGINT call ``act`` with their number."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: act(number))


def _end_on_signals(engine: Engine) -> None:
    """While the engine loads, only its worker process has to be ended."""

    def end(number: int) -> None:
        engine.kill()
        os._exit(128 + number)

    _on_signals(end)


COMMANDS = (
    Command("analyze", "show or export the keys of files and folders", _analyze),
    Command("serve", "answer an app's requests: JSON lines on stdin and stdout", _serve),
    Command("watch", "analyse what appears or changes in folders", _watch),
    Command("doctor", "tell why it is slow here, and test the installation", _doctor),
    Command("schema", "print the messages of the server as a JSON Schema", _schema),
)
_TEXTS = {command.name: command.text for command in COMMANDS}
