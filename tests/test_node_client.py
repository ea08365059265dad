"""The Node client's own tests, against the server: a promise per file of any name. And its
keys against ours."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import KEYS, NOTATIONS, SPELLINGS, KeyStyle, smooth_path
from tests.key_texts import KEY_TEXTS
from tests.messages import check_line, check_request, replies
from tests.server_process import COMMAND, ROOT

CLIENT = ROOT / "clients" / "node"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="apt-get install nodejs")

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


@needs_node
@pytest.mark.parametrize(
    "file", sorted((CLIENT / "test").glob("*.test.js")), ids=lambda file: file.name
)
def test_node_client(file, awkward_tracks, tmp_path):
    environ = {
        **os.environ,
        "KEYSCAN_COMMAND": json.dumps(COMMAND),
        "KEYSCAN_AUDIO": str(awkward_tracks),
        "KEYSCAN_RECORD": str(tmp_path),
        "NODE_OPTIONS": f'--require "{CLIENT / "testing" / "record.js"}"',
    }
    result = subprocess.run(
        ["node", "--test", file], capture_output=True, text=True, timeout=240, env=environ
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"skipped 0$", result.stdout, re.MULTILINE)
    for session in {path.with_suffix("") for path in tmp_path.iterdir()}:
        sent, received = whole_lines(f"{session}.sent"), whole_lines(f"{session}.received")
        requests = [json.loads(check_line(line)) for line in sent]
        asked = {message.get("path") for message in requests}
        for message in requests:
            if message.get("path") != "":  # it is the server that refuses an empty path
                check_request(message)
        if "babble" not in asked:  # the fake server then writes what a later one may
            replies(received)
    assert any(tmp_path.iterdir()) or file.name == "keys.test.js"  # which asks no server


def whole_lines(name):
    """The lines of a file, without a last one that breaks off: a server may be killed."""
    path = Path(name)
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


@needs_node
def test_a_bare_node_test_ends_and_says_how_to_run_the_rest():
    environ = {name: value for name, value in os.environ.items() if "KEYSCAN" not in name}
    result = subprocess.run(
        ["node", "--test"], cwd=CLIENT, capture_output=True, text=True, timeout=240, env=environ
    )
    assert result.returncode == 0, result.stdout + result.stderr
    passed, skipped = (
        int(re.search(rf"{word} (\d+)$", result.stdout, re.MULTILINE)[1])
        for word in ("pass", "skipped")
    )
    assert passed > 10
    assert result.stdout.count("python -m pytest tests/test_node_client.py") == skipped > 10


def ask_client(function, *calls):
    """What a function of the client returns for each list of arguments."""
    script = """
    const [, client, name] = process.argv;
    const calls = JSON.parse(require('node:fs').readFileSync(0));
    console.log(JSON.stringify(calls.map((values) => require(client)[name](...values))));
    """
    return json.loads(run_node(script, CLIENT, function, input=json.dumps(calls)))


def run_node(script, *arguments, input):
    """What ``script`` prints."""
    return subprocess.run(
        ["node", "-e", script, *arguments],
        input=input, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8",
    ).stdout  # fmt: skip


@needs_node
def test_what_tools_write_is_read_by_the_client_too():
    script = """
    const { parseKey } = require(process.argv[1]);
    const read = (text) => {
      try {
        return parseKey(text);
      } catch (error) {
        if (error instanceof RangeError) return null;
        throw error;
      }
    };
    console.log(JSON.stringify(JSON.parse(require('node:fs').readFileSync(0)).map(read)));
    """
    texts = [*KEY_TEXTS, *(key.name(spelling) for key in KEYS for spelling in SPELLINGS)]
    found = json.loads(run_node(script, CLIENT, input=json.dumps(texts)))
    expected = [*KEY_TEXTS.values(), *(key.camelot for key in KEYS for _ in SPELLINGS)]
    assert dict(zip(texts, found, strict=True)) == dict(zip(texts, expected, strict=True))


@needs_node
def test_keys_that_mix_are_the_same_in_the_client():
    expected = [
        [{"camelot": other.camelot, "relation": why} for other, why in key.compatible().items()]
        for key in KEYS
    ]
    assert ask_client("compatible", *([key.camelot] for key in KEYS)) == expected


@needs_node
def test_keys_are_written_as_the_server_writes_them():
    styles = [(notation, spelling) for notation in NOTATIONS for spelling in SPELLINGS]
    calls = [
        [key.open_key, {"notation": notation, "spelling": spelling}]
        for key in KEYS
        for notation, spelling in styles
    ]
    expected = [KeyStyle(*style).write(key) for key in KEYS for style in styles]
    assert ask_client("writeKey", *calls) == expected


@needs_node
def test_distances_are_the_same_in_the_client():
    pairs = [(key, other) for key in KEYS for other in KEYS]
    distances = ask_client("distance", *([key.camelot, other.camelot] for key, other in pairs))
    assert distances == [key.distance_to(other) for key, other in pairs]


@needs_node
def test_smooth_paths_are_the_same_in_the_client():
    rng = random.Random(0)
    pools = [rng.sample(KEYS, rng.randint(1, 24 if n % 10 == 0 else 9)) for n in range(150)]
    rare = [  # moved to the end, and turned round as they are moved
        "5A 10B 2B 10A 7B 12A 1A 11B 6B 9A 1B",
        "4A 1A 10A 5A 11A 2B 6A 10B 12A 8A 2A 7B 8B 1B",
    ]
    camelot = {key.camelot: key for key in KEYS}
    lists = [[], *([camelot[name] for name in names.split()] for names in rare)]
    lists += [rng.choices(pool, k=rng.randint(1, 40)) for pool in pools]
    paths = ask_client("smoothPath", *([[key.camelot for key in keys]] for keys in lists))
    for keys, path in zip(lists, paths, strict=True):
        expected = smooth_path(keys)
        assert sorted(path) == list(range(len(keys)))
        assert steps(keys, path) == steps(keys, expected)
        assert path == expected


def steps(keys, path):
    return sum(keys[index].distance_to(keys[other]) for index, other in pairwise(path))
