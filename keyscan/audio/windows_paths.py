r"""Paths as Windows takes them literally and at any length: absolute, behind ``\\?\``.

Sources: "Naming Files, Paths, and Namespaces", "Maximum Path Length Limitation" and "File path
formats on Windows systems" in Microsoft's documentation.
"""

from __future__ import annotations

import ntpath
import re

from keyscan.errors import NotAFile

_LITERAL, _DEVICES = "\\\\?\\", "\\\\.\\"
_DISK = re.compile(r"\\\\[?.]\\(?:[a-z]:\\|UNC\\|Volume\{|GLOBALROOT\\Device\\Harddisk)", re.I)


def literal_path(path: str) -> str:
    r"""``path`` behind the prefix that switches off the limit of 260 characters.

    It also switches off what Windows reads into names: behind it ``aux.mp3``, ``a.mp3.`` and
    ``a.mp3 `` are the files that a Mac may have put on the disk. Node opens every path like this,
    so that an app and we see the same files. Slashes, ``.`` and ``..`` are resolved as Windows
    would; a path that is relative, to a drive's folder (``C:a.mp3``) or to a drive (``\a.mp3``)
    too, is made absolute by Windows, which knows its devices (``NUL``, ``COM1.mp3``).

    Raises:
        NotAFile: the path names a device, which is not to be touched: a Bluetooth modem's port
            takes half a minute to open.
        ValueError: the path holds a NUL, where normpath may cut it off.
    """
    if "\0" in path:
        raise ValueError("embedded null character")
    if not path.startswith(_LITERAL):
        is_whole = ntpath.splitdrive(path)[0] and ntpath.isabs(path)
        path = ntpath.normpath(path) if is_whole else ntpath.abspath(path)
    if not path.startswith((_LITERAL, _DEVICES)):
        return _LITERAL + ("UNC" + path[1:] if path.startswith("\\\\") else path)
    if not _DISK.match(path):
        raise NotAFile("the path is a device, not a file")
    return _LITERAL + path[len(_LITERAL) :]
