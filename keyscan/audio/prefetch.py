"""Items made by a thread of their own while the caller works on those before them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """The items of an iterator, up to ``depth`` of them before they are asked for.

    What the iterator raises is raised here, behind the items that came before it.
    """

    def __init__(self, items: Iterator[Item], depth: int) -> None:
        self._items = items
        self._made: SimpleQueue[Item | _End] = SimpleQueue()
        self._free = threading.Semaphore(depth)
        self._closed = False
        self._thread = threading.Thread(target=self._make, name="ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        while True:
            item = self._made.get()
            self._free.release()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def close(self) -> None:
        """Return when the thread does nothing any more, which takes one item at most."""
        self._closed = True
        self._free.release()
        self._thread.join()

    def _make(self) -> None:
        try:
            while True:
                self._free.acquire()
                if self._closed:
                    return
                self._made.put(next(self._items))
        except StopIteration:
            self._made.put(_End(None))
        except BaseException as error:
            self._made.put(_End(error))


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
