"""Whatever fails at the start is said: a ``fatal`` line to an app, a sentence to a person."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import threading

import pytest

from keyscan.errors import LibraryNotLoaded, StartFailed
from keyscan.start import (
    LEAST_ADDRESS_SPACE,
    LEAST_DATA,
    check_system,
    explained,
    is_cut_short,
    loading,
)
from keyscan.stdio import StderrPrinter
from tests.damaged_packages import (
    linked,
    package_folder,
    with_damaged_file,
    without_file,
    without_module,
)
from tests.messages import check_reply, replies
from tests.server_process import COMMAND, EXE, PATIENCE, ROOT

needs_python = pytest.mark.skipif(bool(EXE), reason="the exe does not look at PYTHONPATH")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="ELF libraries, ulimit")

TORCH_CPU, TORCH_PYTHON = "lib/libtorch_cpu.so", "lib/libtorch_python.so"
NUMPY_CORE = "_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so"
SOXR = "soxr_ext.cpython-311-x86_64-linux-gnu.so"
SNDFILE = "libsndfile_x86_64.so"
DAMAGE = {  # how the packages are made, and what the message must name
    "no torch": (without_module, ("torch",), "torch"),
    "no numpy": (without_module, ("numpy",), "numpy"),
    "no soundfile": (without_module, ("soundfile",), "soundfile"),
    "no av": (without_module, ("av",), "av"),
    "no soxr": (without_module, ("soxr",), "soxr"),
    "no psutil": (without_module, ("psutil",), "psutil"),
    "torch without a library": (without_file, ("torch", TORCH_CPU), "libtorch_cpu.so"),
    "numpy without a library": (without_file, ("numpy", NUMPY_CORE), "numpy"),
    "PyAV without a library": (without_file, ("av", "packet.abi3.so"), "av"),
    "soxr without a library": (without_file, ("soxr", SOXR), "soxr"),
    "torch, other bytes": (with_damaged_file, ("torch", TORCH_CPU, None), "libtorch_cpu.so"),
    "torch, no bytes": (with_damaged_file, ("torch", TORCH_PYTHON, 0), "libtorch_python.so"),
    "torch, cut": (with_damaged_file, ("torch", TORCH_PYTHON, 100_000), "libtorch_python.so"),
    "numpy, cut": (with_damaged_file, ("numpy", NUMPY_CORE, 100_000), NUMPY_CORE),
    "PyAV, cut": (with_damaged_file, ("av", "packet.abi3.so", 50_000), "packet.abi3.so"),
    "libsndfile, cut": (with_damaged_file, ("_soundfile_data", SNDFILE, 9000), SNDFILE),
    "torch, a module": (with_damaged_file, ("torch", "version.py", None), "torch"),
}
SENTENCE = re.compile(r"keyscan: .*: install the analyzer again; if a virus scanner has .*\n")


def run(*command, **environ):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, **environ}, cwd=ROOT,
    )  # fmt: skip


def damage(name, root):
    """Make what ``DAMAGE`` says in a folder for ``PYTHONPATH``; what the message must name."""
    make, arguments, library = DAMAGE[name]
    make(root, *arguments)
    return library


def fatal_error(done):
    """The text of the ``fatal`` line, which is all that a server writes that cannot start."""
    assert done.returncode == 1
    (fatal,) = replies(done.stdout.splitlines())
    assert fatal.keys() == {"type", "code", "error"}
    assert (fatal["type"], fatal["code"]) == ("fatal", "start_failed")
    assert done.stderr == f"keyscan: {fatal['error']}\n"
    return fatal["error"]


@needs_python
@needs_linux
@pytest.mark.parametrize("name", DAMAGE)
def test_a_server_that_cannot_load_a_library_says_which(name, tmp_path):
    library = damage(name, tmp_path)
    error = fatal_error(run(*COMMAND, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert library in error
    assert "install the analyzer again" in error


@needs_python
@pytest.mark.parametrize("name", ["scipy", "librosa"])
def test_the_reference_engine_needs_more_libraries(name, tmp_path):
    without_module(tmp_path, name)
    options = ("-w", "1", "--cqt", "librosa")
    assert name in fatal_error(run(*COMMAND, *options, PYTHONPATH=str(tmp_path)))


@needs_linux
@pytest.mark.parametrize(
    "limit", ["-v 100000", "-v 500000", "-v 600000", "-v 700000", "-d 20000", "-d 100000"]
)
def test_too_little_memory(limit):
    command = ("sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *COMMAND)
    error = fatal_error(run(*command))
    assert "memory" in error
    assert f"ulimit {limit[:2]}" in error


@needs_python
def test_no_room_for_a_thread(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("""
import threading
start = threading.Thread.start
def refuse_the_writer(thread):
    if thread.name == "writer":
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse_the_writer
""")
    error = fatal_error(run(*COMMAND, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert "can't start new thread" in error


REFUSE = """
import builtins, sys
kind, names = {kind}, {names}
def refuse(name):
    if name in names:
        raise kind
class Finder:
    def find_spec(self, name, path=None, target=None):
        refuse(name)
sys.meta_path.insert(0, Finder())
for name in names:
    sys.modules.pop(name, None)
original = builtins.__import__
def of_a_hook(name, *rest, **options):
    return original(name, *rest, **options)
builtins.__import__ = of_a_hook
"""


def refuse(root, name, kind):
    """Let each import of ``name`` raise ``kind``, an expression; and look into all imports."""
    (root / "sitecustomize.py").write_text(REFUSE.format(names=[name], kind=kind))


@needs_python
@pytest.mark.parametrize("start", [COMMAND, [sys.executable, "-m", "keyscan"]])
@pytest.mark.parametrize(
    "name", ["_ctypes", "_socket", "_struct", "math", "select", "unicodedata", "signal", "struct"]
)
def test_a_part_of_python_that_cannot_be_loaded(name, start, tmp_path):
    reason = f"DLL load failed while importing {name}"
    refuse(tmp_path, name, f"ImportError('{reason}')")
    error = fatal_error(run(*start, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert f"({reason}): install the analyzer again" in error
    assert fatal_error(run(*start, "serve", PYTHONPATH=str(tmp_path))) == error
    done = run(*start, "analyze", "a.mp3", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert SENTENCE.fullmatch(done.stderr)
    assert f"({reason})" in done.stderr


@needs_python
@pytest.mark.parametrize("name", ["torch", "av", "psutil", "keyscan.options", "_ctypes"])
@pytest.mark.parametrize("kind", ["SystemExit(3)", "SystemExit", "OSError('a \\\\ \"b\"')"])
def test_an_import_that_ends_the_process_or_raises_what_it_should_not(name, kind, tmp_path):
    refuse(tmp_path, name, kind)
    error = fatal_error(run(*COMMAND, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert "SystemExit" in error or 'a \\ "b"' in error


@needs_python
@pytest.mark.parametrize("name", ["torch", "numpy", "av"])
def test_a_hook_is_not_to_blame(name, tmp_path):
    message = f"No module named '{name}'"
    refuse(tmp_path, name, f'ModuleNotFoundError("{message}", name="{name}")')
    error = fatal_error(run(*COMMAND, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert f"{name} cannot be loaded ({message}): install" in error


@needs_python
@pytest.mark.parametrize("name", ["torch", "numpy", "psutil"])
@pytest.mark.parametrize("content", [b"", b"def (", b"raise SystemExit(1)"])
def test_a_package_whose_first_file_is_damaged(name, content, tmp_path):
    (tmp_path / f"{name}.py").write_bytes(content)
    error = fatal_error(run(*COMMAND, "-w", "1", PYTHONPATH=str(tmp_path)))
    assert name in error
    assert "install the analyzer again" in error


@needs_linux
@pytest.mark.parametrize("limit", [8, 10, 12])
def test_too_few_files_may_be_open(limit):
    command = ("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *COMMAND)
    error = fatal_error(run(*command, "-w", "1"))
    assert "Too many open files" in error
    assert "(ulimit -n)" in error


@needs_linux
def test_memory_that_is_enough():
    limits = f"ulimit -v {2 * LEAST_ADDRESS_SPACE >> 10}; ulimit -d {2 * LEAST_DATA >> 10}"
    command = ("sh", "-c", f'{limits}; exec "$@"', "sh", *COMMAND)
    assert check_reply(json.loads(run(*command, "-w", "1").stdout))["type"] == "ready"


@needs_python
@pytest.mark.parametrize("size", [None, 0, 1000, "missing"])
@pytest.mark.parametrize("file", ["keyscan.pt", "filterbank.npz"])
def test_a_data_file_that_is_missing_or_damaged(file, size, tmp_path):
    source = ROOT / "keyscan"
    path = linked(source, tmp_path / "keyscan", but=f"data/{file}")
    if size != "missing":
        content = (source / "data" / file).read_bytes()
        path.write_bytes(b"damaged " * 1000 if size is None else content[:size])
    program = ("-c", "import sys; from keyscan.__main__ import run; sys.exit(run())")
    done = subprocess.run(
        [sys.executable, *program, "-w", "1"], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=PATIENCE, cwd=tmp_path,
    )  # fmt: skip
    error = fatal_error(done)
    assert str(path) in error
    assert error.endswith("install the analyzer again")


@needs_python
@needs_linux
@pytest.mark.parametrize("command", [("analyze", "a.mp3"), ("doctor",), ("doctor", "--self-test")])
@pytest.mark.parametrize(
    "name",
    ["no torch", "no av", "torch without a library", "numpy, cut"],
)
def test_a_person_gets_a_sentence(name, command, tmp_path):
    library = damage(name, tmp_path)
    done = run(*COMMAND, *command, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert SENTENCE.fullmatch(done.stderr)
    assert library in done.stderr


@needs_python
def test_version_and_help_need_no_library(tmp_path):
    for name in ("numpy", "torch"):
        without_module(tmp_path, name)
    for words in ("--version", "--help", "help serve", "help analyze", "help doctor"):
        done = run(*COMMAND, *words.split(), PYTHONPATH=str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["Key", "AnalysisError", "Analysis", "keys.KEYS", "errors.Silent"])
def test_the_package_imports_its_names_on_first_use(name):
    code = f"""
import sys, keyscan
assert not {{"typing", "re", "keyscan.keys"}} & sys.modules.keys()
keyscan.{name}
"""
    done = run(sys.executable, "-S", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


@needs_linux
@pytest.mark.parametrize("name", ["no torch", "no av", "torch, cut"])
def test_a_program_gets_an_exception(name, tmp_path):
    library = damage(name, tmp_path)
    code = """
import keyscan
try:
    keyscan.analyze("a.mp3")
except ImportError as error:
    print(f"{error.code}: {error}")
"""
    done = run(sys.executable, "-c", code, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("start_failed: ")
    assert library in done.stdout


@needs_linux
def test_a_library_is_cut_short_where_a_segment_is(tmp_path):
    path = package_folder("numpy") / NUMPY_CORE
    content = path.read_bytes()
    assert not is_cut_short(path)
    for size, expected in ((200, False), (5000, True), (len(content) // 2, True)):
        (tmp_path / "library.so").write_bytes(content[:size])  # the first is for the loader
        assert is_cut_short(tmp_path / "library.so") is expected
    (tmp_path / "library.so").write_text("INPUT(-lm)")
    assert not is_cut_short(tmp_path / "library.so")
    assert not is_cut_short(tmp_path / "none.so")


def test_the_system_of_the_tests_is_fine():
    check_system()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "not enough memory"),
        (OSError("[WinError 8] Not enough memory resources"), "not enough memory to load"),
        (OSError('[WinError 126] Error loading "C:\\c10.dll" or one of its'), "c10.dll"),
        (RuntimeError("can't start new thread"), "not enough memory"),
        (OSError(12, "Cannot allocate memory"), "not enough memory"),
        (ImportError("a.so: failed to map segment from shared object"), "not enough memory"),
        (ImportError("\n\nDLL load failed\nPages of advice"), "(DLL load failed)"),
        (ModuleNotFoundError("No module named 'x.y'", name="x.y"), "(No module named 'x.y')"),
        (AttributeError("no b"), "(AttributeError: no b)"),
        (KeyError(), "(KeyError)"),
    ],
)
def test_the_reason_is_one_line(error, expected):
    with pytest.raises(StartFailed) as caught, loading():
        raise error
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # a worker sends it
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


def test_the_cause_is_told_and_not_the_advice_around_it():
    error = ImportError("Read these pages")
    error.__cause__ = ImportError("b.so: cannot open shared object file")
    assert "(b.so: cannot open shared object file)" in str(explained(error))


def test_what_is_explained_already_stays_as_it_is():
    error = LibraryNotLoaded("a sentence")
    with pytest.raises(StartFailed) as caught, loading():
        raise error
    assert caught.value is error


def test_stderr_is_written_without_a_thread_if_there_is_no_room_for_one(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader:
        printer = StderrPrinter(writing)
        printer.write("a sentence\n")
        printer.drain(1.0)
        os.close(writing)
        assert reader.read() == b"a sentence\n"
