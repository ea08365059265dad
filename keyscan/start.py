"""What can fail before the first file: imports, loads and limits, each said in one sentence."""

from __future__ import annotations

import errno
import importlib.util
import struct
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from keyscan.errors import LibraryNotLoaded, StartFailed

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LEAST_ADDRESS_SPACE = 800_000 << 10
LEAST_DATA = 250_000 << 10
"""Bytes that limits must leave: with less, torch ends the process instead of raising an error."""
_REINSTALL = (
    "install the analyzer again; if a virus scanner has put a file in quarantine, restore it"
)
_MORE_MEMORY = "close other programs, or raise the limits of memory and processes (ulimit -v, -u)"
_MORE_FILES = "close other programs, or raise the limit of open files (ulimit -n)"
_MEMORY_SIGNS = (  # in the messages of systems and libraries, in lower case
    *("failed to map segment", "cannot allocate memory", "not enough memory", "bad_alloc"),
    *("start new thread", "paging file is too small"),
    "resource temporarily unavailable",
)
_PACKAGES = ("numpy", "torch", "av", "soxr", "psutil", "_soundfile_data")
_PATTERNS = ("*.so*", "_core/*.so*", "lib/*.so*")
_LOADED_SEGMENT = 1  # PT_LOAD


@contextmanager
def loading() -> Iterator[None]:
    """Around imports and loads of the start: every exception becomes a ``StartFailed``.

    Raises:
        StartFailed: its message names the library, the reason, and what to do.
    """
    try:
        yield
    except StartFailed:
        raise
    except (Exception, SystemExit) as error:
        raise explained(error) from error


def explained(error: BaseException) -> StartFailed:
    """Why the start failed, in one sentence; a ``LibraryNotLoaded`` if an import is to blame."""
    library = _imported(error)
    while error.__cause__ is not None:  # numpy and torch put pages of advice around the reason
        error = error.__cause__
    library = library or _named(error)
    name, reason = library or "the analyzer", _reason(error)
    if isinstance(error, MemoryError) or any(sign in reason.lower() for sign in _MEMORY_SIGNS):
        return LibraryNotLoaded(
            f"there is not enough memory to load {name} ({reason}): {_MORE_MEMORY}"
        )
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return StartFailed(f"too few files may be open ({reason}): {_MORE_FILES}")
    if library is None:
        return StartFailed(f"the analyzer cannot start ({reason}): {_REINSTALL}")
    return LibraryNotLoaded(f"{name} cannot be loaded ({reason}): {_REINSTALL}")


@loading()
def check_system() -> None:
    """Look for what would end the process when torch is imported, instead of raising an error.

    Raises:
        StartFailed: memory is limited to too little, or a shared library is cut short.
    """
    if "torch" in sys.modules:
        return
    if resource is not None:
        _check_limit(resource.RLIMIT_AS, LEAST_ADDRESS_SPACE, "ulimit -v")
        _check_limit(resource.RLIMIT_DATA, LEAST_DATA, "ulimit -d")
    if sys.platform == "linux":
        for path in _shared_libraries():
            if is_cut_short(path):
                raise LibraryNotLoaded(f"{path} is damaged, its end is missing: {_REINSTALL}")


def _check_limit(kind: int, least: int, command: str) -> None:
    limit = resource.getrlimit(kind)[0]
    if limit != resource.RLIM_INFINITY and limit < least:
        raise StartFailed(
            f"the limit of memory is too low to load torch: {limit >> 20} MiB; at least "
            f"{least >> 20} MiB are needed ({command})"
        )


def is_cut_short(path: Path) -> bool:
    """Whether an ELF library of 64 bits ends before its segments do (System V ABI, chapter 5).

    The loader maps what is not there, and the process gets SIGBUS. It refuses what is no library.
    """
    with suppress(OSError, struct.error), path.open("rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return False
        start = struct.unpack_from("<Q", head, 0x20)[0]
        size, count = struct.unpack_from("<HH", head, 0x36)
        file.seek(start)
        table = file.read(size * count)
        end = 0
        for at in range(0, size * count, size):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", table, at)
            if kind == _LOADED_SEGMENT:
                end = max(end, offset + length)
        return path.stat().st_size < end
    return False


def _shared_libraries() -> Iterator[Path]:
    """Of the packages that are always loaded; nothing is imported."""
    for folder in _package_folders():
        for place in (folder, folder.with_name(f"{folder.name}.libs")):
            for pattern in _PATTERNS:
                yield from place.glob(pattern)


def _package_folders() -> Iterator[Path]:
    if root := getattr(sys, "_MEIPASS", None):  # of the frozen app
        yield from (Path(root, name) for name in _PACKAGES)
        return
    for name in _PACKAGES:
        with suppress(ValueError):  # a module that the caller's program has made itself
            spec = importlib.util.find_spec(name)
            yield from map(Path, (spec and spec.submodule_search_locations) or ())


def _imported(error: BaseException) -> str | None:
    """The first package whose import failed, but for ours and the standard library."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = ""
        if frame.f_code.co_name == "<module>":
            name = frame.f_globals.get("__name__", "")
        elif frame.f_code.co_name == "_find_and_load":  # importlib's: no line of the module has run
            name = frame.f_locals.get("name", "")
        name = name.partition(".")[0]
        ours = name in ("", "keyscan", "__main__", "__mp_main__")
        if not ours and name not in sys.stdlib_module_names:
            return name
    return None


def _named(error: BaseException) -> str | None:
    """The module that the error itself names, or the file of a syntax error."""
    if isinstance(error, ImportError):
        return error.name
    if isinstance(error, SyntaxError):
        return error.filename
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return error.obj.__name__
    return None


def _reason(error: BaseException) -> str:
    """The first line of the message, with the class where the message alone says little."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, ImportError | OSError | MemoryError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}"
