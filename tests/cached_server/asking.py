"""Ask a server with a cache."""

from __future__ import annotations

from tests.server_process import request


def answer(server, path, **fields):
    """The reply without what differs between two replies to the same question."""
    reply = server.ask({**request(1, path), **fields})
    assert (reply["id"], reply["status"]) == (1, "success"), reply
    return {name: value for name, value in reply.items() if name not in ("cached", "filename")}


def cached(server, path, **fields):
    return server.ask({**request(1, path), **fields})["cached"]


def end(server, stderr=b""):
    assert server.finish() == []
    assert (server.process.returncode, server.stderr) == (0, stderr)
