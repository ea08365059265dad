"""Every format through the one registry: its name, its start, and a whole run of the command."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from typing import get_args

import pytest

from keyscan.arguments import parse_analyze
from keyscan.batch.earlier import is_own_output
from keyscan.batch.writers import WRITERS
from keyscan.options import OutputFormat
from tests.batch.analyze_process import run_analyze
from tests.batch.conftest import KEYS
from tests.batch.results import analysed, failed, report

RESULTS = [analysed("/m/a.mp3"), failed('/m/"gone".mp3'), analysed("/m/drums.wav", tonal=False)]


def test_every_format_of_the_command_line_has_a_writer():
    assert list(WRITERS) == list(get_args(OutputFormat))


@pytest.mark.parametrize("name", get_args(OutputFormat))
def test_a_format_is_written_in_full_and_known_again(name):
    text = "".join(WRITERS[name](report(RESULTS)))
    assert text.endswith("\n")
    assert "/m/a.mp3" in text or "FILE" in text or name == "table"
    assert is_own_output(text.encode())
    assert is_own_output("".join(WRITERS[name](report([]))).encode())


@pytest.mark.parametrize("name", ["json", "csv", "m3u"])
def test_an_old_option_is_another_name(name):
    assert parse_analyze([f"--{name}", "a"]) == parse_analyze(["--format", name, "a"])


def test_collections_and_lines_of_a_library(library, tmp_path):
    for name in ("rekordbox-xml", "traktor-nml", "ndjson"):
        target = tmp_path / "keys"  # each replaces the one before
        done = run_analyze("-q", "--format", name, "-o", target, library)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        text = target.read_text(encoding="utf-8")
        if name == "ndjson":
            found = [json.loads(line)["key"] for line in text.splitlines()]
            assert found == ["A minor", "C major", "F# minor/Gb minor", "E minor"]
        elif name == "rekordbox-xml":
            found = [track.get("Tonality") for track in ET.fromstring(text).iter("TRACK")]
            assert found == ["Am", "C", "F#m", "Em", *[None] * 4]
        else:
            found = [key.get("VALUE") for key in ET.fromstring(text).iter("MUSICAL_KEY")]
            assert found == ["21", "0", "18", "16"]


def test_csv_with_a_byte_order_mark(library, tmp_path):
    target = tmp_path / "keys.csv"
    done = run_analyze("-q", "--format", "csv", "--bom", "-o", target, library)
    assert done.returncode == 0
    data = target.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfpath,status,")
    assert data.count(b"\xef\xbb\xbf") == 1
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    assert [row["camelot"] for row in rows] == ["8A", "8B", "11A", "9A"]


def test_a_name_that_a_format_cannot_hold_is_told(library, tmp_path):
    track = tmp_path / "a\x01.wav"
    track.hardlink_to(library / next(iter(KEYS)))
    done = run_analyze("-q", "--format", "traktor-nml", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"keyscan: {tmp_path}/a\\x01.wav is left out: traktor-nml cannot hold its name\n"
    )
    assert ET.fromstring(done.stdout).find("COLLECTION").get("ENTRIES") == "0"
