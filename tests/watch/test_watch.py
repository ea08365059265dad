"""``watch`` as a process of its own, and files that are copied while it looks."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from mutagen.id3 import ID3

from tests.audio_files import valid
from tests.server_process import COMMAND, EXE, PATIENCE, ROOT, wait_for
from tests.tagging.contents import packets

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="ends by signals"),
    pytest.mark.skipif(bool(EXE), reason="the exe is without watchdog"),
]


class Watching:
    """The command; ``replies`` are its lines."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [*COMMAND, "watch", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.stderr = b""
        self._lines = queue.Queue()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._read, self._read_log)
        ]
        for thread in self._threads:
            thread.start()
        wait_for(lambda: b"watching" in self.stderr or self.process.poll() is not None)

    def reply(self):
        return self._lines.get(timeout=PATIENCE)

    def end(self, number=signal.SIGINT):
        """The replies that are left, and the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return list(self._lines.queue), code

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def _read_log(self):
        for line in self.process.stderr:
            self.stderr += line


@contextlib.contextmanager
def watching(*arguments):
    watch = Watching(*arguments)
    try:
        yield watch
    finally:
        watch.process.kill()
        watch.process.wait()


def copy_slowly(data, path, parts=8, pause=0.25):
    with path.open("wb") as file:
        for part in range(parts):
            file.write(data[len(data) * part // parts : len(data) * (part + 1) // parts])
            file.flush()
            time.sleep(pause)


def test_files_are_analysed_once_they_are_whole(tmp_path):
    old = tmp_path / "old.mp3"
    old.write_bytes(valid("mp3"))
    with watching("--settle", "1", tmp_path) as watch:
        copy_slowly(valid("flac", 8.0), tmp_path / "new.flac")
        reply = watch.reply()
        (tmp_path / "cover.jpg").write_bytes(b"no music")
        (tmp_path / ".hidden.mp3").write_bytes(valid("mp3"))
        (tmp_path / "text.mp3").write_text("no music")
        failure = watch.reply()
        rest, code = watch.end()
    assert (rest, code) == ([], 0)
    document = subprocess.run(
        [*COMMAND, "analyze", "--json", "--quiet", str(tmp_path / "new.flac")],
        capture_output=True, check=True,
    )  # fmt: skip
    assert reply == json.loads(document.stdout)["tracks"][0]
    assert (reply["duration"], reply["warnings"]) == (8.0, [])
    assert (failure["path"], failure["code"]) == (str(tmp_path / "text.mp3"), "unsupported_format")
    log = watch.stderr.decode().splitlines()
    assert log[0] == f"keyscan: watching {tmp_path}; Ctrl-C ends"
    assert log[1].startswith(f"failed: {tmp_path}/text.mp3: ")
    assert log[2:] == ["keyscan: ended: 1 analysed, 1 failed"]


def test_changes_moves_and_new_folders(tmp_path):
    folder, other = tmp_path / "music", tmp_path / "other"
    (folder / "sub").mkdir(parents=True)
    other.mkdir()
    (other / "album").mkdir()
    (other / "album" / "1.wav").write_bytes(valid("wav"))
    changing = folder / "sub" / "a.wav"
    changing.write_bytes(valid("wav"))
    with watching("--settle", "0.5", "--timeline", folder) as watch:
        shutil.copyfile(changing, other / "b.wav")
        changing.write_bytes(valid("wav", 8.0))
        reply = watch.reply()
        assert (reply["path"], reply["duration"]) == (str(changing), 8.0)
        assert reply["timeline"]
        (other / "album").rename(folder / "album")
        assert watch.reply()["path"] == str(folder / "album" / "1.wav")
        (other / "b.wav").rename(folder / "b.wav.part")
        (folder / "b.wav.part").rename(folder / "b.wav")  # as browsers do
        assert watch.reply()["path"] == str(folder / "b.wav")
        changing.unlink()
        (folder / "b.wav").write_bytes(valid("wav", 8.0))
        reply = watch.reply()
        assert (reply["path"], reply["duration"]) == (str(folder / "b.wav"), 8.0)
        rest, code = watch.end(signal.SIGTERM)
    assert (rest, code) == ([], 0)


def test_own_tags_are_no_change(tmp_path):
    with watching("--settle", "0.5", "--write-tags", "camelot", tmp_path) as watch:
        path = tmp_path / "a.mp3"
        path.write_bytes(valid("mp3", 8.0))
        reply = watch.reply()
        assert reply["tag"] == {
            "key": None, "agrees": None, "change": "written", "written": "8A",
        }  # fmt: skip
        sound = packets(path)
        (tmp_path / "b.wav").write_bytes(valid("wav", 8.0))
        assert watch.reply()["path"] == str(tmp_path / "b.wav")
        time.sleep(1.5)  # longer than a file takes to settle
        rest, code = watch.end()
    assert (rest, code) == ([], 0)
    assert ID3(path)["TKEY"].text == ["8A"]
    assert sound == packets(path)
    assert f"tagged: {path}: key 8A\n".encode() in watch.stderr


def test_ctrl_c_while_it_starts_or_works_leaves_no_process(tmp_path, endless):
    with watching(tmp_path) as watch:
        rest, code = watch.end()  # while the engine loads
    assert (rest, code) == ([], 0)
    with watching("--settle", "0.2", tmp_path) as watch:
        (tmp_path / "endless.wav").symlink_to(endless)
        (tmp_path / "empty.mp3").write_bytes(b"")
        watch.reply()
        rest, code = watch.end()
    assert (rest, code) == ([], 0)
    assert b"Traceback" not in watch.stderr


def test_a_reader_that_goes_away_ends_it(tmp_path):
    read, write = os.pipe()
    os.close(read)
    (tmp_path / "music").mkdir()
    command = [*COMMAND, "watch", "--settle", "0.2", str(tmp_path / "music")]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=log) as process,
    ):
        os.close(write)
        wait_for(lambda: b"watching" in (tmp_path / "log").read_bytes())
        (tmp_path / "music" / "empty.mp3").write_bytes(b"")
        assert process.wait(PATIENCE) == 0
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_a_folder_that_goes_away_ends_it(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    with watching(folder) as watch:
        folder.rmdir()
        assert watch.process.wait(PATIENCE) == 1
        wait_for(lambda: f"keyscan: {folder} is gone\n".encode() in watch.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere"], "keyscan: /nowhere: there is no such folder\n"),
        ([__file__], f"keyscan: {__file__}: that is no folder\n"),
        ([], "FOLDER"),
        ([""], "argument FOLDER: a path must not be empty"),
        (["--settle", "0", "/"], "--settle: must be a number of seconds above 0"),
        (["--overwrite", "/"], "--overwrite needs --write-tags"),
    ],
)
def test_wrong_usage(arguments, message):
    done = subprocess.run([*COMMAND, "watch", *arguments], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [("watchdog", "pip install watchdog"), ("mutagen", "pip install mutagen")],
)
def test_a_missing_library_is_named(name, message, tmp_path):
    code = (
        f"import sys; sys.modules[{name!r}] = None; from keyscan.__main__ import run;"
        "sys.argv[1:] = sys.argv[2:]; sys.exit(run())"
    )
    command = [sys.executable, "-c", code, "-", "watch", "--write-tags", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
