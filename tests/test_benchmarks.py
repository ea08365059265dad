"""The benchmarks print their tables, and one without a comparison is no success."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import ArgumentTypeError

import pytest

from benchmarks.length import WRITERS, Row, spread
from benchmarks.processes import Usage
from benchmarks.script import duration, duration_name
from benchmarks.soak_report import Sample, Verdict, verdict
from examples.track import SAMPLE_RATE as SOURCE_RATE
from examples.track import encode, render_track
from keyscan.audio.stream import AudioStream
from keyscan.keys import Key
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.server_process import ROOT


def run(module, *options):
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)


def rows(output):
    """The cells of every line of a table but its titles."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def samples(count, grows_by=0):
    """A sample a second, in which the server grows by ``grows_by`` MB."""
    return [
        Sample(second, 10 * second, usage(second, 10**8 + grows_by * 10**6 * second))
        for second in range(count)
    ]


def usage(second, server_bytes):
    return Usage(
        server_bytes=server_bytes, worker_bytes=10**8, descriptors=20, threads=5, children=2,
        processor_seconds=0.5 * second,
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_soak_of_a_few_seconds_is_too_short_to_tell(count, capsys):
    assert verdict(samples(count)) is Verdict.TOO_SHORT
    assert "too short to tell" in capsys.readouterr().out


def test_a_soak_is_flat_or_not(capsys):
    assert verdict(samples(100)) is Verdict.HELD
    assert verdict(samples(100, grows_by=1)) is Verdict.MISSED
    assert "too short" not in capsys.readouterr().out


def test_memory_is_not_said_to_be_flat_where_nothing_was_compared():
    result = run("memory", "--lengths", "1m", "--formats", "mp3", "--queues")
    assert result.returncode == 0, result.stderr
    assert "| 1m | MP3 |" in result.stdout
    assert "not measured" in result.stdout
    assert "kept" not in result.stdout


def test_what_the_cache_saves_is_measured_on_files_that_differ():
    result = run("cache", "--tracks", "3", "--seconds", "20", "--rows", "50")
    assert result.returncode == 0, result.stderr
    names = [row[0] for row in rows(result.stdout)]
    assert names[:4] == ["no cache", "an empty cache", "unchanged", "moved"]
    assert names[-1] == "50"


def test_the_first_answer_is_measured_with_every_step_before_it(track):
    result = run("first_answer", "--rounds", "1", str(track))
    assert result.stderr == ""
    table, steps = result.stdout.split("seconds from the spawn")
    assert [row[1] for row in rows(table)] == ["import torch", "server", "analyze"]
    moments = {name: cells for name, *cells in rows(steps)}
    assert moments["ready"][0] <= moments["the first key"][0]
    assert all(moments["seconds of decoding, meanwhile"])


@pytest.mark.parametrize("seconds", [10.0, 120.0])
@pytest.mark.parametrize("extension", WRITERS)
def test_files_have_the_length_they_are_called_by(extension, seconds, tmp_path):
    path = tmp_path / f"a.{extension}"
    WRITERS[extension](path, seconds)
    with AudioStream(path, SAMPLE_RATE) as stream:
        assert sum(map(len, stream)) == pytest.approx(seconds * stream.sample_rate, rel=0.02)
        assert stream.warnings == ()
    assert [*tmp_path.iterdir()] == [path]


def test_the_spread_is_a_share_of_the_mean(tmp_path):
    short, long = Row(tmp_path, 60.0, [0.5, 1.0, 9.0]), Row(tmp_path, 120.0, [6.0])
    assert (short.per_minute, long.per_minute) == (1.0, 3.0)
    assert spread([short.per_minute, long.per_minute]) == 1.0


@pytest.mark.parametrize("name", ["10s", "5m", "10h"])
def test_lengths_are_named_as_the_options_are(name):
    assert duration(name) == {"10s": 10.0, "5m": 300.0, "10h": 36000.0}[name]
    assert duration_name(duration(name)) == name


@pytest.mark.parametrize("text", ["4s", "0m", "90s", "5", "m", "1.5h"])
def test_a_length_that_no_track_can_have(text):
    with pytest.raises(ArgumentTypeError):
        duration(text)


def test_lengths_are_compared_within_a_format():
    options = ("--lengths", "10s", "5s", "--formats", "mp3", "--rounds", "1", "--turn", "0.1")
    result = run("length", *options)
    assert result.returncode in (0, 1), result.stderr  # the bar depends on the machine
    assert [row[:2] for row in rows(result.stdout)] == [["MP3", "5s"], ["MP3", "10s"]]
    assert all(float(cell) > 0 for row in rows(result.stdout) for cell in row[2:5])
    assert result.stdout.count("spread") == 1


def test_one_length_is_no_comparison():
    options = ("--lengths", "5s", "--formats", "wav", "--rounds", "1", "--turn", "0")
    result = run("length", *options)
    assert result.returncode == 0, result.stderr
    assert "not measured" in result.stdout


def test_the_api_beside_the_server(track):
    result = run("api", str(track), "--rounds", "1")
    assert result.returncode in (0, 1), result.stderr  # the bar depends on the machine
    (row,) = rows(result.stdout)
    assert row[0] == track.name
    assert all(float(cell) > 0 for cell in row[1:3])
    assert "(at most 1.1: " in row[3]


def test_the_idle_server_beside_torch():
    result = run("idle", "--rounds", "1")
    assert result.returncode in (0, 1), result.stderr
    torch, server = rows(result.stdout)
    assert (torch[0], server[0]) == ("import torch", "server")
    assert torch[2] == torch[4] == "1.00"
    assert all(float(server[column]) > 0 for column in (1, 2, 3, 4))
    assert "bars: ready 1.3" in result.stdout


def test_every_way_to_decode_a_file(track, tmp_path):
    wavpack = tmp_path / "music.wv"
    encode(wavpack, render_track(Key.parse("A minor"), 5.0), SOURCE_RATE, "wavpack", bit_rate=None)
    result = run("decoding", str(track), str(wavpack), "--rounds", "1")
    assert result.returncode == 0, result.stderr
    flac, other = (
        rows(f"{titles}|-|\n{table}")
        for titles, table in re.findall(r"(\| .*\n)\|---.*\n((?:\|.*\n)+)", result.stdout)
    )
    names = {row[0] for row in flac}
    assert {"demux + decode", "2 frame threads", "libsndfile", "AudioFifo"} <= names
    assert "2 slice threads" not in names  # the FLAC decoder has none
    assert {"2 slice threads"} <= {row[0] for row in other}
    assert "libsndfile" not in {row[0] for row in other}
    (base,) = (row for row in flac if row[0] == "demux + decode")
    assert all(cell.endswith("(1.00)") for cell in base[1:])


def test_a_file_that_no_decoder_knows(tmp_path):
    (tmp_path / "text.mp3").write_text("no music " * 1000)
    result = run("decoding", str(tmp_path / "text.mp3"))
    assert result.returncode == 1
    assert "text.mp3: FFmpeg does not decode this file" in result.stderr
