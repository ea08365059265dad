"""The messages of the line protocol: bytes to requests, replies to bytes. No I/O.

A request is a JSON object on a line of its own, in UTF-8: ``{"id": 1, "path": "/music/a.mp3"}``,
with ``"timeline": true`` for the key over time, ``"stream": 1`` for the second audio stream of the
file, ``"effort": "adaptive"`` for the key of a few parts of it as long as these leave no doubt, and
``"priority": true`` for a file that goes before all that wait; ``{"type": "reset"}`` to
forget all files asked for so far; ``{"type": "cancel", "id": 1}`` to forget one;
``{"type": "ping"}`` for a ``pong``. ``keyscan.server.schema`` describes every message.

Every request for a file gets exactly one success or error reply, or, after a reset, none. Every
other line gets a reply too: a line that is not a request an error with the code ``bad_request``.
Blank lines are ignored.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, get_args

from keyscan.analysis import Analysis, Message, failure_fields, success_fields
from keyscan.errors import AnalysisError, BadRequest
from keyscan.keys import KeyStyle
from keyscan.locations import written_path
from keyscan.options import Effort

PROTOCOL_VERSION = 2
FEATURES = ("cancel", "effort", "ping", "priority", "reset", "stream", "timeline")
"""What a request may be or ask for beyond a path: ``ready`` lists them."""
MAX_LINE_BYTES = 1 << 20

RequestId = str | int | float


@dataclass(frozen=True, slots=True)
class Analyze:
    """A request for a file.

    ``timeline``: the key over time is wanted as well. ``stream``: an audio stream's number.
    ``priority``: the file goes before all that wait. ``effort``: None: that of the server.
    """

    id: RequestId
    path: str
    timeline: bool = False
    stream: int | None = None
    priority: bool = False
    effort: Effort | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    pass


@dataclass(frozen=True, slots=True)
class Cancel:
    id: RequestId


@dataclass(frozen=True, slots=True)
class Ping:
    id: RequestId | None


Request = Analyze | Reset | Cancel | Ping


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line of more than ``MAX_LINE_BYTES``; only its length is kept."""

    length: int


def parse(line: bytes | OversizedLine) -> Request:
    """Read one line.

    Raises:
        BadRequest: the line is too long, not UTF-8, not a JSON object, or not a request we know.
    """
    if isinstance(line, OversizedLine):
        raise BadRequest(f"a line of {line.length} bytes is too long: {MAX_LINE_BYTES} at most")
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadRequest(f"not UTF-8: byte {error.start} of the line") from None
    except RecursionError:
        raise BadRequest("not JSON: nested too deeply") from None
    except ValueError as error:
        raise BadRequest(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("not a JSON object")
    return _request(value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _request(value: dict[str, Any]) -> Request:
    kind = value.get("type")
    request_id = value.get("id")
    known_id = request_id if _is_id(request_id) else None
    if kind == "reset":
        return Reset()
    if kind == "ping":
        return Ping(known_id)
    if kind not in (None, "cancel"):
        raise BadRequest(f"unknown type: {_shown(kind)}", known_id)
    if "id" not in value:
        raise BadRequest('"id" is missing')
    if known_id is None:
        raise BadRequest(f'"id" must be a string or a number, not {_shown(request_id)}')
    if kind == "cancel":
        return Cancel(known_id)
    path = value.get("path")
    if not isinstance(path, str) or not path:
        what = '"path" is missing' if "path" not in value else '"path" must be a non-empty string'
        raise BadRequest(what, known_id)
    timeline, priority = (_flag(value, name, known_id) for name in ("timeline", "priority"))
    stream, effort = _stream(value, known_id), _effort(value, known_id)
    return Analyze(known_id, path, timeline, stream, priority, effort)


def _flag(value: dict[str, Any], name: str, known_id: RequestId) -> bool:
    flag = value.get(name, False)
    if not isinstance(flag, bool):
        raise BadRequest(f'"{name}" must be true or false, not {_shown(flag)}', known_id)
    return flag


def _stream(value: dict[str, Any], known_id: RequestId) -> int | None:
    stream = value.get("stream")
    if stream is None:  # as clients write a field that is not set
        return None
    if isinstance(stream, bool) or not isinstance(stream, int) or stream < 0:
        text = f'"stream" must be a whole number from 0 on, not {_shown(stream)}'
        raise BadRequest(text, known_id)
    return stream


def _effort(value: dict[str, Any], known_id: RequestId) -> Effort | None:
    effort = value.get("effort")
    if effort is not None and effort not in get_args(Effort):
        text = f'"effort" must be "full" or "adaptive", not {_shown(effort)}'
        raise BadRequest(text, known_id)
    return effort


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _shown(value: object) -> str:
    """A value for an error message; the contents of lists and objects may be nested too deeply."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def encode(message: Message) -> bytes:
    """One line of UTF-8; what UTF-8 cannot hold (half a surrogate pair) is escaped.

    So are U+2028 and U+2029, at which some clients' line readers split (Node's readline).
    """
    text = json.dumps(message, ensure_ascii=False) + "\n"
    try:
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(message) + "\n").encode("ascii")


def success(request: Analyze, generation: int, analysis: Analysis, style: KeyStyle) -> Message:
    """The key of a file, with the key over time if ``request`` asks for it."""
    fields = success_fields(analysis, style, timeline=request.timeline)
    return {"id": request.id, **fields, "generation": generation}


def failure(request: Analyze, generation: int, error: AnalysisError) -> Message:
    """Why a file has no key."""
    fields = failure_fields(written_path(request.path), error)
    return {"id": request.id, **fields, "generation": generation}


def rejection(error: BadRequest, generation: int) -> Message:
    """The answer to a line that is not a request; ``id`` is null where it could not be read."""
    return {
        "id": error.id,
        "status": "error",
        "code": error.code,
        "error": str(error),
        "filename": None,
        "warnings": [],
        "generation": generation,
    }
