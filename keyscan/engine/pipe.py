"""Messages with large arrays over a pipe, without the copies that pickling them would make."""

from __future__ import annotations

import pickle
import struct
from multiprocessing.connection import Connection
from typing import Any


def send(connection: Connection, message: object) -> None:
    """Write a message; arrays in it go out of band (PEP 574).

    Raises:
        OSError: the other side is gone.
    """
    arrays: list[pickle.PickleBuffer] = []
    text = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    sizes = struct.pack(f"<I{len(views)}Q", len(views), *(view.nbytes for view in views))
    connection.send_bytes(sizes + text)  # Connection.send would pickle it all once more
    for view in views:
        connection.send_bytes(view)


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
        connection.recv_bytes_into(array)
    return pickle.loads(data[4 + 8 * count :], buffers=arrays)
