"""The state of the protocol: which request is next, which reply may still be sent. No I/O.

Every request is answered once, or never if a reset came first. The lock makes that true: the step
that decides that a reply is not stale also hands it to ``emit``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from keyscan.analysis import Message
from keyscan.engine.task import Task
from keyscan.errors import Cancelled, DuplicateId
from keyscan.options import Effort
from keyscan.server.protocol import Analyze, Cancel, Ping, RequestId, failure

Emit = Callable[[Message], None]
_Key = RequestId | tuple[type, RequestId]


@dataclass(eq=False, kw_only=True)
class Job(Task):
    """A request that a worker has; ``cancelled`` is set when its answer is no longer wanted."""

    request: Analyze
    generation: int


class Scheduler:
    """Thread-safe: requests come from the reading thread, results from the working ones."""

    def __init__(self, emit: Emit, effort: Effort = "full") -> None:
        """``emit`` queues a message; it is called with the lock held and must not block.

        ``effort``: of requests that name none.
        """
        self._emit, self._effort = emit, effort
        self._changed = threading.Condition()
        self._generation = 0
        # a queue that cancels in O(1); it can be long, so nothing but the request is kept
        self._queued: OrderedDict[_Key, Analyze] = OrderedDict()
        self._wanted: dict[_Key, Job] = {}  # what runs and is not answered yet
        self._running: set[Job] = set()  # that, and what was cancelled and has not ended
        self._not_yet_idle: deque[int] = deque()
        self._waiting_workers = 0
        self._closed = False

    @property
    def generation(self) -> int:
        return self._generation

    def submit(self, request: Analyze) -> bool:
        """Queue a request, one with priority as the first; true if no waiting worker takes it."""
        key = _key(request.id)
        with self._changed:
            if key in self._queued or key in self._wanted:
                text = f"a request with id {request.id!r} is still waiting for its answer"
                self._emit(failure(request, self._generation, DuplicateId(text)))
                return False
            self._queued[key] = request
            if request.priority:
                self._queued.move_to_end(key, last=False)
            self._changed.notify_all()
            return len(self._queued) > self._waiting_workers

    def reset(self) -> None:
        """Forget every request so far: no reply to any of them follows ``reset_complete``."""
        with self._changed:
            for job in self._wanted.values():
                job.cancelled.set()
            self._wanted.clear()
            self._queued.clear()
            self._generation += 1
            self._not_yet_idle.append(self._generation)
            self._emit({"type": "reset_complete", "generation": self._generation})
            self._emit_idle()
            self._changed.notify_all()

    def cancel(self, request: Cancel) -> None:
        """Answer one request with ``cancelled``, if it is not answered yet."""
        key = _key(request.id)
        with self._changed:
            cancelled = self._queued.pop(key, None)
            if (job := self._wanted.pop(key, None)) is not None:
                job.cancelled.set()
                cancelled = job.request
            if cancelled is not None:
                self._emit(failure(cancelled, self._generation, Cancelled()))
            self._emit(
                {
                    "type": "cancel_complete",
                    "id": request.id,
                    "cancelled": cancelled is not None,
                    "generation": self._generation,
                }
            )
            self._changed.notify_all()

    def ping(self, request: Ping) -> None:
        """Tell how much is waiting and how much is being worked on."""
        with self._changed:
            self._emit(
                {
                    "type": "pong",
                    "id": request.id,
                    "queued": len(self._queued),
                    "running": len(self._running),
                    "generation": self._generation,
                }
            )

    def close(self) -> None:
        """No request follows: ``next_job`` ends when the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def next_job(self) -> Job | None:
        """Wait for a job; None: there will be no other."""
        with self._changed:
            self._waiting_workers += 1
            try:
                while not self._queued and not self._closed:
                    self._changed.wait()
            finally:
                self._waiting_workers -= 1
            if not self._queued:
                return None
            key, request = self._queued.popitem(last=False)
            job = Job(
                path=request.path,
                timeline=request.timeline,
                stream=request.stream,
                effort=request.effort or self._effort,
                request=request,
                generation=self._generation,
            )
            self._wanted[key] = job
            self._running.add(job)
            return job

    def finish(self, job: Job, reply: Message) -> None:
        """A running job ends; its reply is dropped if it is no longer wanted."""
        with self._changed:
            self._running.discard(job)
            if not job.cancelled.is_set():
                del self._wanted[_key(job.request.id)]
                self._emit(reply)
            self._emit_idle()
            self._changed.notify_all()

    def wait_until_done(self) -> None:
        """Wait until the input is closed and every request is answered or forgotten."""
        with self._changed:
            while not self._closed or self._queued or self._running:
                self._changed.wait()

    def _emit_idle(self) -> None:
        oldest = min((job.generation for job in self._running), default=self._generation)
        while self._not_yet_idle and self._not_yet_idle[0] <= oldest:
            self._emit({"type": "reset_idle", "generation": self._not_yet_idle.popleft()})


def _key(request_id: RequestId) -> _Key:
    """1 and 1.0 are equal in Python, but not to a client that wrote them."""
    return (float, request_id) if isinstance(request_id, float) else request_id
