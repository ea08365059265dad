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


def link_to_music(folder: Path, music: Path) -> Path:
    (folder / "link.flac").symlink_to(music)
    return folder / "link.flac"


def relative_link(folder: Path, music: Path) -> Path:
    """Relative to the link's own folder, whatever folder the server runs in."""
    (folder / "files").mkdir()
    os.link(music, folder / "files" / "here.flac")
    (folder / "links").mkdir()
    (folder / "links" / "link.flac").symlink_to("../files/here.flac")
    return folder / "links" / "link.flac"


def hard_link(folder: Path, music: Path) -> Path:
    os.link(music, folder / "hard.flac")
    return folder / "hard.flac"


def _chain(folder: Path, music: Path, length: int) -> Path:
    target = music
    for number in range(length):
        link = folder / f"link {number}"
        link.symlink_to(target)
        target = link
    return target


def chain_of_30_links(folder: Path, music: Path) -> Path:
    return _chain(folder, music, 30)


def chain_of_50_links(folder: Path, music: Path) -> Path:
    """Linux follows 40 at most."""
    return _chain(folder, music, 50)


def loop_of_two_links(folder: Path, music: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def loop_of_folders(folder: Path, music: Path) -> Path:
    (folder / "again").symlink_to(folder)
    os.link(music, folder / "music.flac")
    return Path(folder, *["again"] * 20, "music.flac")


def dangling_link(folder: Path, music: Path) -> Path:
    (folder / "link.flac").symlink_to(folder / "gone.flac")
    return folder / "link.flac"


def link_to_a_folder(folder: Path, music: Path) -> Path:
    (folder / "link.flac").symlink_to(folder)
    return folder / "link.flac"


def link_to_a_fifo(folder: Path, music: Path) -> Path:
    os.mkfifo(folder / "fifo")
    (folder / "link.flac").symlink_to(folder / "fifo")
    return folder / "link.flac"


def link_to_a_device(folder: Path, music: Path) -> Path:
    (folder / "link.flac").symlink_to("/dev/zero")
    return folder / "link.flac"


def parent_of_a_linked_folder(folder: Path, music: Path) -> str:
    """``..`` leaves the folder that the link leads to, not the one that the link is in."""
    (folder / "elsewhere" / "below").mkdir(parents=True)
    os.link(music, folder / "elsewhere" / "music.flac")
    (folder / "link").symlink_to(folder / "elsewhere" / "below")
    return f"{folder}/link/../music.flac"


# ------------------------------------------------------------------------------------- names


def name_of_255_bytes(folder: Path, music: Path) -> Path:
    path = folder / ("ü" * 125 + ".flac")
    assert len(os.fsencode(path.name)) == 255
    os.link(music, path)
    return path


def name_of_256_bytes(folder: Path, music: Path) -> Path:
    return folder / ("ü" * 125 + "-.flac")


def name_that_is_not_utf_8(folder: Path, music: Path) -> Path:
    path = os.fsencode(folder) + b"/caf\xe9 \xff\xfe.flac"
    os.link(music, path)
    return Path(os.fsdecode(path))


def name_with_a_line_feed(folder: Path, music: Path) -> Path:
    os.link(music, folder / 'a\n"b"\t\\c\x7f.flac')
    return folder / 'a\n"b"\t\\c\x7f.flac'


def name_without_anything_else(folder: Path, music: Path) -> Path:
    os.link(music, folder / ".flac")
    return folder / ".flac"


def name_of_a_format_prefix(folder: Path, music: Path) -> Path:
    """What FFmpeg, given a name, would take for a protocol."""
    os.link(music, folder / "concat:a|b")
    return folder / "concat:a|b"


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


def relative(folder: Path, music: Path) -> str:
    return music.name


def relative_with_dots(folder: Path, music: Path) -> str:
    return f"./../{music.parent.name}/./{music.name}"


def home(folder: Path, music: Path) -> str:
    """``~`` is for shells; to us it is a folder's name."""
    return "~/music.flac"


def folder_named_tilde(folder: Path, music: Path) -> str:
    (music.parent / "~").mkdir(exist_ok=True)
    os.link(music, music.parent / "~" / "here.flac")
    return "~/here.flac"


def double_slashes(folder: Path, music: Path) -> str:
    return f"//{str(music.parent)[1:]}///.//{music.name}"


def trailing_slash(folder: Path, music: Path) -> str:
    return f"{music}/"


def trailing_space(folder: Path, music: Path) -> str:
    return f"{music} "


def address(folder: Path, music: Path) -> str:
    return music.as_uri()


def root(folder: Path, music: Path) -> str:
    return "/"


def folder_with_a_slash(folder: Path, music: Path) -> str:
    return f"{folder}/"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (link_to_music, "8A"),
        (relative_link, "8A"),
        (hard_link, "8A"),
        (chain_of_30_links, "8A"),
        (chain_of_50_links, "invalid_path"),
        (loop_of_two_links, "invalid_path"),
        (loop_of_folders, "8A"),
        (dangling_link, "file_not_found"),
        (link_to_a_folder, "not_a_file"),
        (link_to_a_fifo, "not_a_file"),
        (link_to_a_device, "not_a_file"),
        (parent_of_a_linked_folder, "8A"),
        (name_of_255_bytes, "8A"),
        (name_of_256_bytes, "invalid_path"),
        (name_that_is_not_utf_8, "8A"),
        (name_with_a_line_feed, "8A"),
        (name_without_anything_else, "8A"),
        (name_of_a_format_prefix, "8A"),
        (composed_and_decomposed, "8A"),
        (upper_and_lower_case, "8A"),
        (relative, "8A"),
        (relative_with_dots, "8A"),
        (home, "file_not_found"),
        (folder_named_tilde, "8A"),
        (double_slashes, "8A"),
        (trailing_slash, "file_not_found"),
        (trailing_space, "file_not_found"),
        (address, "file_not_found"),
        (root, "not_a_file"),
        (folder_with_a_slash, "not_a_file"),
    ],
)
def test_the_file_that_a_path_leads_to(
    server: ServerProcess, music: Path, tmp_path: Path, make: Make, code: str
) -> None:
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
        ("/proc/self/exe", ("unsupported_format", "too_short")),
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
