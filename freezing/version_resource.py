"""The version resource of the exe on Windows, in PyInstaller's format."""

from __future__ import annotations

from pathlib import Path

from keyscan import __version__

_TEXT = """\
VSVersionInfo(
    ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}),
    kids=[
        StringFileInfo([StringTable("040904B0", [
            StringStruct("FileDescription", "Musical keys for DJ applications"),
            StringStruct("FileVersion", "{version}"),
            StringStruct("InternalName", "{name}"),
            StringStruct("OriginalFilename", "{name}.exe"),
            StringStruct("ProductName", "OpenKeyScan analyzer"),
            StringStruct("ProductVersion", "{version}"),
        ])]),
        VarFileInfo([VarStruct("Translation", [0x0409, 1200])]),
    ],
)
"""


def write(folder: Path, name: str) -> str:
    """Write the text from which PyInstaller makes the resource; returns its path."""
    numbers = tuple(int(part) for part in __version__.split("."))
    padded = (*numbers, *(0,) * (4 - len(numbers)))
    path = folder / "version.txt"
    path.write_text(_TEXT.format(numbers=padded, version=__version__, name=name), encoding="utf-8")
    return str(path)
