"""The schema of the protocol: what it allows and refuses, and that the copy in docs is true."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from keyscan.server.protocol import FEATURES
from tests.messages import SCHEMA, STRICT, check_reply, check_request, validator
from tests.server_process import COMMAND, ROOT

KEY = {"camelot": "8A", "openkey": "1m", "key": "A minor"}
PART = {**KEY, "confidence": 0.9, "tonal": True}
NOT_TONAL = {"camelot": None, "openkey": None, "key": None, "confidence": 0, "tonal": False}
READY = {
    "type": "ready", "version": "0.1.0", "protocol": 2, "model": "keyscan", "workers": 2,
    "generation": 0, "features": ["timeline"], "notations": ["musical"], "spellings": ["both"],
}  # fmt: skip
SUCCESS = {
    "id": 1, "status": "success", "code": "ok", **KEY, "class_id": 7, "confidence": 0.9,
    "tonal": True, "changes_key": False, "alternatives": [{**KEY, "confidence": 0.05}],
    "tuning_cents": None, "filename": "a.mp3", "duration": 61.5, "analysed_seconds": 61.5,
    "warnings": [{"code": "truncated", "message": "it breaks off"}], "cached": False,
    "generation": 0,
}  # fmt: skip
TIMED = {
    **SUCCESS, "stream": [0, 1], "intro_key": PART, "outro_key": NOT_TONAL,
    "timeline": [{**PART, "start": 0, "end": 41.2}, {**NOT_TONAL, "start": 41.2, "end": 61.5}],
}  # fmt: skip
FAILURE = {
    "id": "x", "status": "error", "code": "silent", "error": "nothing", "filename": "a.mp3",
    "warnings": [], "generation": 3,
}  # fmt: skip
BAD_LINE = {**FAILURE, "id": None, "code": "bad_request", "filename": None}
PONG = {"type": "pong", "id": None, "queued": 0, "running": 2, "generation": 0}
REPLIES = [
    READY, SUCCESS, TIMED, FAILURE, BAD_LINE, PONG,
    {**BAD_LINE, "id": 1.5},
    {"type": "heartbeat"},
    {"type": "fatal", "code": "start_failed", "error": "no model"},
    {"type": "reset_complete", "generation": 1},
    {"type": "reset_idle", "generation": 1},
    {"type": "cancel_complete", "id": 1, "cancelled": False, "generation": 0},
]  # fmt: skip
ANALYZE = {"id": 1, "path": "a.mp3", "timeline": True, "stream": 0, "priority": True}
REQUESTS = [
    ANALYZE,
    {"id": "a", "path": "/a.mp3"},
    {"id": -0.5, "path": "/a.mp3", "type": None, "stream": None},
    {"type": "reset"},
    {"type": "cancel", "id": 1},
    {"type": "ping"},
    {"type": "ping", "id": "p"},
]


@pytest.mark.parametrize("message", [*REPLIES, *REQUESTS], ids=json.dumps)
def test_messages_of_every_kind_are_allowed(message):
    side, check = ("reply", check_reply) if message in REPLIES else ("request", check_request)
    check(message)
    assert validator(side).is_valid(message)
    assert Draft202012Validator(SCHEMA).is_valid(message)
    other = {"reply": "request", "request": "reply"}[side]
    assert not validator(other).is_valid(message)


@pytest.mark.parametrize("message", [*REPLIES, *REQUESTS], ids=json.dumps)
def test_an_unknown_field_is_allowed_to_apps_and_not_in_the_tests(message):
    later = {**message, "mood": "blue"}
    assert Draft202012Validator(SCHEMA).is_valid(later)
    assert not Draft202012Validator(STRICT).is_valid(later)


@pytest.mark.parametrize("message", REPLIES, ids=json.dumps)
def test_every_field_of_a_reply_is_required_or_has_its_condition(message):
    for field in message.keys() - {"stream"}:
        less = {name: value for name, value in message.items() if name != field}
        assert not Draft202012Validator(SCHEMA).is_valid(less), field


@pytest.mark.parametrize(
    "wrong",
    [
        {**SUCCESS, "id": None},
        {**SUCCESS, "id": True},
        {**SUCCESS, "camelot": "13A"},
        {**SUCCESS, "camelot": "08A"},
        {**SUCCESS, "openkey": "1A"},
        {**SUCCESS, "key": None},
        {**SUCCESS, "class_id": 24},
        {**SUCCESS, "confidence": 1.01},
        {**SUCCESS, "alternatives": [{**KEY, "confidence": 0.1}] * 4},
        {**SUCCESS, "alternatives": [KEY]},
        {**SUCCESS, "tuning_cents": 53.1},
        {**SUCCESS, "warnings": ["truncated"]},
        {**SUCCESS, "warnings": [{"code": "odd", "message": "m"}]},
        {**SUCCESS, "stream": [0]},
        {**SUCCESS, "stream": -1},
        {**SUCCESS, "generation": -1},
        {**SUCCESS, "generation": "0"},
        {**TIMED, "timeline": []},
        {**TIMED, "intro_key": {**PART, "tonal": False}},
        {**TIMED, "intro_key": {**NOT_TONAL, "tonal": True}},
        {**TIMED, "outro_key": {**NOT_TONAL, "confidence": 0.1}},
        {**FAILURE, "code": "odd"},
        {**FAILURE, "error": ""},
        {**FAILURE, "id": None},
        {**FAILURE, "filename": None},
        {**BAD_LINE, "filename": "a.mp3"},
        {**READY, "protocol": 1},
        {**READY, "features": ["telepathy"]},
        {**PONG, "queued": -1},
        {"type": "fatal", "code": "silent", "error": "x"},
        {"type": "weather"},
        {},
        [],
        "ready",
    ],
    ids=json.dumps,
)
def test_wrong_replies_are_refused(wrong):
    assert not validator("reply", SCHEMA).is_valid(wrong)


def test_features_are_the_types_of_requests_and_the_options_of_a_file():
    types = {each["$ref"].rpartition("/")[2] for each in SCHEMA["$defs"]["request"]["oneOf"]}
    analyze = SCHEMA["$defs"]["analyze"]
    options = analyze["properties"].keys() - set(analyze["required"])
    assert (types | options) - {"analyze", "type"} == set(FEATURES)


def test_it_is_a_schema_and_every_part_is_used_and_described():
    Draft202012Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    for name, part in SCHEMA["$defs"].items():
        assert f'"#/$defs/{name}"' in text
        if part.get("type") == "object":
            assert part["description"]


def test_the_command_prints_the_schema_of_docs():
    done = subprocess.run([*COMMAND, "schema"], capture_output=True, timeout=60, check=True)
    assert done.stdout == (ROOT / "docs" / "protocol.schema.json").read_bytes()
    assert json.loads(done.stdout) == SCHEMA
    assert done.stderr == b""


@pytest.mark.parametrize("argument", ["--frobnicate", "reply"])
def test_the_command_has_no_options(argument):
    done = subprocess.run([*COMMAND, "schema", argument], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert argument in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk: /dev/full")
def test_a_full_disk_is_said():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "keyscan: the schema cannot be written: No space left on device\n"


def test_the_check_of_the_tests_sees_what_is_wrong_inside():
    for field, inner in (("alternatives", 0), ("timeline", 1), ("warnings", 0)):
        message = copy.deepcopy(TIMED)
        message[field][inner]["mood"] = "blue"
        with pytest.raises(AssertionError, match="mood"):
            check_reply(message)
    with pytest.raises(AssertionError, match="no such message"):
        check_reply({"type": "weather"})
    with pytest.raises(AssertionError, match="no such message"):
        check_reply({"id": 1, "status": "thinking"})
