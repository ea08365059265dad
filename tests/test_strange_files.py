"""Links, names and places that files can have: each is answered, by a key or a code that fits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from tests.server_process import ServerProcess

Make = Callable[[Path, Path], "Path | str"]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds in A minor, 8A."""
    path = tmp_path_factory.mktemp("strange") / "music.flac"
    soundfile.write(path, render_track(Key.parse("A minor"), 4.0), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def server(music: Path) -> Iterator[ServerProcess]:
    """Started in the folder of ``music``, which relative paths begin in."""
    before = Path.cwd()
    os.chdir(music.parent)
    try:
        with ServerProcess("-w", "1") as process:
            os.chdir(before)
            yield process
            assert process.finish() == []
            assert process.stderr == b""
    finally:
        os.chdir(before)


def answer(server: ServerProcess, path: Path | str) -> str:
    """The code of the reply to a request for ``path``; of a success, the key."""
    reply = server.ask({"id": 1, "path": os.fspath(path)})
    assert reply["id"] == 1
    return str(reply["camelot"] if reply["status"] == "success" else reply["code"])


# ------------------------------------------------------------------------------------- links


def linked(folder: Path, music: Path, name: str) -> Path:
    """The music by another name."""
    os.link(music, folder / name)
    return folder / name


def link_to(folder: Path, target: Path | str) -> Path:
    (folder / "link.flac").symlink_to(target)
    return folder / "link.flac"


def relative_link(folder: Path, music: Path) -> Path:
    """Relative to the link's own folder, not to the folder the server runs in."""
    (folder / "files").mkdir()
    os.link(music, folder / "files" / "here.flac")
    (folder / "links").mkdir()
    (folder / "links" / "link.flac").symlink_to("../files/here.flac")
    return folder / "links" / "link.flac"


def chain(folder: Path, music: Path, length: int) -> Path:
    target = music
    for number in range(length):
        link = folder / f"link {number}"
        link.symlink_to(target)
        target = link
    return target


def loop_of_two_links(folder: Path, music: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def loop_of_folders(folder: Path, music: Path) -> Path:
    (folder / "again").symlink_to(folder)
    os.link(music, folder / "music.flac")
    return Path(folder, *["again"] * 20, "music.flac")


def link_to_a_fifo(folder: Path, music: Path) -> Path:
    os.mkfifo(folder / "fifo")
    return link_to(folder, folder / "fifo")


def parent_of_a_linked_folder(folder: Path, music: Path) -> str:
    """``..`` leaves the folder that the link leads to, not the one that the link is in."""
    (folder / "elsewhere" / "below").mkdir(parents=True)
    os.link(music, folder / "elsewhere" / "music.flac")
    (folder / "link").symlink_to(folder / "elsewhere" / "below")
    return f"{folder}/link/../music.flac"


# ------------------------------------------------------------------------------------- names


def name_of_255_bytes(folder: Path, music: Path) -> Path:
    path = linked(folder, music, "ü" * 125 + ".flac")
    assert len(os.fsencode(path.name)) == 255
    return path


def composed_and_decomposed(folder: Path, music: Path) -> Path:
    """Two files for Linux, one for macOS: the one that was named is the one that is read."""
    os.link(music, folder / "caf\u00e9.flac")
    if not (folder / "cafe\u0301.flac").exists():
        (folder / "cafe\u0301.flac").write_text("another file")
    return folder / "caf\u00e9.flac"


def upper_and_lower_case(folder: Path, music: Path) -> Path:
    os.link(music, folder / "MUSIC.flac")
    if not (folder / "music.flac").exists():
        (folder / "music.flac").write_text("another file")
    return folder / "MUSIC.flac"


# ------------------------------------------------------------------------------------- spelling


def folder_named_tilde(folder: Path, music: Path) -> str:
    (music.parent / "~").mkdir(exist_ok=True)
    os.link(music, music.parent / "~" / "here.flac")
    return "~/here.flac"


PATHS: dict[str, tuple[Make, str]] = {
    "link to music": (lambda folder, music: link_to(folder, music), "8A"),
    "relative link": (relative_link, "8A"),
    "hard link": (lambda folder, music: linked(folder, music, "hard.flac"), "8A"),
    "chain of 30 links": (lambda folder, music: chain(folder, music, 30), "8A"),
    # Linux follows 40 at most
    "chain of 50 links": (lambda folder, music: chain(folder, music, 50), "invalid_path"),
    "loop of two links": (loop_of_two_links, "invalid_path"),
    "loop of folders": (loop_of_folders, "8A"),
    "dangling link": (lambda folder, music: link_to(folder, folder / "gone"), "file_not_found"),
    "link to a folder": (lambda folder, music: link_to(folder, folder), "not_a_file"),
    "link to a fifo": (link_to_a_fifo, "not_a_file"),
    "link to a device": (lambda folder, music: link_to(folder, "/dev/zero"), "not_a_file"),
    "parent of a linked folder": (parent_of_a_linked_folder, "8A"),
    "name of 255 bytes": (name_of_255_bytes, "8A"),
    "name of 256 bytes": (lambda folder, music: folder / ("ü" * 125 + "-.flac"), "invalid_path"),
    "name that is not UTF-8": (
        lambda folder, music: linked(folder, music, os.fsdecode(b"caf\xe9 \xff\xfe.flac")), "8A"),
    "name with a line feed": (
        lambda folder, music: linked(folder, music, 'a\n"b"\t\\c\x7f.flac'), "8A"),
    "name without anything else": (lambda folder, music: linked(folder, music, ".flac"), "8A"),
    # which FFmpeg, given a name, would take for a protocol
    "name of a format prefix": (lambda folder, music: linked(folder, music, "concat:a|b"), "8A"),
    "composed and decomposed": (composed_and_decomposed, "8A"),
    "upper and lower case": (upper_and_lower_case, "8A"),
    "relative": (lambda folder, music: music.name, "8A"),
    "relative with dots": (
        lambda folder, music: f"./../{music.parent.name}/./{music.name}", "8A"),
    # ~ is for shells; to us it is a folder's name
    "home": (lambda folder, music: "~/music.flac", "file_not_found"),
    "folder named tilde": (folder_named_tilde, "8A"),
    "double slashes": (
        lambda folder, music: f"//{str(music.parent)[1:]}///.//{music.name}", "8A"),
    "trailing slash": (lambda folder, music: f"{music}/", "file_not_found"),
    "trailing space": (lambda folder, music: f"{music} ", "file_not_found"),
    "address": (lambda folder, music: music.as_uri(), "8A"),
    "root": (lambda folder, music: "/", "not_a_file"),
    "folder with a slash": (lambda folder, music: f"{folder}/", "not_a_file"),
}  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_the_file_that_a_path_leads_to(
    server: ServerProcess, music: Path, tmp_path: Path, name: str
) -> None:
    make, code = PATHS[name]
    assert answer(server, make(tmp_path, music)) == code


# ------------------------------------------------------------------------- files of the system


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
@pytest.mark.parametrize(
    ("path", "codes"),
    [
        # A size of zero is what the system says of files that it makes up when they are read. Some
        # of them never end, or block, or can be read once only: they are never opened.
        ("/proc/self/mem", "empty_file"),
        ("/proc/self/maps", "empty_file"),
        ("/proc/self/environ", "empty_file"),
        ("/proc/cpuinfo", "empty_file"),
        ("/proc/kmsg", "empty_file"),
        ("/proc/sys/kernel/hostname", "empty_file"),
        # As large as the address space.
        ("/proc/kcore", ("unsupported_format", "permission_denied", "read_failed", "decode_failed",
                         "file_not_found", "not_a_file", "empty_file")),
        # 4096 bytes are promised, and 20 come.
        ("/sys/kernel/mm/transparent_hugepage/enabled", ("decode_failed", "file_not_found")),
        # Python, or the frozen app, whose archive has bytes like frames of MP3 here and there.
        ("/proc/self/exe", "unsupported_format"),
        ("/proc/self", "not_a_file"),
        # Our own pipes are neither blocked nor emptied.
        ("/dev/stdin", "not_a_file"),
        ("/dev/stdout", "not_a_file"),
        ("/dev/fd/0", "not_a_file"),
        ("/proc/self/fd/1", "not_a_file"),
        ("/proc/self/fd/2", "not_a_file"),
        ("/dev/tty", "not_a_file"),
        ("/dev/random", "not_a_file"),
        ("/dev/ptmx", "not_a_file"),
        ("/dev/full", "not_a_file"),
    ],
)  # fmt: skip
def test_files_that_only_the_system_has(
    server: ServerProcess, path: str, codes: str | tuple[str, ...]
) -> None:
    assert answer(server, path) in ((codes,) if isinstance(codes, str) else codes)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_no_pipe_of_a_worker_is_a_file(server: ServerProcess) -> None:
    """The one it is asked through least of all."""
    (worker,) = server.worker_pids()
    for path in Path(f"/proc/{worker}/fd").iterdir():
        target = str(path.readlink())
        if target.startswith(("pipe:", "socket:", "anon_inode:")):
            assert answer(server, path) == "not_a_file", target


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files without a name here")
def test_a_file_that_has_no_name(server: ServerProcess, music: Path) -> None:
    descriptor = os.memfd_create("music")
    try:
        os.write(descriptor, music.read_bytes())
        assert answer(server, f"/proc/{os.getpid()}/fd/{descriptor}") == "8A"
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------- deep folders


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Callable[[str], tuple[Path, int]]]:
    """Makes 500 folders in one another; gives the path, and a descriptor, of the deepest."""
    descriptors: list[int] = []

    def make(name: str) -> tuple[Path, int]:
        here = os.open(tmp_path, os.O_RDONLY)
        for _ in range(500):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        descriptors.append(here)
        return Path(tmp_path, *[name] * 500), here

    yield make
    for descriptor in descriptors:
        os.close(descriptor)
    # pytest would need as many descriptors, and stack frames, as there are levels
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True, timeout=60)


Deep = Callable[[str], tuple[Path, int]]


def test_500_levels(server: ServerProcess, music: Path, deep: Deep) -> None:
    folder, _ = deep("a b")
    os.link(music, folder / "music.flac")
    assert answer(server, folder / "music.flac") == "8A"


def test_500_levels_that_no_path_can_name(server: ServerProcess, music: Path, deep: Deep) -> None:
    """The file is there, and no program can open it by one path."""
    folder, descriptor = deep("a long name " * 15)
    os.link(music, "music.flac", dst_dir_fd=descriptor)
    path = folder / "music.flac"
    assert len(str(path)) > 90_000
    assert answer(server, path) == "invalid_path"
