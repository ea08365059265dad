"""The Node client's own tests, against the server: a promise per file, whatever its name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import KEYS
from keyscan.serving.protocol import ERROR_CODES
from tests.server_process import COMMAND, ROOT

CLIENT = ROOT / "clients" / "node"

AWKWARD = [
    "plain.wav", "with space.wav", " leading and trailing .wav", "naïve café.wav",
    "nai\u0308ve cafe\u0301.wav", "Ænima – Ø.wav", "日本語の曲.wav", "Кириллица.wav",
    "اغنية.wav", "한국어.wav", "🎵🎧 emoji 👩‍🎤.wav", "𝄞 clef.wav", "quote'single.wav",
    'quote"double.wav', "back\\slash.wav", "C:\\Music\\Artist\\track.wav", "percent %d %s %00.wav",
    "question?.wav", "star*.wav", "pipe|.wav", "colon:.wav", "http:__host_a.wav", "concat:a|b.wav",
    "file:a.wav", "-dash.wav", "--help", "semi;colon.wav", "dollar $HOME `id`.wav", "amp & and.wav",
    "hash#1.wav", "new\nline.wav", "tab\there.wav", "carriage\rreturn.wav", "bell\a.wav",
    "null", "1e5", "[].wav", "{\"id\": 1}.wav", "no extension", ".hidden", "two..dots.wav",
    "UPPER.WAV", "wrong extension.mp3", "wrong extension.txt", "dot.", "tilde~.wav",
    "x" * 250 + ".wav", "é" * 120 + ".wav", "\u202ertl override.wav", "zero\u200bwidth.wav",
]  # fmt: skip


@pytest.fixture(scope="session")
def awkward_tracks(tmp_path_factory):
    """A folder of fifty tracks with names that break naive programs, and their keys beside it."""
    assert len(set(AWKWARD)) == 50
    root = tmp_path_factory.mktemp("node")
    keys = [KEYS[7], KEYS[19], KEYS[10], KEYS[14]]
    for key in keys:
        soundfile.write(root / key.camelot, render_track(key, 8.0), SAMPLE_RATE, format="WAV")
    folder = root / "músic ♫ folder"
    folder.mkdir()
    manifest = []
    for number, name in enumerate(AWKWARD):
        key = keys[number % len(keys)]
        shutil.copy(root / key.camelot, folder / name)
        manifest.append({"path": str(folder / name), "camelot": key.camelot})
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "file", sorted((CLIENT / "test").glob("*.test.js")), ids=lambda file: file.name
)
def test_node_client(file, awkward_tracks):
    environ = {
        **os.environ,
        "KEYSCAN_COMMAND": json.dumps(COMMAND),
        "KEYSCAN_AUDIO": str(awkward_tracks),
    }
    result = subprocess.run(
        ["node", "--test", file], capture_output=True, text=True, timeout=240, env=environ
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_types_declare_every_error_code_of_the_server():
    types = (CLIENT / "index.d.ts").read_text(encoding="utf-8")
    union = types.split("type ServerErrorCode =")[1].split(";")[0]
    assert re.findall(r"'(\w+)'", union) == list(ERROR_CODES)
