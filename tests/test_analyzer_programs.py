"""``Analyzer`` in programs of all kinds: how they start it, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.server_process import PATIENCE, ROOT, wait_for

PIDS = """
import psutil
def pids():
    return [child.pid for child in psutil.Process().children(recursive=True)]
"""
posix = pytest.mark.skipif(os.name != "posix", reason="a matter of POSIX")


def _heed_ctrl_c():
    """A job in the background ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Program:
    """A Python program that prints the ids of its processes before it ends."""

    def __init__(self, code, *arguments, path=None):
        """``path``: of the script; None: the code comes through stdin."""
        command = [sys.executable, "-", *map(str, arguments)]
        if path is not None:
            path.write_text(code)
            command[1] = str(path)
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=_heed_ctrl_c if os.name == "posix" else None,
        )  # fmt: skip
        assert self._process.stdin is not None
        if path is None:
            self._process.stdin.write(code)
        self._process.stdin.close()
        self._process.stdin = None

    def line(self):
        return self._process.stdout.readline().strip()

    def pids(self):
        found = [int(pid) for pid in self.line().split()]
        assert len(found) > 1  # a worker, and the process that multiprocessing keeps
        return found

    def send_signal(self, number):
        self._process.send_signal(number)

    def end(self):
        """The exit code, and what it wrote."""
        output, errors = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, output, errors


def all_gone(pids):
    wait_for(lambda: not any(map(psutil.pid_exists, pids)))
    return True


SCRIPT = """
import sys
from pathlib import Path
import torch
from keyscan import Analyzer, analyze
print("the script runs", flush=True)
with Analyzer(workers=1) as analyzer:
    for result in analyzer.analyze_all(sys.argv[1:]):
        print(result.camelot)
    import psutil
    workers = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    print(["libtorch" in Path(f"/proc/{p.pid}/maps").read_text() for p in workers])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("kind", ["plain", "guarded", "stdin"])
def test_the_processes_do_not_run_the_script(tmp_path, track, kind):
    code = SCRIPT
    if kind == "guarded":
        first, last = SCRIPT.split("with Analyzer")
        indented = f"with Analyzer{last}".replace("\n", "\n    ")
        code = f"{first}if __name__ == '__main__':\n    {indented}\n"
    path = None if kind == "stdin" else tmp_path / "script.py"
    code, output, errors = Program(code, track, path=path).end()
    assert (code, errors) == (0, "")
    assert output.splitlines() == ["the script runs", "11A", "[False]"]


def test_other_processes_of_the_program_import_its_main_module(tmp_path, track):
    script = f"""
import multiprocessing, sys
from keyscan import Analyzer

def key(path):
    return path.upper()

if __name__ == "__main__":
    with Analyzer(workers=1) as analyzer, multiprocessing.get_context("spawn").Pool(1) as pool:
        print(analyzer.analyze({str(track)!r}).camelot, pool.map(key, ["a"]))
"""
    assert Program(script, path=tmp_path / "script.py").end() == (0, "11A ['A']\n", "")


def test_a_program_that_forgets_to_close_it(track, endless):
    program = Program(f"""{PIDS}
from keyscan import Analyzer
analyzer = Analyzer(workers=2)
print(analyzer.analyze({str(track)!r}).camelot)
futures = [analyzer.submit({str(endless)!r}) for _ in range(10)]
print(*pids(), flush=True)
""")
    assert program.line() == "11A"
    pids = program.pids()
    assert program.end() == (0, "", "")
    assert all_gone(pids)


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [("raise LookupError('why')", 1, "LookupError: why"), ("sys.exit(3)", 3, "")],
)
def test_a_program_that_fails(endless, statement, code, words):
    program = Program(f"""{PIDS}
import sys
from keyscan import Analyzer
with Analyzer(workers=2) as analyzer:
    for result in analyzer.analyze_all(["none.mp3", *[{str(endless)!r}] * 5]):
        print(*pids(), flush=True)
        {statement}
""")
    pids = program.pids()
    ended, output, errors = program.end()
    assert (ended, output) == (code, "")
    assert errors.strip().endswith(words)
    assert all_gone(pids)


LOOPS = {
    "with": """
with Analyzer(workers=2) as analyzer:
    print(*pids(), flush=True)
    for result in analyzer.analyze_all(endless):
        pass
""",
    "alone": """
analyzer = Analyzer(workers=2)
analyzer.submit(endless[0])
print(*pids(), flush=True)
analyzer.analyze(endless[1])
""",
    "async": """
async def main():
    async with Analyzer(workers=2) as analyzer:
        print(*pids(), flush=True)
        async for result in analyzer.analyze_all(endless):
            pass
asyncio.run(main())
""",
}


@posix
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_stopped(endless, loop, number):
    program = Program(f"""{PIDS}
import asyncio
from keyscan import Analyzer
endless = [{str(endless)!r}] * 100
{LOOPS[loop]}""")
    pids = program.pids()
    program.send_signal(number)
    code, _, errors = program.end()
    assert code == -number
    assert all_gone(pids)
    if number == signal.SIGINT:
        assert errors.strip().endswith("KeyboardInterrupt")
        assert "decoding process" not in errors
    else:
        # a worker that was just being started says that it got no more from its parent
        assert not errors or errors.endswith("EOFError: Ran out of input\n")


def test_a_source_that_waits_for_ever_does_not_keep_the_program(track):
    code, output, errors = Program(f"""
import asyncio, queue
from keyscan import Analyzer

async def main():
    paths = queue.Queue()
    paths.put({str(track)!r})
    async with Analyzer(workers=1) as analyzer:
        async for result in analyzer.analyze_all(iter(paths.get, None)):
            print(result.camelot, flush=True)
            asyncio.current_task().cancel()
try:
    asyncio.run(main())
except asyncio.CancelledError:
    print("cancelled")
""").end()
    assert (code, output, errors) == (0, "11A\ncancelled\n", "")


@posix
def test_a_fork_leaves_the_processes_to_its_parent(track):
    code, output, errors = Program(f"""
import os
from keyscan import Analyzer
with Analyzer(workers=1) as analyzer:
    print(analyzer.analyze({str(track)!r}).camelot, flush=True)
    if os.fork() == 0:
        try:
            analyzer.submit({str(track)!r})
        except RuntimeError as error:
            print(error, flush=True)
        analyzer.close()
        os._exit(0)
    os.wait()
    print(analyzer.analyze({str(track)!r}).camelot)
""").end()
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "11A", "an Analyzer works in the process that has made it", "11A"
    ]  # fmt: skip


def test_a_process_that_may_not_start_others(tmp_path, track):
    path = tmp_path / "script.py"
    code, output, _ = Program(f"""
import multiprocessing
from keyscan import Analyzer, errors

def key(path):
    try:
        return Analyzer().analyze(path).camelot
    except errors.StartFailed as error:
        return str(error)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(*pool.map(key, [{str(track)!r}]))
""", path=path).end()  # fmt: skip
    assert code == 0
    assert "daemonic process" in output
    assert "use keyscan.analyze in it" in output


def test_a_script_of_the_users_folder_needs_no_package_there(tmp_path, track):
    (tmp_path / "torch.py").write_text("raise SystemExit('not this one')")
    script = Path(tmp_path, "script.py")
    code, _, errors = Program(
        "from keyscan import Analyzer\nAnalyzer().__enter__()", path=script
    ).end()
    assert code == 1
    assert "StartFailed" in errors or "LibraryNotLoaded" in errors
    assert "torch" in errors
