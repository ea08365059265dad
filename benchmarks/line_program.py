"""A program that answers each path with a key, kept running as an app keeps our server.

Standard library only, and Python 3.8: what runs here may need a Python of its own.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Dict  # noqa: UP035 - as Python 3.8 has them


def serve(analyse: Callable[[str], str], **about: Any) -> None:
    """Say ``ready`` and ``about`` itself, then answer every line of stdin.

    ``analyse`` gives the key of the file at a path. Lines are paths, or ``{"id", "path"}`` as our
    server takes them; replies are ``{"id", "status": "success", "key"}`` or, where ``analyse``
    raised anything, ``{"id", "status": "error", "error"}``.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    _say(replies, {"type": "ready", **about})
    for line in sys.stdin:
        text = line.strip()
        request = json.loads(text) if text.startswith("{") else {"id": text, "path": text}
        reply: Dict[str, Any] = {"id": request["id"]}  # noqa: UP006
        try:
            reply.update(status="success", key=analyse(request["path"]))
        except Exception as error:  # a peer may raise whatever it likes
            reply.update(status="error", error=f"{type(error).__name__}: {error}")
        _say(replies, reply)


def _say(stream: Any, message: Dict[str, Any]) -> None:  # noqa: UP006
    stream.write(json.dumps(message) + "\n")
    stream.flush()
