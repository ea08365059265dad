"""``effort``: server, command and library analyse parts of a track where they will do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan import Analyzer, InvalidInput, analyze
from keyscan.client import Client
from keyscan.keys import Key
from keyscan.model.checkpoint import load_model
from keyscan.model.stretches import Heard, hear_stretches
from keyscan.spectrogram.constant_q import STRETCHES
from keyscan.spectrogram.excerpts import STRETCH_SECONDS, extract_in_parts
from tests.batch.analyze_process import run_analyze
from tests.server_process import ServerProcess, request

SECONDS = 110.0
PARTS = float(STRETCHES * STRETCH_SECONDS)


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """One key, A minor, 8A, to the end."""
    path = tmp_path_factory.mktemp("steady") / "steady.flac"
    soundfile.write(path, render_track(Key.parse("A minor"), SECONDS), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def restless(tmp_path_factory):
    """Four keys, and twice E minor, 9A."""
    path = tmp_path_factory.mktemp("restless") / "restless.flac"
    keys = ("E minor", "Bb minor", "E minor", "F major", "C# minor")
    pieces = [render_track(Key.parse(key), SECONDS / len(keys)) for key in keys]
    soundfile.write(path, np.concatenate(pieces), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def server():
    with ServerProcess("-w", "1") as process:
        yield process


def asked(server, path, **fields):
    reply = server.ask({**request(1, path), **fields})
    assert reply["status"] == "success", reply
    return reply


def test_parts_answer_where_they_are_certain(server, steady):
    whole, parts = asked(server, steady), asked(server, steady, effort="adaptive")
    assert whole["analysed_seconds"] == whole["duration"] == SECONDS
    assert (parts["analysed_seconds"], parts["duration"]) == (PARTS, SECONDS)
    assert parts["camelot"] == whole["camelot"] == "8A"
    assert parts["tuning_cents"] == pytest.approx(whole["tuning_cents"], abs=1)


def test_otherwise_the_answer_is_that_of_the_whole(server, restless):
    whole, parts = asked(server, restless), asked(server, restless, effort="adaptive")
    assert parts["analysed_seconds"] == SECONDS
    assert parts.pop("confidence") == pytest.approx(whole.pop("confidence"), abs=1e-3)
    for reply in (whole, parts):
        del reply["alternatives"], reply["tuning_cents"]
    assert parts == whole


def test_a_timeline_is_that_of_the_whole(server, steady):
    reply = asked(server, steady, effort="adaptive", timeline=True)
    assert reply["analysed_seconds"] == SECONDS
    assert reply["timeline"][-1]["end"] == SECONDS


def test_short_files_and_damaged_ones_are_analysed_as_a_whole(server, track, steady, tmp_path):
    assert asked(server, track, effort="adaptive")["analysed_seconds"] == 10
    data = steady.read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) * 9 // 10])
    whole = asked(server, tmp_path / "cut.flac")
    parts = asked(server, tmp_path / "cut.flac", effort="adaptive")
    assert [warning["code"] for warning in parts["warnings"]] == ["truncated"]
    assert parts == whole


def test_errors_are_those_of_the_whole(server, tmp_path):
    (tmp_path / "text.mp3").write_text("no music")
    for name, code in (("gone.mp3", "file_not_found"), ("text.mp3", "unsupported_format")):
        reply = server.ask({**request(1, tmp_path / name), "effort": "adaptive"})
        assert (reply["status"], reply["code"]) == ("error", code)


@pytest.mark.parametrize("effort", ["half", "", 1, True, ["full"], {}])
def test_another_effort_is_refused(server, steady, effort):
    reply = server.ask({**request(1, steady), "effort": effort})
    assert (reply["code"], reply["id"]) == ("bad_request", 1)
    assert '"effort" must be "full" or "adaptive"' in reply["error"]


def test_the_option_is_for_requests_that_name_none(steady):
    with ServerProcess("-w", "1", "--effort", "adaptive") as server:
        assert asked(server, steady)["analysed_seconds"] == PARTS
        assert asked(server, steady, effort=None)["analysed_seconds"] == PARTS
        assert asked(server, steady, effort="full")["analysed_seconds"] == SECONDS


def test_a_cached_answer_of_the_whole_serves_all_and_one_of_parts_only_its_kind(steady, tmp_path):
    with ServerProcess("-w", "1", "--cache", str(tmp_path / "keys.sqlite")) as server:
        replies = [
            asked(server, steady, effort=effort)
            for effort in ("adaptive", "adaptive", "full", "full", "adaptive")
        ]
        assert [reply["cached"] for reply in replies] == [False, True, False, True, True]
        analysed = [reply["analysed_seconds"] for reply in replies]
        assert analysed == [PARTS, PARTS, SECONDS, SECONDS, SECONDS]


def test_an_uncertain_track_is_cached_as_a_whole(restless, tmp_path):
    with ServerProcess("-w", "1", "--cache", str(tmp_path / "keys.sqlite")) as server:
        first = asked(server, restless, effort="adaptive")
        second = asked(server, restless, timeline=True)
        assert (first["cached"], second["cached"]) == (False, True)
        assert second["timeline"]


def test_a_cancelled_request_has_one_answer(steady, restless):
    with ServerProcess("-w", "1") as server:
        for number in range(6):
            server.send({**request(number, restless), "effort": "adaptive"})
        for number in range(6):
            server.send({"type": "cancel", "id": number})
        server.send({**request("last", steady), "effort": "adaptive"})
        replies = [message for message in server.finish() if "status" in message]
    assert sorted(str(reply["id"]) for reply in replies) == [*"012345", "last"]
    assert replies[-1]["camelot"] == "8A"


def test_the_library(steady, restless):
    parts = analyze(steady, effort="adaptive")
    assert (parts.camelot, parts.analysed_seconds, parts.duration) == ("8A", PARTS, SECONDS)
    assert analyze(steady).analysed_seconds is None
    assert analyze(steady, effort="adaptive", timeline=True).analysed_seconds is None
    assert analyze(restless, effort="adaptive").analysed_seconds is None
    with steady.open("rb") as file:
        assert analyze(file, effort="adaptive").analysed_seconds is None
    with Analyzer(workers=1) as analyzer:
        assert analyzer.analyze(steady, effort="adaptive").analysed_seconds == PARTS
        (found,) = analyzer.analyze_all([steady], effort="adaptive")
        assert found.analysed_seconds == PARTS
        with pytest.raises(InvalidInput, match="effort"):
            analyzer.submit(steady, effort="half")
    with pytest.raises(InvalidInput, match="effort"):
        analyze(steady, effort="half")


def test_the_client(steady):
    with Client() as client:
        assert "effort" in client.ready["features"]
        assert client.analyze(steady, effort="adaptive")["analysed_seconds"] == PARTS
        assert client.analyze(steady)["analysed_seconds"] == SECONDS


def test_the_command(steady):
    def analysed(*options):
        done = run_analyze(steady, "--format", "ndjson", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["analysed_seconds"]

    assert analysed("--effort", "full") == SECONDS
    assert analysed("--effort", "adaptive") == PARTS
    assert analysed() == SECONDS
    assert analysed("--effort", "adaptive", "--timeline") == SECONDS


def test_stretches_that_alone_say_other_keys_are_not_certain(steady, tmp_path):
    """The same stretches, with two of them moved by a fifth."""
    model = load_model()
    features = extract_in_parts(steady)
    heard = hear_stretches(model, features)
    assert heard.is_certain()
    assert {key.camelot for key in (heard.together, *heard.alone)} == {"8A"}
    other = tmp_path / "other.flac"
    soundfile.write(other, render_track(Key.parse("E minor"), SECONDS), SAMPLE_RATE)
    own = np.split(features.spectrogram, STRETCHES, axis=1)
    others = np.split(extract_in_parts(other).spectrogram, STRETCHES, axis=1)
    mixed = np.concatenate([*own[:2], *others[2:]], axis=1)
    heard = hear_stretches(model, replace(features, spectrogram=mixed))
    assert [key.camelot for key in heard.alone] == ["8A", "8A", "9A", "9A", "9A"]
    assert not heard.is_certain()
    assert not Heard(heard.together, ()).is_certain()  # it changes its key
    clear = replace(heard.together, changes_key=False)
    dissent = Heard(
        replace(clear, key=heard.alone[0], probabilities=(0.0,) * 7 + (1.0,) + (0.0,) * 16),
        heard.alone,
    )
    assert not dissent.is_certain()
    assert dissent.is_certain(dissenters=3)
