"""The exe on a machine that knows nothing of Python: nothing set, nothing cached, nothing writable.

The other tests of the process run against it with ``KEYSCAN_EXE=path pytest tests/test_server.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyInstaller.archive.readers import CArchiveReader

from examples.track import SAMPLE_RATE, render_track
from hooks.excluded import EXCLUDED, UNCALLED
from keyscan import __version__
from keyscan.keys import Key
from tests.audio_files import FORMATS
from tests.damaged_packages import linked
from tests.doctor.doctor_process import run_doctor
from tests.messages import check_reply, replies
from tests.server_process import EXE, PATIENCE, ROOT, ServerProcess, request, wait_for

INSTALLED = Path(EXE or ROOT / "dist" / "openkeyscan-analyzer" / "openkeyscan-analyzer").absolute()
NOBODY = 65534
LARGEST = 545_000_000  # bytes, with the CPU build of torch
LEFT_OUT = {  # what an analysis of the code would take along if the hooks let it
    "librosa": ["beat", "decompose", "display", "effects", "feature", "onset", "segment"],
    "torch": ["_decomp", "_dynamo", "_inductor", "_lazy", "_numpy", "_prims", "_refs", "onnx"],
    "torch._export": ["db", "passes", "serde"],
    "torch.ao": ["ns", "pruning"],
    "torch.ao.quantization": ["backend_config", "fx"],
    "torch.distributed": ["_composable", "_shard", "_symmetric_memory", "_tools", "checkpoint",
                          "elastic", "fsdp", "nn", "optim", "tensor"],
    "torch.fx.experimental": ["symbolic_shapes"],
    "torch.testing._internal": ["common_device_type", "common_methods_invocations",
                                "common_utils", "distributed", "opinfo"],
    "torch.utils": ["_sympy", "cpp_extension", "hipify", "tensorboard"],
}  # fmt: skip
FIRST_FILES = ["wav", "mp3", "m4a", "flac", "ogg-vorbis"]

pytestmark = [
    pytest.mark.skipif(
        not INSTALLED.is_file(),
        reason=f"no {INSTALLED}: pyinstaller openkeyscan-analyzer.spec builds it",
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


class Machine:
    """Folders of a user who has never run anything, and how to run the exe as that user."""

    def __init__(self, root: Path) -> None:
        self.music, self.home, self.temporary, self.elsewhere = (
            root / name for name in ("music", "home", "tmp", "elsewhere")
        )
        for folder in (self.music, self.home, self.temporary, self.elsewhere):
            folder.mkdir()
            folder.chmod(0o777)

    @property
    def prefix(self) -> tuple[str, ...]:
        """``env`` with next to nothing in it, and no rights of root's."""
        variables = (f"HOME={self.home}", f"TMPDIR={self.temporary}", "PATH=/usr/bin:/bin")
        user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        return ("env", "-i", "-C", str(self.elsewhere), *variables,
                *(user if os.geteuid() == 0 else ()))  # fmt: skip

    def server(self, *options: str) -> ServerProcess:
        return ServerProcess(*options, prefix=self.prefix, command=[str(INSTALLED)])

    def written(self) -> list[Path]:
        """Every file that lies about."""
        folders = (self.home, self.temporary, self.elsewhere)
        return [path for folder in folders for path in folder.rglob("*")]


def installed_files() -> dict[Path, tuple[int, int]]:
    """Size and time of change of everything in the install folder."""
    found = {}
    for path in [INSTALLED.parent, *INSTALLED.parent.rglob("*")]:
        status = path.lstat()
        found[path] = (status.st_size, status.st_mtime_ns)
    return found


def set_writable(writable: bool) -> None:
    """Root's own rights stay what they are: that is why root runs the exe as another user."""
    for path in [INSTALLED.parent, *INSTALLED.parent.rglob("*")]:
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IWUSR if writable else mode & ~0o222)


@pytest.fixture
def machine():
    """A new machine each time, with the install folder read-only, and unchanged in the end."""
    set_writable(False)
    before = installed_files()
    with tempfile.TemporaryDirectory() as root:  # pytest's own folders are closed to others
        Path(root).chmod(0o755)
        machine = Machine(Path(root))
        yield machine
        assert machine.written() == []
    after = installed_files()
    set_writable(True)
    assert after == before


@pytest.mark.parametrize("name", FIRST_FILES)
def test_the_first_answer_on_a_new_machine(name, machine):
    path = machine.music / f"träck 🎵{FORMATS[name].extension}"
    FORMATS[name].write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    with machine.server() as server:
        reply = server.ask(request(1, path))
        assert (reply["status"], reply["camelot"]) == ("success", "11A")
        assert reply["filename"] == path.name
        assert server.finish() == []
        assert server.process.returncode == 0
        assert server.stderr == b""


def test_the_first_answer_of_the_reference_engine(machine):
    path = machine.music / "track.flac"
    soundfile.write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    with machine.server("--cqt", "librosa") as server:
        assert server.ask(request(1, path))["camelot"] == "11A"
        server.finish()
        assert server.stderr == b""


def test_a_cache(machine):
    path = machine.music / "track.flac"
    soundfile.write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    cache = ("--cache", str(machine.music / "keys.sqlite"))
    for known in (False, True):
        with machine.server(*cache) as server:
            reply = server.ask(request(1, path))
            assert (reply["camelot"], reply["cached"]) == ("11A", known)
            server.finish()
            assert server.stderr == b""


def test_python_variables_of_the_user_are_none_of_its_business(track, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    environ = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONOPTIMIZE": "2"}
    with ServerProcess(environ=environ, command=[str(INSTALLED)]) as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


def damaged_app(folder: Path, but: str, content: bytes | None = None) -> Path:
    """The exe in a folder of links to its files, without the one at ``but``, or with others bytes.

    ``but`` is a pattern below the folder of its files.
    """
    internal = INSTALLED.parent / "_internal"
    (path,) = internal.glob(but)
    damaged = linked(internal, folder / "_internal", but=path.relative_to(internal).as_posix())
    if content is not None:
        damaged.write_bytes(content)
    return Path(shutil.copy(INSTALLED, folder))


@pytest.mark.parametrize(
    ("but", "content", "library"),
    [
        ("torch/lib/libtorch_cpu.so", None, "libtorch_cpu.so"),
        ("torch/lib/libtorch_cpu.so", b"not a library", "libtorch_cpu.so"),
        ("torch/lib/libtorch_python.so", None, "libtorch_python.so"),
        ("numpy/_core/_multiarray_umath*.so", None, "numpy"),
        ("av/packet*.so", None, "av"),
        ("soxr/soxr_ext*.so", None, "soxr"),
        ("soxr/soxr_ext*.so", b"", "soxr_ext"),
        ("keyscan/data/keyscan.pt", None, "keyscan.pt"),
        ("keyscan/data/keyscan.pt", b"damaged", "keyscan.pt"),
        ("keyscan/data/filterbank.npz", None, "filterbank.npz"),
        ("python3*/lib-dynload/_csv*.so", None, "_csv"),
        ("python3*/lib-dynload/_ctypes*.so", None, "_ctypes"),
        ("python3*/lib-dynload/_socket*.so", None, "_socket"),
        ("python3*/lib-dynload/fcntl*.so", None, "fcntl"),
        ("python3*/lib-dynload/mmap*.so", None, "mmap"),
    ],
)
def test_a_damaged_installation_is_said(but, content, library, tmp_path):
    exe = damaged_app(tmp_path, but, content)
    done = subprocess.run(
        [exe, "-w", "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 1
    (fatal,) = replies(done.stdout.splitlines())
    assert (fatal["type"], fatal["code"]) == ("fatal", "start_failed")
    assert library in fatal["error"]
    assert "pyimod" not in fatal["error"]
    assert "install the analyzer again" in fatal["error"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name",
    ["torch/lib/libtorch_cpu.so", "_soundfile_data/libsndfile*.so", "av.libs/libavformat-*.so*"],
)
def test_a_library_that_is_cut_short_is_said(name, tmp_path):
    (path,) = (INSTALLED.parent / "_internal").glob(name)
    exe = damaged_app(tmp_path, name, path.read_bytes()[:5000])
    for command in ([], ["analyze", "a.mp3"], ["doctor"]):
        done = subprocess.run(
            [exe, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 1
        assert ("fatal" in done.stdout) is (command == [])
        assert f"{path.name} is damaged" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kib", [300_000, 500_000, 700_000])
def test_too_little_memory_is_said(kib):
    command = ["sh", "-c", f'ulimit -v {kib}; exec "$@"', "sh", INSTALLED]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert check_reply(json.loads(done.stdout))["code"] == "start_failed"
    assert "ulimit -v" in done.stderr


def test_workers_are_processes_of_their_own_and_end_with_the_server(endless):
    with ServerProcess("-w", "2", command=[str(INSTALLED)]) as server:
        server.send(request(1, endless))
        server.send(request(2, endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 2)
        workers = server.worker_pids()
        assert len({server.pid, *workers}) == 3
        for pid in workers:
            assert Path(f"/proc/{pid}/exe").resolve() == INSTALLED.resolve()
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


def test_version_and_help_are_quick_and_quiet(machine):
    for option, expected in (("--version", f"openkeyscan-analyzer {__version__}"),
                             ("--help", "usage: openkeyscan-analyzer")):  # fmt: skip
        result = subprocess.run([*machine.prefix, str(INSTALLED), option],
                                capture_output=True, text=True, timeout=PATIENCE)  # fmt: skip
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(expected)


def test_utf8_mode_is_on_where_python_would_not_turn_it_on():
    """Python does by itself for the locale C, but for no other, C.UTF-8 included."""
    done = run_doctor("--json", command=[str(INSTALLED)], LC_ALL="C.UTF-8", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    python = json.loads(done.stdout)["python"]
    assert (python["frozen"], python["utf8_mode"]) == (True, True)


@pytest.fixture(scope="module")
def modules():
    """Names of the Python modules inside the exe, in full."""
    archive = CArchiveReader(str(INSTALLED))
    (name,) = (name for name in archive.toc if name.startswith("PYZ"))
    return set(archive.open_embedded_archive(name).toc)


def test_what_serving_never_needs_is_not_there(modules):
    packages = {module.partition(".")[0] for module in modules}
    assert {"keyscan", "librosa", "scipy", "torch"} <= packages
    assert not packages & EXCLUDED.keys()
    files = {path.name for path in (INSTALLED.parent / "_internal").iterdir()}
    assert not files & EXCLUDED.keys()


@pytest.mark.parametrize("package", LEFT_OUT)
def test_parts_of_packages_that_serving_never_needs_are_not_there(package, modules):
    names = [f"{package}.{part}" for part in LEFT_OUT[package]]
    assert package in modules
    assert not [
        module for module in modules for name in names if f"{module}.".startswith(f"{name}.")
    ]
    for name in names:
        path = (INSTALLED.parent / "_internal").joinpath(*name.split("."))
        assert not path.with_suffix(".py").exists()
        assert not [*path.rglob("*.py")]


def test_what_is_imported_but_never_called_is_not_there(modules):
    assert UNCALLED.keys() <= modules
    for name in UNCALLED:
        parts = {module for module in modules if module.startswith(f"{name}.")}
        assert parts <= UNCALLED.keys()
        assert not (INSTALLED.parent / "_internal").joinpath(*name.split(".")).exists()
    assert not (INSTALLED.parent / "_internal" / "scipy.libs").exists()  # a BLAS of its own


def test_torch_has_no_sources_but_those_that_it_reads():
    sources = [*(INSTALLED.parent / "_internal" / "torch").rglob("*.py")]
    assert 0 < len(sources) < 40


def test_the_folder_is_small_enough_and_has_no_links_that_a_copy_would_follow():
    paths = [*INSTALLED.parent.rglob("*")]
    assert not [path for path in paths if path.is_symlink()]
    assert sum(path.stat().st_size for path in paths if path.is_file()) < LARGEST


# A worker takes its orders from Python here, so that its features come back untouched. The exe's
# finds its modules on a path of its own, which its parent tells a worker.
ASK_A_WORKER = """
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker
import multiprocessing.spawn, psutil, sys, threading
from pathlib import Path
import numpy as np
from keyscan import runtime
from keyscan.engine.messages import Work
from keyscan.engine.worker import Worker
from keyscan.options import WorkerOptions
program, engine, path, out = sys.argv[1:]
runtime.pin_threads()
python_path = sys.path
if program != sys.executable:
    sys.frozen = True
    multiprocessing.spawn.set_executable(program)
    files = Path(program).parent / "_internal"
    (dynload,) = files.glob("python3*/lib-dynload")
    sys.path = [str(files / "base_library.zip"), str(dynload), str(files)]
worker = Worker(WorkerOptions(engine, 120.0))
worker.start()
sys.path = python_path
assert Path(f"/proc/{worker._process.pid}/exe").resolve() == Path(program).resolve()
features = worker.run(Work(path), threading.Event())
np.save(out, features.spectrogram)
worker.close()
"""


@pytest.mark.parametrize(
    ("name", "engine"), [*((name, "matrix") for name in FIRST_FILES), ("m4a", "librosa")]
)
def test_features_are_those_of_python_bit_for_bit(name, engine, tmp_path):
    path = tmp_path / f"track{FORMATS[name].extension}"
    FORMATS[name].write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ = {**own, "PYTHONPATH": str(ROOT)}
    features = []
    for number, program in enumerate((INSTALLED, sys.executable)):
        out = tmp_path / f"{number}.npy"
        command = [sys.executable, "-c", ASK_A_WORKER, program, engine, path, out]
        subprocess.run(command, check=True, timeout=240, env=environ)
        features.append(np.load(out))
    assert features[0].mean() > 0.1
    np.testing.assert_array_equal(*features)
