"""The demo as a newcomer runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.server_process import PATIENCE, ROOT


def run_demo(folder, *files):
    return subprocess.run(
        [sys.executable, "-m", "examples.demo", *map(str, files)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True, encoding="utf-8", timeout=2 * PATIENCE,
    )  # fmt: skip


def test_the_demo_tells_keys_confidence_speed_and_what_to_do_next(tmp_path, track):
    done = run_demo(tmp_path, track)
    assert done.returncode == 0
    wrote, ready, _, header, *rows, _, speed, _, _, first, second = done.stdout.splitlines()
    assert wrote.startswith("wrote 20 seconds of A minor as demo")
    assert re.fullmatch(r"server ready after \d+\.\d s", ready)
    cells = ["file", "Camelot", "Open Key", "key", "confidence", "length"]
    assert re.split(r"  +", header) == cells
    found = {re.split(r"  +", row)[0]: re.split(r"  +", row)[1:] for row in rows}
    assert found.keys() == {"demo.wav", "demo.flac", "demo.mp3", "demo.m4a", track.name}
    for name, (camelot, open_key, key, confidence, length) in found.items():
        expected = ("11A", "4m", "F# minor/Gb minor", "0:10")
        if name.startswith("demo"):
            expected = ("8A", "1m", "A minor", "0:20")
        assert (camelot, open_key, key, length) == expected
        assert re.fullmatch(r">?\d\d%", confidence)
    assert re.fullmatch(r"5 files in \d+\.\d s: \d+\.\d\d s a file", speed)
    assert first.split("  ")[1:] == [
        f"{sys.executable} -m keyscan analyze FOLDER",
        "your own music",
    ]
    assert second.startswith(f"  {sys.executable} -m keyscan help  ")


def test_the_demo_says_which_file_has_no_key(tmp_path):
    done = run_demo(tmp_path, tmp_path / ("x" * 40 + ".mp3"))
    assert done.returncode == 1
    assert re.search(r"^x+…x+\.mp3  file_not_found: File not found: ", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stderr
