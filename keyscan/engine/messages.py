"""What the engine and its worker processes tell each other, and how it crosses their pipe."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy, whose import may fail
    from keyscan.spectrogram.constant_q import Features

_PART_BYTES = 1 << 22


@dataclass(frozen=True)
class Started:
    """The worker has warmed up; sent once."""

    import_seconds: float
    warm_up_seconds: float


@dataclass(frozen=True)
class Work:
    """Analyse the file at ``path``.

    ``settings``: what a cached answer must have been made with, the best first; none: the cache is
    not asked. ``in_parts``: stretches of the track will do, if it can be decoded in parts, or, with
    the features of these ``stretches``, the whole is wanted.
    ``spectrogram``: the spectrogram is wanted even if the answer is cached. ``stream``: the number
    of the audio stream to decode; None: any. ``mean_only``: the mean of the channels is wanted even
    where they cancel each other.
    """

    path: str
    settings: tuple[bytes, ...] = ()
    spectrogram: bool = False
    stream: int | None = None
    mean_only: bool = False
    in_parts: bool = False
    stretches: Features | None = None


@dataclass(frozen=True)
class Accepted:
    """The file is being worked on: if the process dies from now on, the file is to blame."""


@dataclass(frozen=True)
class Opened:
    """The file is open, and probably holds ``seconds`` of sound."""

    seconds: float


@dataclass(frozen=True)
class Stop:
    """The file that is being worked on is no longer wanted."""


def send(connection: Connection, message: object) -> None:
    """Write a message; arrays in it are not copied (pickle protocol 5, PEP 574).

    Raises:
        OSError: the other side is gone.
    """
    arrays: list[pickle.PickleBuffer] = []
    text = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    sizes = struct.pack(f"<I{len(views)}Q", len(views), *(view.nbytes for view in views))
    connection.send_bytes(sizes + text)  # Connection.send would pickle it all once more
    for view in views:
        for part in _parts(view):
            connection.send_bytes(part)


def receive(connection: Connection) -> Any:
    """Read what ``send`` wrote.

    Raises:
        EOFError, OSError: the other side is gone.
    """
    data = memoryview(connection.recv_bytes())
    (count,) = struct.unpack_from("<I", data)
    sizes = struct.unpack_from(f"<{count}Q", data, 4)
    arrays = [bytearray(size) for size in sizes]
    for array in arrays:
        for part in _parts(memoryview(array)):
            connection.recv_bytes_into(part)
    return pickle.loads(data[4 + 8 * count :], buffers=arrays)


def _parts(array: memoryview) -> Iterator[memoryview]:
    """``recv_bytes_into`` holds twice what it reads, so a large array crosses in parts."""
    for first in range(0, array.nbytes, _PART_BYTES):
        yield array[first : first + _PART_BYTES]
