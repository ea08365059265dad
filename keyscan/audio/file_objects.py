"""A binary file object becomes a file at a path, which the decoders may read in any order."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from keyscan.errors import EmptyFile, InvalidInput, ReadFailed

_BLOCK = 1 << 20


class BinaryFile(Protocol):
    """What ``open(path, "rb")``, ``io.BytesIO``, an upload or a reply over HTTP is."""

    def read(self, size: int, /) -> bytes: ...


@contextmanager
def copied(file: BinaryFile) -> Iterator[Path]:
    """A temporary copy of a file object, from its current position to its end.

    The object is read once, from front to back, so it need not be seekable. If it is, its position
    is afterwards what it was.

    Raises:
        InvalidInput: the object is in text mode, or its ``read`` gives no bytes.
        EmptyFile: there is nothing after the position.
        ReadFailed: reading it fails, or the copy cannot be written.
    """
    if isinstance(file, io.TextIOBase):
        raise InvalidInput("the file object is in text mode: open it in binary mode, 'rb'")
    position = _position(file)
    try:
        folder = tempfile.TemporaryDirectory(prefix="keyscan-")
    except OSError as error:
        raise _not_copied(error) from error
    with folder as name:
        path = Path(name, "file")
        try:
            _copy(file, path, position)
        finally:
            if position is not None:
                with contextlib.suppress(OSError, ValueError):
                    file.seek(position)  # type: ignore[attr-defined]
        yield path


def _copy(file: BinaryFile, path: Path, position: int | None) -> None:
    try:
        with path.open("wb") as copy:
            while block := _read(file):
                copy.write(block)
    except OSError as error:
        raise _not_copied(error) from error
    if not path.stat().st_size:
        where = f" after its position {position}: seek(0) goes to its start" if position else ""
        raise EmptyFile(f"there is nothing to read in the file object{where}")


def _read(file: BinaryFile) -> bytes | bytearray | memoryview:
    try:
        block: object = file.read(_BLOCK)
    except Exception as error:  # of any library
        raise ReadFailed(
            f"the file object could not be read: {str(error) or repr(error)}"
        ) from error
    if isinstance(block, str):
        raise InvalidInput("the file object is in text mode: open it in binary mode, 'rb'")
    if not isinstance(block, bytes | bytearray | memoryview):
        kind = type(block).__name__
        raise InvalidInput(f"the read() of the file object gives a {kind}, not bytes")
    return block


def _position(file: Any) -> int | None:
    """None if the object cannot go back."""
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None


def _not_copied(error: OSError) -> ReadFailed:
    folder = tempfile.gettempdir() if tempfile.tempdir else "the temporary folder"
    reason = error.strerror or os.strerror(error.errno or 0)
    return ReadFailed(f"the file object cannot be copied to {folder}: {reason}")
