"""Messages of the line protocol against its schema: those that the tests send and those they get.

The schema allows unknown fields; here they are wrong, so that every field is described in it.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator

from keyscan.errors import BadRequest
from keyscan.server.protocol import MAX_LINE_BYTES, Ping, parse
from keyscan.server.schema import protocol_schema

Message = dict[str, Any]
SCHEMA = protocol_schema()
STRICT = copy.deepcopy(SCHEMA)
for _part in STRICT["$defs"].values():
    if _part.get("type") == "object":
        _part["unevaluatedProperties"] = False
_STATUS = {"success": "success", "error": "failure"}


def validator(name: str, schema: Message = STRICT) -> Draft202012Validator:
    """Of the part of the schema with a name."""
    part = {"$schema": schema["$schema"], "$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
    return Draft202012Validator(part)


_VALIDATORS = {name: validator(name) for name in STRICT["$defs"]}
_REQUEST = validator("request", SCHEMA)


def check_reply(message: Message) -> Message:
    """A message from the server; an AssertionError tells what the schema does not allow."""
    kind = str(message["type"] if "type" in message else _STATUS.get(str(message.get("status"))))
    return _checked(message, kind)


def check_request(message: Message) -> Message:
    """A message from one of our clients: what it sends is in the schema."""
    return _checked(message, message.get("type") or "analyze")


def check_line(line: bytes) -> bytes:
    """A line to the server, good or bad: the schema allows it if the server takes it for a request.

    Only lines of JSON within the server's limits are compared.
    """
    if len(line) > MAX_LINE_BYTES:
        return line
    try:
        request = parse(line.strip(b" \t\r\n"))
    except BadRequest:
        request = None
    try:
        message = json.loads(line.decode("utf-8-sig"), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return line
    if request is None and isinstance(message, dict) and _says_whole_number_as_1_0(message):
        return line
    if not isinstance(request, Ping):  # whose id may be anything
        assert _REQUEST.is_valid(message) == (request is not None), line
    return line


def replies(lines: Iterable[bytes | str]) -> list[Message]:
    """What a server has written, checked."""
    return [check_reply(json.loads(line)) for line in lines]


def _checked(message: Message, kind: str) -> Message:
    assert kind in _VALIDATORS, f"no such message: {message}"
    errors = [error.message for error in _VALIDATORS[kind].iter_errors(message)]
    assert not errors, f"{message}: {errors}"
    return message


def _finite(text: str) -> float:
    """A number; JSON Schema allows any, so that NaN and what is too large are not compared."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _says_whole_number_as_1_0(message: Message) -> bool:
    """A whole number to JSON Schema, but not to the server."""
    stream = message.get("stream")
    return isinstance(stream, float) and stream.is_integer()
