"""A program that replies to each path with a key and stays running, as our server does.

Standard library and Python 3.8 only, because a peer may need an older Python.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Dict  # noqa: UP035 - as Python 3.8 has them


def serve(analyse: Callable[[str], str], **about: Any) -> None:
    """Write ``ready`` with the fields ``about``, then reply to every line of stdin.

    ``analyse`` returns the key of the file at a path. Lines are paths or requests of our server's
    protocol. Replies are ``{"id", "status": "success", "key"}`` or, if ``analyse`` raises,
    ``{"id", "status": "error", "code", "error"}``.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keeps output of libraries out of the replies
    _say(replies, {"type": "ready", **about})
    for line in sys.stdin:
        text = line.strip()
        request = json.loads(text) if text.startswith("{") else {"id": text, "path": text}
        reply: Dict[str, Any] = {"id": request["id"]}  # noqa: UP006
        try:
            reply.update(status="success", key=analyse(request["path"]))
        except Exception as error:  # a peer may raise anything
            reply.update(
                status="error", code="internal_error", error=f"{type(error).__name__}: {error}"
            )
        _say(replies, reply)


def _say(stream: Any, message: Dict[str, Any]) -> None:  # noqa: UP006
    stream.write(json.dumps(message) + "\n")
    stream.flush()
