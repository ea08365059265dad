"""Files and folders as a person names them become the files to analyse, each once."""

from __future__ import annotations

import glob
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keyscan.audio.formats import is_music
from keyscan.batch.playlists import is_playlist, read_playlist
from keyscan.batch.results import Failed, Skipped
from keyscan.errors import AnalysisError, PermissionDenied, ReadFailed
from keyscan.locations import meant_path

SYSTEM_FOLDERS = frozenset(
    {
        *("$recycle.bin", "system volume information"),  # Windows
        *(f"found.{number:03}" for number in range(1000)),  # its disk check
        *(".trashes", ".spotlight-v100", ".fseventsd", "__macosx", "network trash folder"),  # macOS
        *("temporary items", "thevolumesettingsfolder"),  # macOS, on servers
        *("@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot"),  # Synology
        *("@recycle", "@recently-snapshot"),  # QNAP
        "lost+found",  # Linux
    }
)
"""Names, in lower case, of folders that a system makes in others, and that hold no own files."""

_OLD_BINS = ("RECYCLER", "RECYCLED")  # of Windows; in other letters these are names of albums
_ON_WINDOWS = os.name == "nt"
_DIGITS = re.compile(r"(\d+)")


def find_files(
    paths: Sequence[str],
    *,
    recursive: bool,
    exclude: Sequence[str] = (),
    skipped: Counter[Skipped] | None = None,
    playlists: list[str] | None = None,
) -> Iterator[str | Failed]:
    """The paths of all files, in the order given, each file once; folders that cannot be read.

    A path that is neither a folder nor a playlist is passed on, even if there is nothing. A folder
    gives its files with an extension of music that are not hidden, in natural order (2 before 10),
    and then, if ``recursive``, those of its folders, but for those that belong to the system.
    Links are followed; a folder is searched once. A file that is below ``paths`` by its own name
    comes by that name, not by that of a link; files that only links lead to come last. A playlist
    gives its entries as if they were named.

    What matches a pattern of ``exclude`` is left out, also if it is named. A pattern is a name, or
    the end of a path, in upper or lower case and with the wildcards of a shell. ``skipped`` counts
    what is left out, ``playlists`` gets the paths of all there are.
    """
    named = [meant_path(path) for path in (_expanded(paths) if _ON_WINDOWS else paths)]
    walk = _Finder(
        named,
        recursive,
        [_folded(pattern) for pattern in exclude],
        Counter() if skipped is None else skipped,
        [] if playlists is None else playlists,
    )
    for path in named:
        yield from walk.named(path)
    yield from walk.linked()


class _Finder:
    """Remembers the real paths found so far: links lead to the same file again."""

    def __init__(
        self, roots: Sequence[str], recursive: bool, exclude: Sequence[str],
        skipped: Counter[Skipped], playlists: list[str],
    ) -> None:  # fmt: skip
        self._roots = {os.path.realpath(root) for root in roots}
        self._recursive = recursive
        self._exclude = exclude
        self._skipped = skipped
        self._playlists = playlists
        self._file_links: list[tuple[str, str]] = []  # to what may still come by its own name
        self._folder_links: list[tuple[str, str]] = []
        self._seen: set[str] = set()

    def named(self, path: str) -> Iterator[str | Failed]:
        waiting: list[str | Failed] = [path]
        while waiting:  # playlists may hold others
            item = waiting.pop()
            if isinstance(item, Failed):
                yield item
            elif self._is_excluded(item):
                self._skipped["excluded"] += 1
            elif os.path.isdir(item):  # noqa: PTH112 - pathlib changes some names
                yield from self.folder(item)
            elif not self.is_new(os.path.realpath(item)):
                self._skipped["repeated"] += 1
            elif is_playlist(item):
                self._playlists.append(item)
                try:
                    entries = read_playlist(item)
                except AnalysisError as error:
                    entries = [Failed(item, error)]
                if entries is None:
                    yield item
                else:
                    waiting += reversed(entries)
            else:
                yield item

    def folder(self, path: str) -> Iterator[str | Failed]:
        waiting = [(path, os.path.realpath(path))]
        while waiting:  # no recursion: folders can be nested more deeply than Python's stack
            path, real = waiting.pop()
            if not self.is_new(real):
                continue
            try:
                entries = self._wanted(path)
            except PermissionError:
                yield Failed(path, PermissionDenied("the folder may not be read by this user"))
                continue
            except OSError as error:
                yield Failed(path, ReadFailed(f"the folder cannot be read: {error.strerror}"))
                continue
            inner: list[tuple[str, str]] = []
            own = {_inside(real, entry) for entry in entries if not entry.is_symlink()}
            for entry in entries:
                target, later = _inside(real, entry), False
                if entry.is_symlink():
                    target = os.path.realpath(target)
                    if target in own:  # it comes by its own name
                        continue
                    later = self._is_below_a_root(target)
                if _is_folder(entry):
                    links = self._folder_links if later and self._recursive else inner
                    links.append((entry.path, target))
                elif not is_music(entry.name):
                    self._skipped["other_files"] += 1
                elif later:
                    self._file_links.append((entry.path, target))
                elif self.is_new(target):
                    yield entry.path
                else:
                    self._skipped["repeated"] += 1
            if self._recursive:
                waiting += reversed(inner)
            else:
                self._skipped["subfolders"] += len(inner)

    def linked(self) -> Iterator[str | Failed]:
        """The files that only links lead to: their own names are hidden, excluded or no music's."""
        self._roots.clear()  # no link waits any longer
        for path, target in self._file_links:
            if self.is_new(target):
                yield path
            else:
                self._skipped["repeated"] += 1
        for path, _ in self._folder_links:
            yield from self.folder(path)

    def _wanted(self, folder: str) -> list[os.DirEntry[str]]:
        """In natural order, without what is hidden, such as the ``._name`` that macOS writes."""
        wanted = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_of_system(entry.name) and _is_folder(entry):
                    self._skipped["system_folders"] += 1
                elif _is_hidden(entry):
                    self._skipped["hidden"] += 1
                elif self._is_excluded(entry.path):
                    self._skipped["excluded"] += 1
                else:
                    wanted.append(entry)
        return sorted(wanted, key=lambda entry: natural(entry.name))

    def is_new(self, real: str) -> bool:
        name = os.path.normcase(real)
        new = name not in self._seen
        self._seen.add(name)
        return new

    def _is_below_a_root(self, real: str) -> bool:
        folders = map(str, (PurePath(real), *PurePath(real).parents))
        return not self._roots.isdisjoint(folders)

    def _is_excluded(self, path: str) -> bool:
        if not self._exclude:
            return False
        place = PurePath(_folded(os.path.abspath(path)))  # noqa: PTH100
        return any(map(place.match, self._exclude))


def natural(name: str) -> tuple[list[str | int], str]:
    """The sort key of natural order: ``2.mp3`` before ``10.mp3``, ``a`` beside ``A``."""
    parts = _DIGITS.split(name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _folded(path: str) -> str:
    """The same for names that differ in case, or in how Unicode composes their letters."""
    return unicodedata.normalize("NFC", path).casefold()


def _inside(folder: str, entry: os.DirEntry[str]) -> str:
    return os.path.join(folder, entry.name)  # noqa: PTH118 - a name, byte by byte


def _is_of_system(name: str) -> bool:
    return name in _OLD_BINS or name.casefold() in SYSTEM_FOLDERS


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if not _ON_WINDOWS:
        return False
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & stat.FILE_ATTRIBUTE_HIDDEN)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _expanded(paths: Sequence[str]) -> Iterator[str]:
    """Expand ``*.mp3``, which Windows leaves to the program, as the shells of other systems do."""
    for path in paths:
        matches = [] if os.path.lexists(path) else glob.glob(path)  # noqa: PTH207
        yield from sorted(matches, key=natural) or [path]
