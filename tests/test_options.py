"""The command line becomes frozen dataclasses; wrong usage ends with 2 and says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyscan.arguments import parse_analyze, parse_doctor, parse_serve, parse_watch
from keyscan.keys import KeyStyle
from keyscan.options import ModelOptions, WorkerOptions
from tests.server_process import ROOT


def test_defaults_are_those_of_the_protocol():
    options = parse_serve([])
    assert options.heartbeat == 30
    assert options.style == KeyStyle("musical", "both")
    assert options.engine.cache is None
    assert options.engine.workers == len(os.sched_getaffinity(0))
    assert options.engine.model == ModelOptions(None, "cpu", 1, 1, "highest")
    assert options.engine.worker == WorkerOptions("matrix", 120, 1 << 30, 2000, 256 << 20)
    librosa = parse_serve(["--cqt", "librosa"]).engine.worker
    assert librosa == WorkerOptions("librosa", 120, 8 << 30, 2000, 2 << 30)


def test_every_option_of_the_server():
    arguments = (
        "-w 3 --timeout 5 --memory-limit 300 --recycle-files 7 --recycle-memory 400 --cqt librosa "
        "-m a.pt --device meta --threads 2 --interop-threads 4 --precision high "
        "--notation camelot --spelling flats --cache keys --heartbeat 2.5"
    )
    options = parse_serve(arguments.split())
    assert options.engine.worker == WorkerOptions("librosa", 5, 300 << 20, 7, 400 << 20)
    assert options.engine.model == ModelOptions(Path("a.pt"), "meta", 2, 4, "high")
    assert (options.engine.workers, options.engine.cache) == (3, "keys")
    assert (options.style, options.heartbeat) == (KeyStyle("camelot", "flats"), 2.5)
    for name in ("--model-path", "--model_path"):
        assert parse_serve([name, "b.pt"]).engine.model.path == Path("b.pt")
        assert parse_analyze([f"{name}=b.pt", "x"]).engine.model.path == Path("b.pt")


def test_analyze():
    options = parse_analyze(["a.mp3", "b"])
    assert (options.paths, options.format, options.sort) == (("a.mp3", "b"), "table", "given")
    assert (options.output, options.plot, options.theme) == (None, None, "light")
    assert (options.timeline, options.recursive) == (False, True)
    assert (options.changed_only, options.quiet, options.stream) == (False, False, None)
    arguments = (
        "--m3u -o set.m3u8 --plot a.PNG --theme dark --no-recursive --cache k --changed-only -q "
        "-j 1 --notation openkey --stream 0 x"
    )
    options = parse_analyze(arguments.split())
    assert (options.format, options.sort, options.output) == ("m3u", "key", Path("set.m3u8"))
    assert (options.plot, options.theme, options.recursive) == (Path("a.PNG"), "dark", False)
    assert (options.changed_only, options.quiet, options.engine.cache) == (True, True, "k")
    assert (options.engine.workers, options.style.notation) == (1, "openkey")
    assert options.stream == 0
    assert parse_analyze(["--output", "-", "a.mp3"]).output is None
    assert parse_analyze(["--m3u", "--sort", "mix", "a.mp3"]).sort == "mix"


def test_files_and_options_mix_in_any_order():
    arguments = "a --timeline b -j 2 c --exclude d e -- --json -f"
    options = parse_analyze(arguments.split())
    assert options.paths == ("a", "b", "c", "e", "--json", "-f")
    assert (options.timeline, options.engine.workers, options.exclude) == (True, 2, ("d",))
    assert options.format == "table"
    watched = parse_watch(["a", "--timeline", "b", "--settle", "3", "c"])
    assert (watched.folders, watched.timeline, watched.settle) == (("a", "b", "c"), True, 3)


def test_formats_and_what_is_left_out():
    options = parse_analyze(["a"])
    assert (options.min_confidence, options.exclude, options.bom) == (None, (), False)
    for name in ("table", "csv", "json", "ndjson", "m3u", "rekordbox-xml", "traktor-nml"):
        assert parse_analyze(["--format", name, "a"]).format == name
    for name in ("csv", "json", "m3u"):
        assert parse_analyze([f"--{name}", "a"]) == parse_analyze(["--format", name, "a"])
    arguments = "--format csv --bom --min-confidence 0.6 --exclude *.wav --exclude a/b x"
    options = parse_analyze(arguments.split())
    assert (options.bom, options.min_confidence) == (True, 0.6)
    assert (options.exclude, options.paths) == (("*.wav", "a/b"), ("x",))
    assert parse_analyze(["--min-confidence", "0", "a"]).min_confidence == 0
    assert parse_analyze(["--notation", "camelot-padded", "a"]).style.notation == "camelot-padded"


def test_doctor():
    assert parse_doctor([]).compare is None
    options = parse_doctor(["--compare", "a", "b", "--json", "--threads", "2"])
    assert (options.compare, options.json) == ((Path("a"), Path("b")), True)
    assert (options.model, options.self_test) == (ModelOptions(threads=2), False)
    assert parse_doctor(["--self-test"]).self_test


@pytest.mark.parametrize(
    ("parse", "arguments", "message"),
    [
        (parse_serve, "--workers 0", "--workers: must be a whole number from 1 to 256, not '0'"),
        (parse_serve, "--workers many", "--workers"),
        (parse_serve, "--threads 100000", "--threads"),
        (parse_serve, "--interop-threads 0", "--interop-threads"),
        (parse_serve, "--precision low", "--precision: invalid choice: 'low'"),
        (parse_serve, "--timeout soon", "--timeout: must be a number of seconds above 0"),
        (parse_serve, "--timeout -1", "--timeout"),
        (parse_serve, "--timeout nan", "--timeout"),
        (parse_serve, "--heartbeat 0", "--heartbeat"),
        (parse_serve, "--memory-limit 100", "--memory-limit: must be at least 200"),
        (parse_serve, "--recycle-files 0", "--recycle-files: must be a whole number from 1"),
        (parse_serve, "--recycle-memory much", "--recycle-memory"),
        (parse_serve, "--work 1", "--work"),
        (parse_serve, "--spelling german", "--spelling"),
        (parse_serve, "--frobnicate", "unrecognized arguments: --frobnicate\n"),
        (parse_serve, "--worker=2", "arguments: --worker=2; did you mean --workers?\n"),
        (parse_serve, "--spelling flat", "); did you mean flats?\n"),
        (parse_analyze, "", "the following arguments are required: FILE-OR-FOLDER\n"),
        (parse_watch, "--timeline", "the following arguments are required: FOLDER\n"),
        (parse_analyze, "--hepl", "unrecognized arguments: --hepl; did you mean --help?\n"),
        (parse_analyze, "a --jsn b", "unrecognized arguments: --jsn; did you mean --json?\n"),
        (parse_watch, "a --timline b", "arguments: --timline; did you mean --timeline?\n"),
        (parse_watch, "--write-tags shrt .", "; did you mean short?\n"),
        (parse_doctor, "-- music.mp3", "unrecognized arguments: music.mp3\n"),
        (parse_analyze, "''", "argument FILE-OR-FOLDER: a path must not be empty"),
        (parse_analyze, "a -o ''", "argument -o/--output: a path must not be empty"),
        (parse_analyze, "--json --csv a.mp3", "not allowed with"),
        (parse_analyze, "--stream -1 a.mp3", "--stream"),
        (parse_analyze, "--stream first a.mp3", "must be a whole number from 0 on, not 'first'"),
        (parse_analyze, "--m3u --timeline a.mp3", "--timeline: a playlist has no place for it"),
        (parse_analyze, "--format traktor-nml --timeline a", "Traktor's collection has no place"),
        (parse_analyze, "--format rekordbox-xml --timeline a", "rekordbox's collection has no"),
        (parse_analyze, "--format xml a", "argument --format: invalid choice: 'xml'"),
        (parse_analyze, "--format json --csv a", "not allowed with"),
        (parse_analyze, "--bom a", "--bom is for --format csv"),
        (parse_analyze, "--json --bom a", "--bom is for --format csv"),
        (parse_analyze, "--theme dark a", "--theme is for --plot"),
        (parse_analyze, "--min-confidence 60 a", "must be a number from 0 to 1, not '60'"),
        (parse_analyze, "--min-confidence nan a", "must be a number from 0 to 1, not 'nan'"),
        (parse_analyze, "--min-confidence high a", "must be a number from 0 to 1, not 'high'"),
        (parse_analyze, "--exclude '' a", "must be the name of a file or folder, not ''"),
        (parse_analyze, "--exclude . a", "must be the name of a file or folder, not '.'"),
        (parse_serve, "--notation padded", "--notation: invalid choice: 'padded'"),
        (parse_analyze, "--output b.mp3 a.mp3", "b.mp3: that is the name of a music file"),
        (parse_analyze, "--changed-only a.mp3", "--changed-only needs --cache FILE"),
        (parse_analyze, "--jobs 0 a.mp3", "--jobs"),
        (parse_analyze, "--workers 1 a.mp3", "--workers"),
        (parse_analyze, "--plot k.jpg a.mp3", "argument --plot: k.jpg: a picture's name must end"),
        (parse_analyze, "--plot= a.mp3", "must end in .svg or .png"),
        (parse_analyze, "--theme pink a.mp3", "'pink' (choose from 'light', 'dark')\n"),
        (parse_analyze, "--jsn --plto a.svg x", "--jsn --plto; did you mean --json, --plot?\n"),
        (parse_analyze, "--sort Kye a.mp3", "; did you mean key?\n"),
        (parse_doctor, "--compare a.json", "--compare"),
        (parse_doctor, "--self-test --compare a b", "not allowed with"),
        (parse_doctor, "--precision low", "--precision"),
        (parse_doctor, "--interop-threads 0", "--interop-threads"),
        (parse_doctor, "music.mp3", "unrecognized arguments: music.mp3\n"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    parse, arguments, message, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["/bin/keyscan"])
    with pytest.raises(SystemExit) as caught:
        parse([argument.strip("'") for argument in arguments.split()])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.split()[:2]) == ("", ["usage:", "keyscan"])
    assert len(printed.err.splitlines()) == 2
    assert message in printed.err


@pytest.mark.parametrize("parse", [parse_serve, parse_analyze, parse_doctor])
def test_help_fits_the_terminal_and_keeps_examples(parse, capfd, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/keyscan"])
    texts = []
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit):
            parse(["--help"])
        texts.append(capfd.readouterr().out)
        prose = [line for line in texts[-1].splitlines() if not line.startswith("  ")]
        assert max(map(len, prose)) <= width
    assert len({" ".join(text.split()) for text in texts}) == 1
    if parse is parse_analyze:
        assert "\n  keyscan analyze --csv *.mp3 > keys.csv\n" in texts[0]


def test_help_waits_for_no_library():
    code = """if True:
        import sys
        from keyscan.arguments import parse_analyze
        parse_analyze(["a.mp3"])
        sys.exit(bool({"numpy", "torch", "matplotlib", "wcwidth", "av"} & set(sys.modules)))
    """
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
