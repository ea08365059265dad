"""Exactly one reply, nothing stale: the state machine alone, with a list for a writer."""

from __future__ import annotations

import threading

import pytest

from keyscan.server.protocol import Analyze, Cancel, Ping
from keyscan.server.scheduler import Scheduler


@pytest.fixture
def sent():
    return []


@pytest.fixture
def scheduler(sent):
    return Scheduler(sent.append)


def submit(scheduler, *ids):
    for request_id in ids:
        scheduler.submit(Analyze(request_id, f"/{request_id}.mp3"))


def finish(scheduler, job):
    scheduler.finish(job, {"id": job.request.id, "status": "success"})


def test_jobs_come_in_the_order_of_the_requests_and_are_answered_once(scheduler, sent):
    submit(scheduler, "a", "b", "c")
    jobs = [scheduler.next_job() for _ in range(3)]
    assert [job.request.id for job in jobs] == ["a", "b", "c"]
    for job in reversed(jobs):
        finish(scheduler, job)
    assert [message["id"] for message in sent] == ["c", "b", "a"]


def test_reset_forgets_queued_and_running_and_tells_when_idle(scheduler, sent):
    submit(scheduler, "running", "queued")
    job = scheduler.next_job()
    scheduler.reset()
    assert sent == [{"type": "reset_complete", "generation": 1}]
    assert job.cancelled.is_set()
    finish(scheduler, job)
    assert sent[1:] == [{"type": "reset_idle", "generation": 1}]


def test_reset_when_nothing_runs_is_idle_at_once(scheduler, sent):
    scheduler.reset()
    assert [message["type"] for message in sent] == ["reset_complete", "reset_idle"]


def test_work_of_the_new_generation_does_not_delay_reset_idle(scheduler, sent):
    submit(scheduler, "old")
    old = scheduler.next_job()
    scheduler.reset()
    submit(scheduler, "new")
    new = scheduler.next_job()
    finish(scheduler, old)
    assert sent[-1] == {"type": "reset_idle", "generation": 1}
    finish(scheduler, new)
    assert sent[-1]["id"] == "new"


def test_resets_in_a_row_each_get_their_two_messages_in_order(scheduler, sent):
    submit(scheduler, "a")
    first = scheduler.next_job()
    scheduler.reset()
    submit(scheduler, "b")
    second = scheduler.next_job()
    scheduler.reset()
    finish(scheduler, first)
    finish(scheduler, second)
    assert [(message["type"], message["generation"]) for message in sent] == [
        ("reset_complete", 1),
        ("reset_complete", 2),
        ("reset_idle", 1),
        ("reset_idle", 2),
    ]


def test_an_id_may_be_used_again_after_a_reset_while_its_old_job_still_runs(scheduler, sent):
    submit(scheduler, "a")
    old = scheduler.next_job()
    scheduler.reset()
    submit(scheduler, "a")
    new = scheduler.next_job()
    finish(scheduler, old)
    finish(scheduler, new)
    assert [message for message in sent if message.get("id") == "a"] == [
        {"id": "a", "status": "success"}
    ]


def test_cancel_answers_a_queued_request(scheduler, sent):
    submit(scheduler, "a", "b")
    scheduler.cancel(Cancel("a"))
    assert [(m.get("id"), m.get("code")) for m in sent] == [("a", "cancelled"), ("a", None)]
    assert sent[1]["type"] == "cancel_complete"
    assert sent[1]["cancelled"] is True
    assert scheduler.next_job().request.id == "b"


def test_cancel_answers_a_running_request_and_drops_its_result(scheduler, sent):
    submit(scheduler, "a")
    job = scheduler.next_job()
    scheduler.cancel(Cancel("a"))
    assert job.cancelled.is_set()
    finish(scheduler, job)
    assert [m["code"] for m in sent if m.get("status")] == ["cancelled"]


def test_cancel_of_what_is_not_there_says_so(scheduler, sent):
    scheduler.cancel(Cancel("ghost"))
    assert sent == [{"type": "cancel_complete", "id": "ghost", "cancelled": False, "generation": 0}]


def test_an_id_that_still_waits_is_refused_and_the_first_is_answered(scheduler, sent):
    submit(scheduler, 1, 1, 1.0, "1")
    assert [(m["id"], m["code"]) for m in sent] == [(1, "duplicate_id")]
    jobs = [scheduler.next_job() for _ in range(3)]
    assert [repr(job.request.id) for job in jobs] == ["1", "1.0", "'1'"]
    finish(scheduler, jobs[0])
    submit(scheduler, 1)
    assert sent[-1] == {"id": 1, "status": "success"}


def test_pong_counts(scheduler, sent):
    submit(scheduler, "a", "b", "c")
    scheduler.next_job()
    scheduler.ping(Ping("p"))
    assert sent == [{"type": "pong", "id": "p", "queued": 2, "running": 1, "generation": 0}]


def test_close_ends_workers_at_once_and_the_wait_when_all_is_done(scheduler):
    submit(scheduler, "a")
    scheduler.close()
    job = scheduler.next_job()
    assert job is not None
    assert scheduler.next_job() is None
    waiting = threading.Thread(target=scheduler.wait_until_done, daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    finish(scheduler, job)
    waiting.join(30)
    assert not waiting.is_alive()


def test_submit_tells_when_no_worker_is_free(scheduler):
    assert scheduler.submit(Analyze("a", "a")) is True
    taken = []
    thread = threading.Thread(target=lambda: [taken.append(scheduler.next_job()) for _ in "ab"])
    thread.start()
    while scheduler._waiting_workers == 0:
        thread.join(0.01)
    assert scheduler.submit(Analyze("b", "b")) is False
    thread.join(30)
    assert [job.request.id for job in taken] == ["a", "b"]
