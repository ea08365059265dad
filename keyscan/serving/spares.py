"""Workers that wait for a file can be lent to one that another worker has begun."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from keyscan.serving.workers import Worker


@dataclass(frozen=True, eq=False)
class Loan:
    """A worker to be given back; at once when ``wanted_back`` is set."""

    worker: Worker
    wanted_back: threading.Event = field(default_factory=threading.Event)


class Spares:
    """Thread-safe: who has a worker offers it, and has it back before going on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._free: list[Worker] = []
        self._lent: dict[Worker, Loan] = {}

    @contextmanager
    def offered(self, worker: Worker) -> Iterator[None]:
        """Let the worker be lent while the block runs."""
        with self._changed:
            self._free.append(worker)
        try:
            yield
        finally:
            with self._changed:
                if (loan := self._lent.get(worker)) is not None:
                    loan.wanted_back.set()
                    worker.stop()
                    self._changed.wait_for(lambda: worker not in self._lent)
                self._free.remove(worker)

    def count(self) -> int:
        """How many could be lent now."""
        with self._changed:
            return sum(worker.alive for worker in self._free)

    def borrow(self) -> Loan | None:
        """A worker with a living process; None: there is none."""
        with self._changed:
            for worker in self._free:
                if worker.alive:
                    self._free.remove(worker)
                    self._lent[worker] = loan = Loan(worker)
                    return loan
        return None

    def give_back(self, loan: Loan) -> None:
        """To be called once for every loan."""
        with self._changed:
            del self._lent[loan.worker]
            self._free.append(loan.worker)
            self._changed.notify_all()
