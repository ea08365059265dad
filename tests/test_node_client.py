"""A real Node script as the client, with file names that break naive programs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import KEYS
from tests.server_process import COMMAND

SCRIPT = Path(__file__).parent / "node" / "awkward_names.js"

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


def test_fifty_awkward_names_and_a_reset_in_the_middle(tmp_path):
    assert len(set(AWKWARD)) == 50
    keys = [KEYS[7], KEYS[19], KEYS[10], KEYS[14]]
    for key in keys:
        soundfile.write(tmp_path / key.camelot, render_track(key, 8.0), SAMPLE_RATE, format="WAV")
    folder = tmp_path / "músic ♫ folder"
    folder.mkdir()
    manifest = []
    for number, name in enumerate(AWKWARD):
        key = keys[number % len(keys)]
        shutil.copy(tmp_path / key.camelot, folder / name)
        manifest.append({"path": str(folder / name), "camelot": key.camelot})
    listing = tmp_path / "manifest.json"
    listing.write_text(json.dumps(manifest), encoding="utf-8")
    result = subprocess.run(
        ["node", SCRIPT, listing, *COMMAND], capture_output=True, text=True, timeout=240
    )
    assert result.returncode == 0, result.stderr
    assert "all as they should be" in result.stdout
