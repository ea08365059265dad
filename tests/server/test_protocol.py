"""Lines to requests and replies to lines, without a process."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.errors import AnalysisWarning, BadRequest, Silent
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.server.protocol import (
    Analyze,
    Cancel,
    OversizedLine,
    Ping,
    Reset,
    encode,
    failure,
    parse,
    rejection,
    success,
)
from tests.messages import check_line, check_reply

finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
ids = st.text() | st.integers() | finite
looks_like_a_request = st.fixed_dictionaries(
    {},
    optional={
        "id": json_values,
        "path": json_values | st.text(min_size=1),
        "type": json_values | st.sampled_from(["reset", "cancel", "ping", "analyze"]),
        "timeline": json_values | st.booleans(),
        "stream": json_values | st.integers(),
        "priority": json_values | st.booleans(),
        "effort": json_values | st.sampled_from(["full", "adaptive"]),
        "extra": json_values,
    },
)


@given(st.binary() | looks_like_a_request.map(lambda v: json.dumps(v).encode()))
@example(b"[" * 100_000)
@example(b'{"id": ' + b"9" * 5000 + b', "path": "x"}')
@example(b'{"id": 1e999, "path": "x"}')
@example(b'{"id": NaN, "path": "x"}')
@example(b"\xff\xfe{")
def test_any_line_is_a_request_or_a_bad_request(line):
    check_line(line)
    try:
        request = parse(line)
    except BadRequest as error:
        reply = check_reply(json.loads(encode(rejection(error, 3))))
        assert reply["status"] == "error"
        assert reply["code"] == "bad_request"
        assert reply["error"]
        assert reply["generation"] == 3
    else:
        assert isinstance(request, Analyze | Reset | Cancel | Ping)


@pytest.mark.parametrize("depth", [*range(880, 1010, 2), 5000, 100_000])
def test_nesting_of_any_depth_is_answered(depth):
    for field in (b"type", b"id", b"path"):
        line = b'{"' + field + b'": ' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(BadRequest):
            parse(line)


@given(ids, st.text(min_size=1), st.dictionaries(st.text(), json_values))
def test_a_good_request_is_read_whatever_else_it_carries(request_id, path, extra):
    efforts = (None, "full", "adaptive")
    for timeline, priority, effort in itertools.product((True, False), (True, False), efforts):
        options = {"timeline": timeline, "stream": None, "priority": priority, "effort": effort}
        request = {"id": request_id, "path": path, "type": None, **options}
        line = json.dumps({**extra, **request}).encode()
        assert parse(check_line(line)) == Analyze(request_id, path, **options)


@given(ids, st.text(min_size=1))
def test_ids_and_names_come_back_as_they_were_sent(request_id, path):
    reply = check_reply(json.loads(encode(failure(Analyze(request_id, path), 0, Silent("no")))))
    assert reply["id"] == request_id
    assert type(reply["id"]) is type(request_id)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'"path"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", '"id" is missing'),
        (b'{"path": "a.mp3"}', '"id" is missing'),
        (b'{"id": null, "path": "a.mp3"}', "not null"),
        (b'{"id": true, "path": "a.mp3"}', "not true"),
        (b'{"id": ["a"], "path": "a.mp3"}', "not a list"),
        (b'{"id": 1}', '"path" is missing'),
        (b'{"id": 1, "path": ""}', "non-empty string"),
        (b'{"id": 1, "path": 7}', "non-empty string"),
        (b'{"id": 1, "path": "a", "timeline": 1}', '"timeline" must be true or false, not 1'),
        (b'{"id": 1, "path": "a", "timeline": null}', "true or false, not null"),
        (b'{"id": 1, "path": "a", "priority": 1}', '"priority" must be true or false, not 1'),
        (b'{"id": 1, "path": "a", "priority": "high"}', 'true or false, not "high"'),
        (b'{"id": 1, "path": "a", "priority": null}', "true or false, not null"),
        (b'{"id": 1, "path": "a", "stream": -1}', '"stream" must be a whole number from 0 on'),
        (b'{"id": 1, "path": "a", "stream": 1.0}', "from 0 on, not 1.0"),
        (b'{"id": 1, "path": "a", "stream": "1"}', 'from 0 on, not "1"'),
        (b'{"id": 1, "path": "a", "stream": true}', "from 0 on, not true"),
        (b'{"id": 1, "path": "a", "stream": [0, 1]}', "from 0 on, not a list"),
        (b'{"type": "cancel"}', '"id" is missing'),
        (b'{"type": "frobnicate"}', 'unknown type: "frobnicate"'),
        (b'{"id": 1, "path": "\xff"}', "not UTF-8"),
        (OversizedLine(10_000_000), "10000000 bytes is too long"),
    ],
)
def test_what_is_wrong_is_said(line, message):
    with pytest.raises(BadRequest, match=message):
        parse(line if isinstance(line, OversizedLine) else check_line(line))


def test_an_id_that_can_be_read_is_given_back_with_the_error():
    with pytest.raises(BadRequest) as caught:
        parse(b'{"id": "seven", "path": null}')
    assert caught.value.id == "seven"


def test_a_request_may_name_a_stream():
    assert parse(b'{"id": 1, "path": "a", "stream": 0}') == Analyze(1, "a", stream=0)
    assert parse(b'{"id": 1, "path": "a", "stream": null}') == Analyze(1, "a")
    assert parse(b'{"id": 1, "path": "a"}').stream is None


def test_other_messages():
    assert parse(b'{"type": "reset"}') == Reset()
    assert parse(b'{"type": "cancel", "id": "a"}') == Cancel("a")
    assert parse(b'{"type": "ping"}') == Ping(None)
    assert parse(b'\xef\xbb\xbf{"type": "ping", "id": 4}') == Ping(4)


def estimate(text, tuning=3.14159, **others):
    """Nine parts of ten for a key, the rest for others, by name."""
    shares = {Key.parse(text): 0.9} | {Key.parse(name): share for name, share in others.items()}
    return Analysis(
        path="/music/Été 🎧/träck.mp3",
        key=Key.parse(text),
        probabilities=tuple(shares.get(key, 0.0) for key in KEYS),
        tuning_cents=tuning,
        duration=1.23456,
    )


def reply_to(found, style=None):
    reply = success(Analyze("x", found.path), 0, found, style or KeyStyle())
    return check_reply(json.loads(encode(reply)))


def test_success_keeps_the_fields_of_the_existing_analyzer():
    reply = reply_to(estimate("E minor"))
    old = {
        "id": "x",
        "status": "success",
        "camelot": "9A",
        "openkey": "2m",
        "key": "E minor",
        "class_id": 8,
        "filename": "träck.mp3",
    }
    assert old.items() <= reply.items()
    assert reply.keys() - old.keys() == {
        *("code", "confidence", "tonal", "alternatives", "tuning_cents", "duration", "warnings"),
        "analysed_seconds",
        *("cached", "changes_key", "generation"),
    }  # fmt: skip
    assert json.loads(encode(reply)) == reply


def test_how_sure_and_what_else():
    reply = reply_to(estimate("E minor", C=0.004, G=0.05, Am=0.02, D=0.015, A=0.011))
    assert reply["confidence"] == 0.9
    assert reply["alternatives"] == [
        {"camelot": "9B", "openkey": "2d", "key": "G major", "confidence": 0.05},
        {"camelot": "8A", "openkey": "1m", "key": "A minor", "confidence": 0.02},
        {"camelot": "10B", "openkey": "3d", "key": "D major", "confidence": 0.015},
    ]


def test_what_is_out_of_the_question_is_no_alternative():
    assert reply_to(estimate("E minor", G=0.009))["alternatives"] == []


@pytest.mark.parametrize(
    ("tuning", "shown"), [(3.14159, 3.1), (-0.04, 0.0), (50.3, 50.3), (None, None)]
)
def test_tuning_and_warnings(tuning, shown):
    found = replace(estimate("E minor", tuning), warnings=(AnalysisWarning("truncated", "x"),))
    reply = reply_to(found)
    assert reply["tuning_cents"] == shown
    assert "-0.0" not in json.dumps(reply)
    assert reply["warnings"] == [{"code": "truncated", "message": "x"}]


def test_the_key_over_time_is_told_to_those_who_ask():
    first = Segment(0.0, 61.234, Key.parse("Em"), 0.91119)
    second = Segment(61.234, 90.0, Key.parse("F#m"), 0.5)
    found = replace(estimate("E minor"), timeline=Timeline((first, second), first, second))
    style, asked = KeyStyle("camelot"), Analyze("x", "a.mp3", timeline=True)
    reply = check_reply(success(asked, 0, found, style))
    assert reply["timeline"] == [
        {"start": 0.0, "end": 61.23, "camelot": "9A", "openkey": "2m", "key": "9A",
         "confidence": 0.9112, "tonal": True},
        {"start": 61.23, "end": 90.0, "camelot": "11A", "openkey": "4m", "key": "11A",
         "confidence": 0.5, "tonal": True},
    ]  # fmt: skip
    assert reply["intro_key"] == {
        "camelot": "9A", "openkey": "2m", "key": "9A", "confidence": 0.9112,
        "tonal": True,
    }  # fmt: skip
    assert reply["outro_key"]["camelot"] == "11A"
    assert not {"timeline", "intro_key", "outro_key"} & reply_to(found).keys()
    none = success(asked, 0, estimate("E minor"), style)
    assert "timeline" not in none


@pytest.mark.parametrize(("stream", "shown"), [(0, 0), (3, 3), ((0, 1, 2), [0, 1, 2])])
def test_the_stream_is_told_where_there_was_a_choice(stream, shown):
    reply = reply_to(replace(estimate("E minor"), stream=stream))
    assert json.loads(encode(reply))["stream"] == shown
    assert "stream" not in reply_to(estimate("E minor"))


def test_what_is_no_music_and_what_was_known():
    noise = replace(estimate("E minor"), tonal=False)
    reply = reply_to(replace(noise, cached=True))
    assert reply["tonal"] is False
    assert reply["cached"] is True
    assert (reply_to(estimate("E minor"))["tonal"], reply_to(noise)["cached"]) == (True, False)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (KeyStyle(), "F# minor/Gb minor"),
        (KeyStyle(spelling="sharps"), "F# minor"),
        (KeyStyle(spelling="flats"), "Gb minor"),
        (KeyStyle("camelot"), "11A"),
        (KeyStyle("openkey", "flats"), "4m"),
    ],
)
def test_what_the_field_key_holds(style, expected):
    assert reply_to(estimate("F# minor"), style)["key"] == expected
    (other,) = reply_to(estimate("E minor", **{"F#m": 0.1}), style)["alternatives"]
    assert other["key"] == expected


def test_replies_are_one_line_of_utf8_even_for_names_that_are_none():
    line = encode(failure(Analyze(1, "/a\nb/\udcff\U0001f3b5.mp3"), 0, Silent("x")))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line.decode("utf-8"))["filename"] == "\udcff\U0001f3b5.mp3"


def test_what_is_damaged_in_a_file_without_a_key():
    warning = AnalysisWarning("truncated", "m")
    reply = failure(Analyze(1, "a.mp3"), 0, Silent("x", [warning]))
    assert reply["warnings"] == [{"code": "truncated", "message": "m"}]
    assert failure(Analyze(1, "a.mp3"), 0, Silent("x"))["warnings"] == []


def test_no_line_reader_finds_another_end_of_line_in_a_reply():
    name = "a\u2028b\u2029c\x85d\x0b\x0c\r.mp3"
    text = encode(failure(Analyze(1, name), 0, Silent("x"))).decode()
    assert not {"\u2028", "\u2029", "\x0b", "\x0c", "\r"} & set(text)
    assert json.loads(text)["filename"] == name
