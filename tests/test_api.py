"""``from keyscan import analyze``, as a Python program uses it."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from keyscan import Analysis, AnalysisError, InvalidInput, Key, analyze, api
from keyscan.errors import NoSuchStream
from keyscan.model import own_thread
from tests.server_process import ROOT, ServerProcess, request


def test_a_track_is_analysed_in_one_line(track):
    assert analyze(track).camelot == "11A"
    analysis = analyze(str(track))
    assert analysis == analyze(track)
    assert (analysis.open_key, analysis.name) == ("4m", "F# minor/Gb minor")
    assert analysis.key == Key.parse("F# minor")
    assert analysis.path == str(track)
    assert analysis.duration == pytest.approx(10.0)
    assert (analysis.warnings, analysis.timeline, analysis.tonal) == ((), None, True)
    assert sum(analysis.probabilities) == pytest.approx(1)


def test_it_says_what_the_server_says(track):
    analysis = analyze(track, timeline=True)
    with ServerProcess() as server:
        reply = server.ask({**request(1, track), "timeline": True})
    assert reply["camelot"] == analysis.camelot
    assert reply["class_id"] == analysis.key.class_id
    assert reply["confidence"] == pytest.approx(analysis.confidence, abs=1e-3)
    assert reply["tuning_cents"] == pytest.approx(analysis.tuning_cents, abs=0.1)
    assert reply["duration"] == pytest.approx(analysis.duration, abs=1e-3)
    segments = [(s.start, s.end, s.key.camelot) for s in analysis.timeline.segments]
    assert [(s["start"], s["end"], s["camelot"]) for s in reply["timeline"]] == segments
    assert reply["intro_key"]["camelot"] == analysis.timeline.intro.key.camelot
    assert reply["outro_key"]["camelot"] == analysis.timeline.outro.key.camelot


def test_what_cannot_be_analysed_raises_an_error_with_a_code(tmp_path):
    (tmp_path / "text.mp3").write_text("no music")
    for path, code in ((tmp_path / "none.mp3", "file_not_found"), (tmp_path, "not_a_file"),
                       (tmp_path / "text.mp3", "unsupported_format")):  # fmt: skip
        with pytest.raises(AnalysisError) as caught:
            analyze(path)
        assert (caught.value.code, caught.value.path) == (code, str(path))
        assert str(caught.value)


def test_samples_and_file_objects_give_what_the_file_gives(track):
    expected = analyze(track, timeline=True, spectrogram=True)
    samples, rate = soundfile.read(track)
    with track.open("rb") as file:
        found = [
            analyze(samples, sample_rate=rate, timeline=True, spectrogram=True),
            analyze(file, timeline=True, spectrogram=True),
            analyze(io.BytesIO(track.read_bytes()), timeline=True, spectrogram=True),
        ]
        assert file.tell() == 0
    for analysis in found:
        assert analysis == dataclasses.replace(expected, path="")
        np.testing.assert_array_equal(analysis.spectrogram, expected.spectrogram)


def test_a_file_object_has_streams_and_errors_as_a_file_has(film):
    file = io.BytesIO(film.read_bytes())
    assert [analyze(file, stream=number).camelot for number in (None, 1)] == ["8A", "11A"]
    with pytest.raises(NoSuchStream):
        analyze(file, stream=2)
    with pytest.raises(AnalysisError) as caught:
        analyze(io.BytesIO(b"no music"))
    assert (caught.value.code, caught.value.path) == ("unsupported_format", "")


class BytesPath:
    def __fspath__(self):
        return b"music.mp3"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (None, "not NoneType"),
        (7, "not int"),
        (b"RIFF", r"not bytes: io\.BytesIO"),
        (BytesPath(), "not bytes"),
        ([0.0, 0.1], r"not list: numpy\.asarray"),
        (torch.zeros(2, 44_100), r"not torch\.Tensor: numpy\.asarray .* last axis"),
    ],
)
def test_what_is_neither_a_path_nor_a_file_object_nor_samples(argument, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        analyze(argument, sample_rate=44_100)
    assert caught.value.code == "invalid_input"
    assert isinstance(caught.value, ValueError)


def test_arguments_of_another_kind_of_input(track):
    samples = np.zeros(44_100)
    for wrong, words in (
        (lambda: analyze(samples), "need a sample_rate"),
        (lambda: analyze(samples, sample_rate=44_100, stream=0), "no streams"),
        (lambda: analyze(samples.reshape(2, -1), sample_rate=44_100), r"samples\.T"),
        (lambda: analyze(track, sample_rate=44_100), "sample_rate is for samples"),
        (lambda: analyze(io.BytesIO(), sample_rate=44_100), "sample_rate is for samples"),
    ):
        with pytest.raises(InvalidInput, match=words):
            wrong()


def test_one_of_several_streams(film, track):
    assert [analyze(film, stream=number).camelot for number in (None, 0, 1)] == ["8A", "8A", "11A"]
    assert [analyze(film, stream=number).stream for number in (None, 0, 1)] == [0, 0, 1]
    assert analyze(track, stream=0) == analyze(track)
    with pytest.raises(NoSuchStream):
        analyze(film, stream=2)


def test_another_model_and_one_that_is_none(track):
    packaged = ROOT / "keyscan" / "data" / "keyscan.pt"
    assert analyze(track, model_path=packaged) == analyze(track)
    with pytest.raises(Exception, match=r"README\.md: not a PyTorch file"):
        analyze(track, model_path=ROOT / "README.md")


def test_threads_share_the_model(track):
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(analyze, [track] * 8))) == 1


@pytest.fixture
def three_threads():
    """A program whose BLAS and torch have three threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    (blas,) = blas_threads()
    in_a_thread(threadpool_limits, 3, "blas")  # of a thread that lives on, it would be a limit
    yield
    in_a_thread(threadpool_limits, blas, "blas")
    torch.set_num_threads(before)


def in_a_thread(function, *arguments):
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def seen(monkeypatch):
    """The BLAS and torch threads inside the two halves of an analysis."""
    found = []

    def watched(function, threads):
        def watch(*arguments, **options):
            found.append((threads is torch.get_num_threads, threads()))
            return function(*arguments, **options)

        return watch

    monkeypatch.setattr(api, "extract_features", watched(api.extract_features, blas_threads))
    monkeypatch.setattr(
        own_thread, "estimate_key", watched(own_thread.estimate_key, torch.get_num_threads)
    )
    return found


def test_a_call_keeps_one_core_busy_and_leaves_the_program_its_threads(three_threads, seen, track):
    analyze(track)
    assert seen == [(False, {1}), (True, 1)]
    assert blas_threads() == {3}
    assert (torch.get_num_threads(), in_a_thread(torch.get_num_threads)) == (3, 3)


def test_threads_are_restored_after_an_error(three_threads, seen, tmp_path):
    with pytest.raises(AnalysisError):
        analyze(tmp_path / "none.mp3")
    assert seen == [(False, {1})]
    assert (blas_threads(), torch.get_num_threads()) == ({3}, 3)


def test_a_limit_that_the_caller_holds_is_restored(track, seen):
    with threadpool_limits(2, "blas"):
        analyze(track)
        assert blas_threads() == {2}
    assert seen[0] == (False, {1})


def test_the_last_of_several_calls_at_once_restores_the_threads(three_threads, monkeypatch, track):
    together, first_is_done, after = threading.Barrier(4), threading.Event(), []
    extract = api.extract_features

    def wait_for_the_others(path, **options):
        if together.wait(60):  # 0 for one of the four
            assert first_is_done.wait(60)
            after.append(blas_threads())
        return extract(path, **options)

    def call(_):
        camelot = analyze(track).camelot
        first_is_done.set()
        return camelot, torch.get_num_threads()

    monkeypatch.setattr(api, "extract_features", wait_for_the_others)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(call, range(4))) == {("11A", 3)}
    assert after == [{1}] * 3
    assert (blas_threads(), in_a_thread(torch.get_num_threads)) == ({3}, 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_has_a_model_of_its_own(track):
    code = f"""
import os, sys, keyscan
path = {str(track)!r}
assert keyscan.analyze(path).camelot == "11A"
child = os.fork()
if child == 0:
    os._exit(keyscan.analyze(path).camelot != "11A")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_call_sets_no_variable(track):
    code = f"""
import os, keyscan
before = dict(os.environ)
keyscan.analyze({str(track)!r})
assert dict(os.environ) == before
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "numpy", "av", "keyscan.api"]
    code = f"import sys, keyscan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == b"[]"
    import keyscan

    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        keyscan.analyse  # noqa: B018


def test_the_readme_explains_every_field():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("### From Python")[2].partition("\n### ")[0]
    told = set(re.findall(r"`(\w+)`", section))
    properties = {"camelot", "open_key", "name", "confidence", "alternatives", "is_between_keys"}
    assert {field.name for field in dataclasses.fields(Analysis)} | properties <= told


def test_no_package_hides_the_function():
    code = "import keyscan, keyscan.cli, keyscan.batch.command; assert callable(keyscan.analyze)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
