"""``Analyzer``: real worker processes inside a Python program."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from keyscan import AnalysisError, Analyzer, InvalidInput, analyze
from keyscan.errors import Cancelled, ModelError, NoCache
from tests.server_process import PATIENCE, ROOT, wait_for


def children():
    """All but the process that multiprocessing keeps to clean up shared memory."""
    found = psutil.Process().children(recursive=True)
    return {child for child in found if "resource_tracker" not in " ".join(child.cmdline())}


@pytest.fixture
def nothing_left():
    """No thread and no process of the test is left behind."""
    threads, processes = set(threading.enumerate()), children()
    yield
    # a thread that waited for results ends on its own
    wait_for(lambda: set(threading.enumerate()) <= threads)
    assert children() <= processes


@pytest.fixture(scope="module")
def analyzer():
    with Analyzer(workers=2) as analyzer:
        yield analyzer


def code(result):
    return result.code if isinstance(result, AnalysisError) else result.camelot


def test_one_file_is_analysed_as_in_the_callers_process(analyzer, track, monkeypatch):
    assert analyzer.analyze(track) == analyze(track)
    monkeypatch.chdir(track.parent)  # the processes stay where they are
    wanted = analyze(track.name, timeline=True, spectrogram=True)
    found = analyzer.analyze(track.name, timeline=True, spectrogram=True)
    assert found == wanted
    np.testing.assert_array_equal(found.spectrogram, wanted.spectrogram)
    assert analyzer.analyze(Path(track.name)).path == track.name


def test_a_file_without_a_key_raises_its_error(analyzer, film, tmp_path):
    for path, stream, wanted in ((tmp_path, None, "not_a_file"), (film, 2, "no_such_stream")):
        with pytest.raises(AnalysisError) as caught:
            analyzer.analyze(path, stream=stream)
        assert (caught.value.code, caught.value.path) == (wanted, str(path))
    assert analyzer.analyze(film, stream=1).camelot == "11A"


def test_every_path_has_one_result(analyzer, track, tmp_path):
    paths = [track, tmp_path / "none.mp3", str(track), tmp_path, ""] * 5
    results = list(analyzer.analyze_all(paths))
    assert sorted(result.path for result in results) == sorted(map(str, paths))
    assert {(Path(result.path).name, code(result)) for result in results} == {
        (track.name, "11A"),
        ("none.mp3", "file_not_found"),
        (tmp_path.name, "not_a_file"),
        ("", "file_not_found"),
    }
    assert list(analyzer.analyze_all([])) == []


def test_what_all_files_are_to_have(analyzer, film):
    (result,) = analyzer.analyze_all([film], timeline=True, spectrogram=True, stream=1)
    assert (result.stream, result.timeline is None, result.spectrogram.shape[0]) == (1, False, 105)


@pytest.mark.parametrize("wrong", [None, 7, b"a.mp3", np.zeros(10), ["a.mp3"]])
def test_an_item_that_is_no_path_is_an_error_among_the_results(analyzer, track, wrong):
    results = list(analyzer.analyze_all([wrong, track]))
    assert sorted(map(code, results)) == ["11A", "invalid_input"]
    with pytest.raises(InvalidInput, match=f"a path is needed, not {type(wrong).__name__}"):
        analyzer.analyze(wrong)


@pytest.mark.parametrize("paths", ["a.mp3", b"a.mp3", Path("a.mp3")])
def test_one_path_instead_of_many(analyzer, paths):
    with pytest.raises(InvalidInput, match="not one path"):
        analyzer.analyze_all(paths)
    with pytest.raises(TypeError):
        analyzer.analyze_all(7)


def test_an_endless_source_is_read_as_the_work_proceeds(analyzer, track):
    read = []

    def paths():
        while True:
            read.append(track)
            yield track

    results = analyzer.analyze_all(paths())
    assert not read
    for taken in range(1, 11):
        assert code(next(results)) == "11A"
        assert taken <= len(read) <= taken + 4  # two for each worker
    results.close()
    assert list(results) == []


def test_a_source_that_waits_for_the_results(analyzer, track):
    taken = queue.SimpleQueue()

    def paths():
        for _ in range(5):
            yield track
            taken.get(timeout=PATIENCE)

    for result in analyzer.analyze_all(paths()):
        taken.put(result)
    assert taken.empty()


def test_a_loop_that_ends_early_drops_its_files(analyzer, track, endless):
    for result in analyzer.analyze_all(itertools.chain([track], itertools.repeat(endless))):
        assert code(result) == "11A"
        break
    assert analyzer.analyze(track).camelot == "11A"


def test_an_error_of_the_source_ends_the_loop(analyzer, track):
    def paths():
        yield track
        yield track
        raise LookupError("no more paths")

    results = analyzer.analyze_all(paths())
    assert [code(next(results)), code(next(results))] == ["11A", "11A"]
    with pytest.raises(LookupError, match="no more paths"):
        next(results)
    assert next(results, None) is None


def test_futures_and_threads(analyzer, track, tmp_path):
    futures = [analyzer.submit(path) for path in [track, tmp_path] * 4]
    assert wait(futures, PATIENCE).not_done == set()
    assert [future.exception() is None for future in futures] == [True, False] * 4
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(analyzer.analyze, [track] * 8))) == 1


def test_a_future_can_be_cancelled_until_its_result_is_there(analyzer, track, endless):
    futures = [analyzer.submit(endless) for _ in range(8)]
    time.sleep(0.3)  # two are with the workers
    assert all(future.cancel() for future in futures)
    assert wait(futures, PATIENCE).not_done == set()
    assert analyzer.analyze(track).camelot == "11A"


def test_a_process_that_dies_costs_one_error(analyzer, track, endless):
    future = analyzer.submit(endless)
    time.sleep(0.5)
    for process in children():
        process.kill()
    with pytest.raises(AnalysisError) as caught:
        future.result(PATIENCE)
    assert caught.value.code == "decoder_crashed"
    assert [code(result) for result in analyzer.analyze_all([track] * 4)] == ["11A"] * 4


def test_the_settings_of_the_program_stay(track):
    threads, variables = torch.get_num_threads(), dict(os.environ)
    torch.set_num_threads(3)
    try:
        with Analyzer(workers=1) as analyzer, ThreadPoolExecutor(1) as thread:
            assert analyzer.analyze(track).camelot == "11A"
            assert torch.get_num_threads() == thread.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(threads)
    assert dict(os.environ) == variables


def test_results_of_an_earlier_run(nothing_left, track, tmp_path):
    cache = tmp_path / "keys.sqlite"
    for cached in (False, True):
        with Analyzer(workers=1, cache=cache) as analyzer:
            found = analyzer.analyze(track)
            assert (found.cached, found.timeline, found.path) == (cached, None, str(track))
            assert analyzer.analyze(track, timeline=True).timeline is not None


def test_no_process_and_no_thread_is_left(nothing_left, track, endless):
    futures = []

    def fail():
        with Analyzer(workers=2) as analyzer:
            futures.extend(analyzer.submit(endless) for _ in range(5))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert all(future.cancelled() for future in futures)


def test_it_starts_with_the_first_file_and_ends_when_it_is_forgotten(nothing_left, track, endless):
    others = children()
    analyzer = Analyzer(workers=1)
    assert children() == others
    assert analyzer.analyze(track).camelot == "11A"
    future = analyzer.submit(endless)
    assert len(children() - others) == 1
    del analyzer
    assert children() == others
    assert future.cancelled()


def test_a_closed_one_takes_no_file(nothing_left, track, endless):
    analyzer = Analyzer(workers=1)
    analyzer.analyze(track)
    results = analyzer.analyze_all([endless] * 5)
    threading.Timer(0.5, analyzer.close).start()
    first = next(results)
    assert (first.code, first.path, type(first)) == ("cancelled", str(endless), Cancelled)
    with pytest.raises(RuntimeError, match="the Analyzer is closed"):
        list(results)
    analyzer.close()
    for use in (analyzer.__enter__, lambda: analyzer.analyze(track)):
        with pytest.raises(RuntimeError, match="the Analyzer is closed"):
            use()


def test_closed_before_the_start(nothing_left, track):
    analyzer = Analyzer()
    analyzer.close()
    with pytest.raises(RuntimeError, match="closed"):
        analyzer.analyze(track)


def test_what_keeps_it_from_starting(nothing_left, tmp_path, track):
    with pytest.raises(ModelError, match=r"README\.md: not a PyTorch file"):
        Analyzer(model_path=ROOT / "README.md").analyze(track)
    with pytest.raises(NoCache), Analyzer(cache=tmp_path):
        pass


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"workers": -1}, {"workers": 2.5}, {"workers": "2"}, {"timeout": 0},
                {"timeout": float("nan")}, {"memory_limit": 199}]
)  # fmt: skip
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Analyzer(**options)


def test_a_file_that_takes_too_long(nothing_left, endless):
    with Analyzer(workers=1, timeout=0.2) as analyzer, pytest.raises(AnalysisError) as caught:
        analyzer.analyze(endless)
    assert caught.value.code == "timeout"


def test_a_result_crosses_a_pipe(analyzer, track, tmp_path):
    results = list(analyzer.analyze_all([track, tmp_path]))
    copies = pickle.loads(pickle.dumps(results))
    assert [(code(copy), copy.path) for copy in copies] == [
        (code(result), result.path) for result in results
    ]


async def ticking(ticks):
    while True:
        ticks.append(None)
        await asyncio.sleep(0)


def test_a_loop_that_does_not_block(nothing_left, track, tmp_path):
    async def main():
        ticks = []
        ticker = asyncio.create_task(ticking(ticks))
        found = []
        async with Analyzer(workers=1) as analyzer:
            started = len(ticks)
            async for result in analyzer.analyze_all([track, tmp_path] * 3):
                found.append((code(result), len(ticks)))
                ticks.clear()
            one = await asyncio.wrap_future(analyzer.submit(track))
            assert next(iter(analyzer.analyze_all([track]))) == one  # for blocks, and works
        ticker.cancel()
        return started, found

    started, found = asyncio.run(main())
    assert started > 10  # the loop went on while the model was loaded
    assert sorted(which for which, _ in found) == ["11A"] * 3 + ["not_a_file"] * 3
    assert sum(ticks for _, ticks in found) > 10


def test_a_cancelled_task_stops_the_work(nothing_left, track, endless):
    async def main():
        read = itertools.count()
        async with Analyzer(workers=1) as analyzer:

            async def work():
                async for _ in analyzer.analyze_all(endless for _ in read):
                    pass

            task = asyncio.create_task(work())
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            read_until = next(read)
            # the worker is free again, and no other file is read
            assert (await asyncio.wrap_future(analyzer.submit(track))).camelot == "11A"
            assert next(read) == read_until + 1

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_source_that_is_slow_does_not_block_the_event_loop(analyzer, track):
    go_on = threading.Event()

    def paths():
        yield track
        assert go_on.wait(PATIENCE)
        yield track

    async def main():
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        return [code(result) async for result in analyzer.analyze_all(paths())]

    assert asyncio.run(main()) == ["11A"] * 2


def test_an_asynchronous_loop_that_ends_early(analyzer, track, endless):
    async def main():
        async for result in analyzer.analyze_all(
            itertools.chain([track], itertools.repeat(endless))
        ):
            assert code(result) == "11A"
            break
        return await asyncio.wrap_future(analyzer.submit(track))

    assert asyncio.run(main()).camelot == "11A"


def test_errors_of_the_source_and_a_second_loop(analyzer, track):
    def paths():
        yield track
        raise LookupError("no more paths")

    async def main():
        results = analyzer.analyze_all(paths())
        with pytest.raises(LookupError):
            async for _ in results:
                pass
        return [result async for result in results]

    assert asyncio.run(main()) == []


def test_a_task_that_is_cancelled_while_it_starts(nothing_left):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), Analyzer(workers=1):
                pass

    asyncio.run(main())
