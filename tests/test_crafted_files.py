"""Crafted files get a coded answer, from a process that stays small."""

from __future__ import annotations

import sys

import pytest

from tests.crafted.bombs import BOMBS, tracks_of_many_samples
from tests.crafted.claims import BUILT, CHANNEL_CLAIMS, LENGTH_CLAIMS, RATE_CLAIMS, mka, mov
from tests.crafted.mazes import MAZES
from tests.crafted.tags import TAGS
from tests.crafted.watching import forget_peak, peak_bytes
from tests.server_process import ServerProcess

LARGEST = 400 << 20  # bytes a decoding process may have; it begins with 70 MiB
NEEDS_PROC = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
MADE = {make.__name__: (make, code) for made in (BOMBS, TAGS, MAZES) for make, code in made.items()}


@pytest.fixture(scope="module")
def server():
    with ServerProcess("-w", "1", "--timeout", "60") as process:
        yield process
        assert process.stderr == b""


def answer(server, folder, data):
    """The reply to a file with these bytes, and the peak of the process that decoded it."""
    path = folder / "crafted"
    path.write_bytes(data)
    (worker,) = server.worker_pids()
    forget_peak(worker)
    reply = server.ask({"id": "crafted", "path": str(path)})
    assert reply["id"] == "crafted"
    assert server.worker_pids() == [worker]  # it was not the worker's last
    return reply, peak_bytes(worker)


@NEEDS_PROC
@pytest.mark.parametrize("name", MADE)
def test_bombs(server, tmp_path, name):
    make, code = MADE[name]
    reply, peak = answer(server, tmp_path, make())
    assert reply["code"] == code, reply
    assert code != "ok" or reply["camelot"] == "8A"
    assert peak < LARGEST


@NEEDS_PROC
def test_what_no_single_claim_gives_away_ends_at_the_memory_limit(tmp_path):
    with ServerProcess("-w", "1", "--memory-limit", "300") as server:
        path = tmp_path / "crafted"
        path.write_bytes(tracks_of_many_samples())
        (worker,) = server.worker_pids()
        reply = server.ask({"id": "crafted", "path": str(path)})
        # or FFmpeg makes do with the part of the tables that it gets memory for
        assert reply["code"] in ("decode_failed", "out_of_memory", "too_short"), reply
        if server.worker_pids() == [worker]:
            assert peak_bytes(worker) < 350 << 20
        path.write_bytes(mka())
        assert server.ask({"id": "next", "path": str(path)})["camelot"] == "8A"


@NEEDS_PROC
@pytest.mark.parametrize("claim", CHANNEL_CLAIMS + RATE_CLAIMS, ids=str)
def test_impossible_channels_and_rates(server, tmp_path, claim):
    """They are refused, or not believed where the codec knows better."""
    reply, peak = answer(server, tmp_path, claim.data())
    assert reply["code"] in ("ok", "decode_failed"), reply
    assert reply["status"] == "error" or reply["camelot"] == "8A"
    assert peak < LARGEST


@NEEDS_PROC
@pytest.mark.parametrize("name", BUILT)
def test_impossible_channels_and_rates_in_files_by_hand(server, tmp_path, name):
    """Of a Matroska file with an impossible rate, FFmpeg takes the default of 8,000 Hz instead."""
    reply, peak = answer(server, tmp_path, BUILT[name]())
    assert reply["code"] in ("ok", "decode_failed"), reply
    assert peak < LARGEST


@NEEDS_PROC
@pytest.mark.parametrize("make", [mka, mov])
def test_files_by_hand_are_music_without_the_claims(server, tmp_path, make):
    assert answer(server, tmp_path, make())[0]["camelot"] == "8A"


@NEEDS_PROC
@pytest.mark.parametrize("claim", LENGTH_CLAIMS, ids=str)
def test_impossible_lengths(server, tmp_path, claim):
    reply, peak = answer(server, tmp_path, claim.data())
    assert reply["code"] in ("ok", "decode_failed", "no_audio", "too_short"), reply
    assert reply["status"] == "error" or reply["camelot"] == "8A"
    assert peak < LARGEST
