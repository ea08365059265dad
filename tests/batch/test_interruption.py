"""Ctrl-C, readers that go away, and the progress bar on a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import sys
import termios
from pathlib import Path

import pytest

from tests.batch.analyze_process import run_analyze, start_analyze
from tests.batch.conftest import KEYS
from tests.server_process import PATIENCE, command_line, read_process_file, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, uses a pty")


def interrupt(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return out.decode(), err.decode()


def handles_signals(pid):
    """Python handles SIGINT from its start on, SIGTERM only the command does."""
    status = read_process_file(Path(f"/proc/{pid}/status")).decode()
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


def children(pid):
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in read_process_file(file).split()]


def test_ctrl_c_prints_what_is_done_and_leaves_no_process(library, endless):
    track = library / next(iter(KEYS))
    missing = ("a", "b", "c")  # told on stderr when the track, on the same worker, is done
    process = start_analyze("--jobs", 1, "--json", track, *missing, endless, track.parent / "sub")
    with process:
        while b"failed: c: " not in process.stderr.readline():
            continue
        workers = children(process.pid)
        out, err = interrupt(process)
    assert process.returncode == 130
    document = json.loads(out)
    assert [t["code"] for t in document["tracks"]] == ["ok", *["file_not_found"] * 3]
    assert document["summary"]["not_reached"] == 3
    assert "7 files: 1 analysed, 3 failed, 3 not reached (" in err
    assert "to continue where this run stopped, use --cache FILE the next time\n" in err
    assert "Traceback" not in err
    assert workers
    wait_for(lambda: not any(b"multiprocessing" in command_line(pid) for pid in workers))


def test_after_ctrl_c_the_cache_has_what_is_done(library, endless, tmp_path):
    track, missing = library / next(iter(KEYS)), ("a", "b", "c")
    options = ("--jobs", 1, "--json", "--cache", tmp_path / "cache")
    with start_analyze(*options, track, *missing, endless, library / "sub") as process:
        while b"failed: c: " not in process.stderr.readline():
            continue
        _, err = interrupt(process)
    assert process.returncode == 130
    assert "to continue where this run stopped, run the same command again\n" in err
    done = run_analyze(*options, track, library / "sub")
    assert done.returncode == 0
    tracks = json.loads(done.stdout)["tracks"]
    assert [(t["code"], t["cached"]) for t in tracks] == [
        ("ok", True), ("ok", False), ("ok", False),
    ]  # fmt: skip
    assert "3 files: 2 analysed, 1 from the cache (" in done.stderr


def test_ctrl_c_while_it_starts(library):
    with start_analyze("--json", library) as process:
        wait_for(lambda: handles_signals(process.pid))
        out, err = interrupt(process)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["summary"]["not_reached"] == document["summary"]["files"]
    assert "Traceback" not in err


@pytest.mark.parametrize("loaded", ["libgomp", "libtorch_cpu", "libtorch_python"])
def test_ctrl_c_while_torch_is_imported(loaded, endless):
    """An interrupt in the middle of an import would be a traceback now and then."""
    with start_analyze("--json", endless) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        wait_for(lambda: loaded.encode() in read_process_file(maps))
        out, err = interrupt(process)
    assert process.returncode == 130
    assert json.loads(out)["summary"]["not_reached"] == 1
    assert re.fullmatch(r"1 file: 0 analysed, 1 not reached .*\n.*--cache FILE .*\n", err)


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    for number in range(1000):
        (tmp_path / f"{number}.mp3").write_bytes(b"no music %d" % number)
    with start_analyze("--json", tmp_path) as process:
        for _ in range(500):
            process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.stderr.close()
        # without a reader of stdout it waits in the middle of its results
        wait_for(lambda: b"pipe_write" in read_process_file(Path(f"/proc/{process.pid}/wchan")))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        process.stdout.close()


def test_a_reader_who_goes_away_is_no_error(library):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = run_analyze(library / next(iter(KEYS)), stdout=closed)
    assert done.returncode == 0
    assert done.stderr.startswith("1 file: 1 analysed (")
    assert len(done.stderr.splitlines()) == 1  # and no bar, as stderr is no terminal


def on_a_terminal(columns, *arguments, ctrl_c_after=None, **environ):
    """What the command writes to a terminal of its own, and its exit code.

    Ctrl-C is pressed as soon as the pattern ``ctrl_c_after`` is found.
    """
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = start_analyze(
        *arguments,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "COLUMNS": "", **environ},  # pytest-xdist sets it
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    text = b""
    try:
        while part := os.read(main, 1 << 16):
            text += part
            if ctrl_c_after and re.search(ctrl_c_after, text.decode(errors="ignore")):
                os.write(main, b"\x03")
                ctrl_c_after = None
    except OSError:  # the other side is closed
        pass
    os.close(main)
    return text.decode(), process.wait(PATIENCE)


def test_a_terminal_gets_a_bar_that_goes_away_and_a_table_that_fits(library, bad_files):
    text, code = on_a_terminal(72, "--jobs", 1, bad_files, library, NO_COLOR="1")
    assert code == 1
    assert re.match(r"\r7 files: starting the analyzer \.\.\.\s*\r", text)
    states = re.findall(
        r"\r *(\d+)% \|[^|]*\| (\d)/7 files \[\d\d:\d\d<(?:\?|\d\d:\d\d), +(?:\?|[\d.]+) files/s",
        text,
    )
    assert [int(done) for _, done in states] == sorted(int(done) for _, done in states)
    assert ("0", "0") in states
    assert re.search(r"\d\d:\d\d<\d\d:\d\d, +\d+\.\d\d files/s", text)
    told = text.replace("\r\n  ", " ")  # the lines break between words
    for line in ("1 empty.mp3: the file is empty (empty_file)", r"3 \x1b[31mred\x0a.flac: "):
        assert re.search(rf"\r(failed: )[^\r]*{re.escape(line)}", told)
    *_, after = re.split(r"\r +\r", text)  # the bar has been wiped out
    lines = after.replace("\r\n", "\n").split("\n")
    assert lines[0].startswith("track")
    assert [line for line in lines if len(line) > 72] == []
    assert "|" not in after
    assert "7 files: 4 analysed, 3 failed (" in after


def test_a_terminal_is_not_steered_and_columns_can_be_chosen(library, bad_files):
    text, _ = on_a_terminal(72, "--quiet", bad_files, library, COLUMNS="140", NO_COLOR="1")
    assert "\x1b" not in text
    assert "/7 files" not in text
    assert "2nd choice" in text
    assert "analysed" not in text
    assert text.count("failed: ") == 3


@pytest.mark.parametrize(
    ("columns", "bar"),
    [(60, r"\|([^|]*)\| \d/7 \[\d\d:\d\d<[^\]]*\]"), (40, r"\|([^|]*)\| \d/7(?:, \d failed)?\r")],
)
def test_a_narrow_terminal_gets_a_bar_with_room_to_move(library, bad_files, columns, bar):
    text, _ = on_a_terminal(columns, bad_files, library)
    bars = re.findall(bar, text)
    assert bars
    assert min(map(len, bars)) >= 10


def test_failures_break_between_words():
    text, code = on_a_terminal(70, "--quiet", "a track that is missing.mp3", NO_COLOR="1")
    assert code == 1
    assert text == (
        "failed: a track that is missing.mp3: File not found: there is no file\r\n"
        "  at the path (file_not_found)\r\n"
    )
    painted, _ = on_a_terminal(70, "--quiet", "a track that is missing.mp3", TERM="xterm")
    assert painted == text.replace("failed:", "\x1b[31mfailed:\x1b[0m", 1)


def test_a_terminal_gets_colours_and_a_pipe_none(library, bad_files):
    text, _ = on_a_terminal(100, bad_files, library, TERM="xterm")
    assert "\x1b[31mfailed:\x1b[0m" in text
    assert re.search(r"\x1b\[38;5;133m8A +\x1b\[0m", text)
    assert "\x1b[38;5;133m 8A 1 #" in text  # of the summary
    for shown, environ in ((False, {}), (True, {"FORCE_COLOR": "1"})):
        done = run_analyze(bad_files, library, TERM="xterm", **environ)
        assert ("\x1b[1mtrack" in done.stdout) == shown
        assert ("\x1b[31mfailed:" in done.stderr) == shown
    assert "\x1b" not in run_analyze("--csv", library, FORCE_COLOR="1").stdout


def test_a_file_gets_no_colours(library, tmp_path):
    file = tmp_path / "keys.txt"
    for _ in range(2):  # the second run knows what the first wrote
        assert run_analyze("-o", file, library, FORCE_COLOR="1").returncode == 0
    assert "\x1b" not in file.read_text(encoding="utf-8")


def test_ctrl_c_at_a_terminal_wipes_the_bar_and_prints_the_table(library, endless):
    """It is pressed when the bar's clock has moved, though no file was done meanwhile."""
    track, ticked = library / next(iter(KEYS)), r"2/3 files \[00:0[1-9]<"
    arguments = ("--jobs", 1, track, "missing", endless)
    text, code = on_a_terminal(100, *arguments, ctrl_c_after=ticked, NO_COLOR="1")
    assert code == 130
    *_, after = re.split(r"\r +\r", text)
    header, line, summary, *_ = after.splitlines()
    assert header.startswith("track")
    assert line.split()[-1] == "0:08"
    assert summary.startswith("3 files: 1 analysed, 1 failed, 1 not reached (")
    assert "Traceback" not in text
