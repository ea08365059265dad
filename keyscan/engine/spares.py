"""Workers that wait for a file can be lent to one that another worker has begun."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from keyscan.engine.worker import Worker


@dataclass(frozen=True, eq=False)
class Loan:
    """A worker to be given back; at once when ``wanted_back`` is set."""

    worker: Worker
    wanted_back: threading.Event = field(default_factory=threading.Event)


class Spares:
    """Thread-safe: who has a worker offers it, and has it back before going on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._offered: list[Worker] = []
        self._lent: dict[Worker, Loan] = {}

    @contextmanager
    def offered(self, worker: Worker) -> Iterator[None]:
        """Let the worker be lent while the block runs."""
        with self._changed:
            self._offered.append(worker)
        try:
            yield
        finally:
            with self._changed:
                self._offered.remove(worker)
                if (loan := self._lent.get(worker)) is not None:
                    self.recall(loan)
                    self._changed.wait_for(lambda: worker not in self._lent)

    def count(self) -> int:
        """How many could be lent now."""
        with self._changed:
            return sum(map(self._is_free, self._offered))

    def borrow(self) -> Loan | None:
        """A worker with a living process; None: there is none."""
        with self._changed:
            for worker in filter(self._is_free, self._offered):
                self._lent[worker] = loan = Loan(worker)
                return loan
        return None

    def recall(self, loan: Loan) -> None:
        """Have a worker given back soon, if it is not back already."""
        with self._changed:
            if self._lent.get(loan.worker) is loan:  # else the worker has a file of its own
                loan.wanted_back.set()
                loan.worker.stop()

    def give_back(self, loan: Loan) -> None:
        """To be called once for every loan."""
        with self._changed:
            del self._lent[loan.worker]
            self._changed.notify_all()

    def _is_free(self, worker: Worker) -> bool:
        return worker not in self._lent and worker.alive
