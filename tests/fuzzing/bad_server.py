"""A server that speaks the protocol and breaks one of its promises, named on the command line."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path


def be_greedy(ready):
    """Hold 200 MiB in a child process, as a decoder may."""
    held = b"x" * (200 << 20)
    ready.set()
    time.sleep(60)
    return held


def say(message):
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


def misbehave(promise, reply):
    """Break ``promise`` instead of, or before, sending the reply."""
    if promise == "silent":
        return
    if promise == "dies":
        os._exit(3)
    if promise == "not JSON":
        sys.stdout.write("{'id': 1}\n")
        sys.stdout.flush()
        return
    if promise == "twice":
        say(reply)
    if promise == "unknown code":
        reply["code"] = "oh_dear"
    if promise == "crash":
        reply["code"] = "decoder_crashed"
    if promise == "no such file":
        reply["code"] = "file_not_found"
    if promise == "no request":
        reply["code"] = "bad_request"
    if promise == "other id":
        reply["id"] = "other"
    if promise == "traceback":
        sys.stderr.write("Traceback (most recent call last):\nValueError: 7\n")
        sys.stderr.flush()
    if promise == "leaves a file":
        Path(tempfile.gettempdir(), "left.tmp").touch()
    if promise == "greedy":
        ready = multiprocessing.Event()
        multiprocessing.Process(target=be_greedy, args=(ready,), daemon=True).start()
        ready.wait()
        time.sleep(0.5)
    say(reply)


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
