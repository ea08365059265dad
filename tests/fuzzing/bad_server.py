"""A server that speaks the protocol and breaks one of its promises, named on the command line."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

CHANGES = {
    "unknown code": {"code": "oh_dear"},
    "crash": {"code": "decoder_crashed"},
    "no such file": {"code": "file_not_found"},
    "no request": {"code": "bad_request"},
    "other id": {"id": "other"},
}
"""What is wrong in the reply, by the promise."""


def be_greedy(ready):
    """Hold 200 MiB in a child process, as a decoder may."""
    held = b"x" * (200 << 20)
    ready.set()
    time.sleep(60)
    return held


def say(message):
    print(json.dumps(message), flush=True)


def misbehave(promise, reply):
    """Break ``promise`` instead of, or before, sending the reply."""
    if promise == "silent":
        return
    if promise == "dies":
        os._exit(3)
    if promise == "not JSON":
        print("{'id': 1}", flush=True)
        return
    if promise == "twice":
        say(reply)
    if promise == "traceback":
        print("Traceback (most recent call last):\nValueError: 7", file=sys.stderr, flush=True)
    if promise == "leaves a file":
        Path(tempfile.gettempdir(), "left.tmp").touch()
    if promise == "greedy":
        ready = multiprocessing.Event()
        multiprocessing.Process(target=be_greedy, args=(ready,), daemon=True).start()
        ready.wait()
        time.sleep(0.5)
    say({**reply, **CHANGES.get(promise, {})})


def main(promise):
    say({"type": "ready"})
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            misbehave(promise, {"id": None, "status": "error", "code": "bad_request"})
        elif request.get("type") == "ping":
            say({"type": "pong", "id": request.get("id")})
        else:
            reply = {"id": request["id"], "status": "error", "code": "decode_failed"}
            misbehave(promise, reply)


if __name__ == "__main__":
    main(sys.argv[1])
