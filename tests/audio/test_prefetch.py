"""Items made ahead come in order, stop with who asks for them, and fail where they would."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from keyscan.audio.prefetch import Ahead

PATIENCE = 30.0  # seconds


def test_items_come_in_order() -> None:
    ahead = Ahead(iter(range(1000)), depth=3)
    assert list(ahead) == list(range(1000))
    ahead.close()


def test_no_more_are_made_than_asked_for_and_the_depth() -> None:
    made, enough = [], threading.Event()

    def items() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            if item == 2:
                enough.set()
            yield item

    ahead = Ahead(items(), depth=3)
    assert next(iter(ahead)) == 0
    assert enough.wait(PATIENCE)
    ahead.close()
    assert made in ([0, 1, 2], [0, 1, 2, 3])


def test_an_error_comes_behind_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise MemoryError("too much")

    ahead = Ahead(items(), depth=3)
    taken = iter(ahead)
    assert next(taken) == 1
    with pytest.raises(MemoryError, match="too much"):
        next(taken)
    ahead.close()


def test_closing_waits_for_the_item_in_the_making() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        begun.set()
        assert go_on.wait(PATIENCE)
        ended.set()
        yield 1

    ahead = Ahead(items(), depth=3)
    assert begun.wait(PATIENCE)
    threading.Timer(0.1, go_on.set).start()
    ahead.close()
    assert ended.is_set()
