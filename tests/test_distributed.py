"""The examples for many machines: their work on a partition, with Ray and with Spark, and the
forecast of its time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import ArgumentTypeError

import numpy as np
import pytest

from benchmarks.scale import FULL, RATES, Cluster, Library, draw, on_a_core, shares, simulate
from benchmarks.scale_costs import Cost, measure, print_shares
from examples.distributed import analyse_partition, schema
from keyscan import analyze
from tests.server_process import ROOT

HOOK = """
import sys
if "--multiprocessing-fork" in sys.orig_argv:
    from tests.faulty_server import _order_faults
    _order_faults()
"""


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Decoding processes, started by any program, do to a file what its name says."""
    folder = tmp_path / "hook"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")


def test_a_partition_has_a_row_for_every_track_whatever_it_does(track, tmp_path, faults):
    (tmp_path / "text.mp3").write_text("no music")
    paths = [str(track), "/no/such.mp3", str(tmp_path / "text.mp3"), "segfault.mp3", "loop.mp3",
             "half\udcff.mp3", "nul\0.mp3", str(track)]  # fmt: skip
    first, *bad, last = list(analyse_partition(iter(paths), timeout=5.0))
    analysis = analyze(track)
    assert first == last == {
        "path": str(track), "status": "success", "code": "ok", "camelot": "11A", "open_key": "4m",
        "key": "F# minor/Gb minor", "confidence": pytest.approx(analysis.confidence, abs=1e-6),
        "tonal": True, "tuning_cents": pytest.approx(analysis.tuning_cents, abs=1e-3),
        "duration": analysis.duration, "analysed_seconds": analysis.duration,
        "warnings": [],
    }  # fmt: skip
    assert [row["path"] for row in bad] == paths[1:-1]
    assert [row["code"] for row in bad] == [
        "file_not_found", "unsupported_format", "decoder_crashed", "timeout",
        "file_not_found", "invalid_path",
    ]  # fmt: skip
    assert all(row["status"] == "error" and row["error"] for row in bad)


def run(module, library, output, *options):
    command = [sys.executable, "-m", f"examples.{module}", library, output]
    options = [*options, "--block", "2", "--timeout", "5", "--effort", "adaptive"]
    return subprocess.run(
        [*map(str, command), *options], cwd=ROOT, capture_output=True, text=True, timeout=280
    )


def run_ray(library, output):
    done = run("distributed", library, output, "--actors", "2")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def music(track, tmp_path, faults):
    """A folder of three good files and two bad ones."""
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("a.flac", "b.flac", "c.flac"):
        shutil.copy(track, folder / name)
    (folder / "segfault.mp3").write_bytes(b"never opened")
    (folder / "text.mp3").write_text("no music")
    return folder


CODES = [("a", "ok"), ("b", "ok"), ("c", "ok"), ("segfault", "decoder_crashed"),
         ("text", "unsupported_format")]  # fmt: skip


@pytest.mark.timeout(600)  # two runs
@pytest.mark.skipif(sys.platform == "win32", reason="Ray runs on Linux and macOS")
def test_ray_writes_a_row_a_track_and_a_rerun_what_is_missing(music, tmp_path):
    pytest.importorskip("ray")
    from pyarrow import parquet

    output = tmp_path / "rows"
    run_ray(music, output)
    assert codes(parquet.read_table(output)) == CODES
    before = {file: file.stat().st_mtime_ns for file in output.iterdir()}
    list_of_paths = tmp_path / "library.txt"
    lines = [str(file) for file in sorted(music.iterdir())]
    list_of_paths.write_bytes("\r\n".join([*lines, "", "/no/such.mp3", "/no/such.mp3"]).encode())
    run_ray(list_of_paths, output)
    rows = parquet.read_table(output)
    assert codes(rows) == sorted([*CODES, ("such", "file_not_found")])
    assert {file: file.stat().st_mtime_ns for file in before} == before
    keys = {row["camelot"] for row in rows.to_pylist() if row["status"] == "success"}
    assert keys == {"11A"}


@pytest.mark.timeout(600)  # two runs
@pytest.mark.skipif(sys.platform == "win32", reason="Spark needs Hadoop's programs on Windows")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs a Java runtime")
def test_spark_writes_the_same_rows(music, tmp_path):
    pytest.importorskip("pyspark")
    import pyarrow as pa
    from pyarrow import parquet

    output = tmp_path / "rows"
    done = run("spark", music, output, "--master", "local[2]")
    assert done.returncode == 0, done.stderr
    rows = parquet.read_table(output)
    assert codes(rows) == CODES
    paths = sorted(map(str, music.iterdir()))
    expected = pa.Table.from_pylist(list(analyse_partition(paths, effort="adaptive")), schema())
    assert rows.replace_schema_metadata().sort_by("path") == expected
    again = run("spark", music, output, "--master", "local[2]")
    assert again.returncode == 2
    assert "already exists" in again.stderr


def codes(table):
    """The name without extension and the code of every row."""
    return sorted(
        (row["path"].rpartition("/")[2].partition(".")[0], row["code"]) for row in table.to_pylist()
    )


CLUSTER = Cluster(cores=64, hours_to_loss=float("inf"))
SMALL = Library(tracks=50_010)


def drawn(seed=0, library=SMALL):
    return draw(library, np.random.default_rng(seed))


def outcome(seconds, cluster, seed=0):
    return simulate(seconds, cluster, np.random.default_rng(seed))


def test_every_track_is_drawn_and_the_same_seed_draws_the_same():
    one, again, other = drawn(), drawn(), drawn(1)
    assert len(one.seconds) == 251  # 250 blocks of 200 tracks, and one of 10
    assert one.seconds[-1] < one.seconds[:-1].min()
    assert np.array_equal(one.seconds, again.seconds)
    assert not np.array_equal(one.seconds, other.seconds)
    assert one.seconds.sum() == pytest.approx(other.seconds.sum(), rel=0.03)


@pytest.mark.parametrize("cores", [1, 7, 64, 1000])
def test_without_losses_the_run_is_within_the_bounds_of_list_scheduling(cores):
    """R. L. Graham, Bounds on Multiprocessing Timing Anomalies (1969): work and longest job."""
    cluster = Cluster(cores=cores, hours_to_loss=float("inf"))
    seconds = on_a_core(drawn(), cluster)
    wall = outcome(seconds, cluster).wall - cluster.start
    assert wall >= max(seconds.sum() / cores, seconds.max()) - 1e-6
    assert wall <= seconds.sum() / cores + seconds.max()


def test_lost_machines_cost_what_their_cores_held_and_no_block():
    seconds = np.full(2000, 100.0)
    lossy = Cluster(cores=64, hours_to_loss=1.0)
    whole, run = outcome(seconds, CLUSTER), outcome(seconds, lossy)
    assert run == outcome(seconds, lossy)
    assert run != outcome(seconds, lossy, seed=1)
    assert run.working == whole.working == seconds.sum()
    assert 0 == whole.lost < run.lost
    assert run.wall * 64 >= run.working + run.lost
    assert run.wall > whole.wall


def test_a_store_gives_no_more_than_it_has():
    blocks = drawn()
    slow = Cluster(cores=64, store=0.01, hours_to_loss=float("inf"))
    seconds = on_a_core(blocks, slow)
    assert (seconds >= on_a_core(blocks, CLUSTER)).all()
    assert outcome(seconds, slow).wall >= blocks.megabytes.sum() / 10.0


def test_adaptive_analysis_takes_its_share_of_the_work_and_reads_as_much():
    never_hangs = Library(tracks=50_010, hung_share=0.0)
    full = drawn(library=never_hangs)
    half = draw(never_hangs, np.random.default_rng(0), shares("0.5"))
    assert half.seconds == pytest.approx(full.seconds / 2)
    assert np.array_equal(half.megabytes, full.megabytes)
    only_mp3 = draw(never_hangs, np.random.default_rng(0), shares("mp3=0.5"))
    of_mp3 = 1 - only_mp3.seconds.sum() / full.seconds.sum()
    cost = {kind: rate.share * (rate.per_file + 4.5 * rate.per_minute)
            for kind, rate in RATES.items()}  # fmt: skip
    assert of_mp3 == pytest.approx(cost["mp3"] / sum(cost.values()) / 2, rel=0.05)


@pytest.mark.parametrize("text", ["0", "1.1", "nan", "x", "mp3=", "mp3=2", "xyz=0.5", "mp3=0.5,"])
def test_a_share_that_cannot_be_is_refused(text):
    with pytest.raises(ArgumentTypeError):
        shares(text)


def test_measured_shares_are_the_option_of_the_forecast(track, tmp_path, capsys):
    shutil.copy(track, tmp_path / "a.flac")
    (tmp_path / "text.mp3").write_text("no music")
    found = measure(tmp_path, adaptive=True)
    assert list(found) == ["flac"]
    (cost,) = found["flac"]
    assert cost.minutes == pytest.approx(10 / 60)
    assert min(cost.seconds, cost.adaptive) > 0
    print_shares({"flac": [Cost(1.0, 3.0, 5.0, 1.0), Cost(1.0, 1.0, 5.0, 1.0)],
                  "ogg": [Cost(1.0, 1.0, 1.0, 1.2)]})  # fmt: skip
    option = capsys.readouterr().out.splitlines()[-1]
    assert option == "--share flac=0.500,ogg=1.000"
    assert shares(option.removeprefix("--share ")) == {**FULL, "flac": 0.5}
