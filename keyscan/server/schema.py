"""The line protocol as a JSON Schema (draft 2020-12): what apps check or generate code from.

``keyscan schema`` prints it, and ``docs/protocol.schema.json`` is what it prints. A line to the
server is a ``request`` of its ``$defs``, a line from the server a ``reply``.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from keyscan.errors import ERROR_CODES, StartFailed
from keyscan.keys import KEYS, NOTATIONS, SPELLINGS
from keyscan.options import Effort
from keyscan.server.protocol import FEATURES, PROTOCOL_VERSION

Schema = dict[str, Any]

WARNING_CODES = (
    "truncated", "bad_packets", "bad_samples", "more_sound", "phase", "between_keys",
)  # fmt: skip
_ABOUT = (
    "One JSON object a line, in UTF-8. A line to the server is $defs/request, a line from the "
    "server $defs/reply. The server ignores fields of a request that it does not know. A client "
    "must ignore fields and types of a reply that it does not know, and take an unknown code for "
    "one more error or warning: later versions add some."
)


def schema_text() -> str:
    """The schema as a JSON document."""
    return json.dumps(protocol_schema(), indent=2, ensure_ascii=False) + "\n"


def protocol_schema() -> Schema:
    """The schema; an object may have more fields than it names."""
    requests = {
        "analyze": _analyze(),
        "reset": _typed("reset", "Drop all requests so far: none of them gets a reply."),
        "cancel": _typed("cancel", "Cancel one request.", {"id": _ID}),
        "ping": _typed("ping", "Ask for a pong.", optional={"id": _ID_OR_NULL}),
    }
    replies = {
        "ready": _ready(),
        "fatal": _typed("fatal", "The only line of a server that cannot start.", _FATAL),
        "heartbeat": _typed("heartbeat", "The server is alive, also while it has nothing to say."),
        "success": _success(),
        "failure": _failure(),
        "reset_complete": _typed(
            "reset_complete", "No reply of an older generation follows.", _GENERATION
        ),
        "reset_idle": _typed(
            "reset_idle", "No request of an older generation is running.", _GENERATION
        ),
        "cancel_complete": _typed("cancel_complete", "The answer to a cancel.", _CANCELLED),
        "pong": _typed("pong", "The answer to a ping.", _LOAD),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:openkeyscan-analyzer:protocol:{PROTOCOL_VERSION}",
        "title": f"OpenKeyScan analyzer: line protocol {PROTOCOL_VERSION}",
        "description": _ABOUT,
        "oneOf": [_ref("request"), _ref("reply")],
        "$defs": {
            "request": {"oneOf": [_ref(name) for name in requests]},
            "reply": {"oneOf": [_ref(name) for name in replies]},
            **requests,
            **replies,
            **_PARTS,
        },
    }


def _object(
    description: str, required: Schema, optional: Schema | None = None, **more: Any
) -> Schema:
    """An object with fields that it must and that it may have."""
    return {
        "description": description,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        **more,
    }


def _typed(
    name: str, description: str, required: Schema | None = None, optional: Schema | None = None
) -> Schema:
    """A message that its field ``type`` names."""
    return _object(description, {"type": {"const": name}, **(required or {})}, optional)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _value(kind: str | list[str], description: str, **more: Any) -> Schema:
    return {"description": description, "type": kind, **more}


def _list(items: Schema, description: str, **more: Any) -> Schema:
    return {"description": description, "type": "array", "items": items, **more}


_ID = _ref("id")
_ID_OR_NULL = {"anyOf": [_ID, {"type": "null"}]}
_GENERATION = {
    "generation": _value(
        "integer", "A reset begins the next one; a reply has that of its request.", minimum=0
    )
}
_FATAL = {
    "code": {"const": StartFailed.code},
    "error": _value("string", "Why, and what to do; for people."),
}
_CANCELLED = {
    "id": _ID,
    "cancelled": _value("boolean", "False if the id is unknown or its request has its reply."),
    **_GENERATION,
}
_LOAD = {
    "id": {"description": "That of the ping; null if it had none.", **_ID_OR_NULL},
    "queued": _value("integer", "Requests that wait.", minimum=0),
    "running": _value("integer", "Files being analysed.", minimum=0),
    **_GENERATION,
}
_WARNINGS = {"warnings": _list(_ref("warning"), "Damage to the file, or doubts about the key.")}
_CONFIDENCE = _value("number", "The probability that the key is right.", minimum=0, maximum=1)
_KEY_FIELDS: Schema = {
    "camelot": _ref("camelot"),
    "openkey": _ref("openkey"),
    "key": _value("string", "The key as the options --notation and --spelling write it."),
}
_NO_KEY_FIELDS: Schema = {name: {"type": "null"} for name in _KEY_FIELDS}
_TIMELINE_FIELDS = ("timeline", "intro_key", "outro_key")


def _analyze() -> Schema:
    wanted = {
        "type": {"type": "null"},
        "timeline": _value("boolean", "Report the key over time too.", default=False),
        "stream": _value(
            ["integer", "null"],
            "The audio stream to analyse, counted from 0, written without a fraction; null or "
            "none: the default one.",
            minimum=0,
        ),
        "effort": {
            "description": "Whether to analyse the whole track, or parts of it as long as these "
            "leave no doubt of the key; null or none: as --effort says.",
            "enum": [*get_args(Effort), None],
        },
        "priority": _value("boolean", "Put the request before all that wait.", default=False),
    }
    path = _value("string", "The path of a file, or its file: URL.", minLength=1)
    return _object("Analyse a file.", {"id": _ID, "path": path}, wanted)


def _ready() -> Schema:
    return _typed(
        "ready",
        "The first line of a server: it is warm and answers.",
        {
            "version": _value("string", "The version of the program."),
            "protocol": {"description": "The protocol's version.", "const": PROTOCOL_VERSION},
            "model": _value("string", "The name of the model."),
            "workers": _value("integer", "Files decoded at a time.", minimum=1),
            **_GENERATION,
            "features": _list(
                {"enum": list(FEATURES)},
                "Types of requests, and fields of a request for a file, that the server knows.",
            ),
            "notations": _list({"enum": list(NOTATIONS)}, "The values of --notation."),
            "spellings": _list({"enum": list(SPELLINGS)}, "The values of --spelling."),
        },
    )


def _success() -> Schema:
    number = {"type": "integer", "minimum": 0}
    stream = {
        "description": "If the file has several audio streams: the number of the one analysed, or "
        "the numbers of stems that were added.",
        "anyOf": [number, {"type": "array", "items": number, "minItems": 2}],
    }
    timeline = (
        _list(_ref("segment"), "The key over time, without gaps.", minItems=1),
        {"description": "The key of the first half minute of music.", **_ref("partKey")},
        {"description": "The key of the last half minute of music.", **_ref("partKey")},
    )
    return _object(
        "A file has a key.",
        {
            "id": _ID,
            "status": {"const": "success"},
            "code": {"const": "ok"},
            **_KEY_FIELDS,
            "class_id": _value("integer", "0-11 for 1A-12A, 12-23 for 1B-12B.", minimum=0,
                               maximum=23),
            "confidence": _CONFIDENCE,
            "tonal": _value("boolean", "False for drums, speech or noise: the key means nothing."),
            "changes_key": _value("boolean", "The music has several keys over time; the key is "
                                  "that of the longest time."),
            "alternatives": _list(_ref("keyGuess"), "Other keys, the most probable first.",
                                  maxItems=3),
            "tuning_cents": _value(["number", "null"], "Cents above A = 440 Hz; null: uncertain.",
                                   minimum=-47, maximum=53),
            "filename": _ref("filename"),
            "duration": _value("number", "Seconds of sound in the file.", minimum=0),
            "analysed_seconds": _value("number", "Seconds of sound analysed.", minimum=0),
            **_WARNINGS,
            "cached": _value("boolean", "The result comes from --cache."),
            **_GENERATION,
        },
        {"stream": stream, **dict(zip(_TIMELINE_FIELDS, timeline, strict=True))},
        dependentRequired={name: list(_TIMELINE_FIELDS) for name in _TIMELINE_FIELDS},
    )  # fmt: skip


def _failure() -> Schema:
    bad_line = {"properties": {"code": {"const": "bad_request"}}}
    return _object(
        "A file has no key, or the line was not a request (bad_request).",
        {
            "id": {"description": "Null if it could not be read.", **_ID_OR_NULL},
            "status": {"const": "error"},
            "code": {"enum": list(ERROR_CODES)},
            "error": _value("string", "Why there is no key; for people.", minLength=1),
            "filename": {"anyOf": [_ref("filename"), {"type": "null"}]},
            **_WARNINGS,
            **_GENERATION,
        },
        **{
            "if": bad_line,
            "then": {"properties": {"filename": {"type": "null"}}},
            "else": {"properties": {"id": _ID, "filename": _ref("filename")}},
        },
    )


def _part(description: str, fields: Schema | None = None) -> Schema:
    """A part of a track, whose key is null where it is not tonal."""
    either = {name: {"anyOf": [key, {"type": "null"}]} for name, key in _KEY_FIELDS.items()}
    return _object(
        description,
        {
            **(fields or {}),
            **either,
            "confidence": _CONFIDENCE,
            "tonal": _value("boolean", "False for drums, speech or noise."),
        },
        **{
            "if": {"properties": {"tonal": {"const": True}}},
            "then": {"properties": _KEY_FIELDS},
            "else": {"properties": {**_NO_KEY_FIELDS, "confidence": {"const": 0}}},
        },
    )


_SECONDS = {"type": "number", "minimum": 0}
_PARTS: Schema = {
    "id": {
        "description": "Chosen by the client.",
        "anyOf": [{"type": "string"}, {"type": "number"}],
    },
    "camelot": {"enum": [key.camelot for key in KEYS]},
    "openkey": {"enum": [key.open_key for key in KEYS]},
    "filename": _value("string", "The last part of the path."),
    "warning": _object(
        "What is damaged in a file or doubtful about its key.",
        {"code": {"enum": list(WARNING_CODES)}, "message": _value("string", "For people.")},
    ),
    "keyGuess": _object(
        "A key, and how probable it is.", {**_KEY_FIELDS, "confidence": _CONFIDENCE}
    ),
    "partKey": _part("The key of a part of a track."),
    "segment": _part("A part of a track, in seconds.", {"start": _SECONDS, "end": _SECONDS}),
}
