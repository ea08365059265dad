"""The one answer: its record in the cache, its alternatives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.errors import AnalysisWarning
from keyscan.keys import KEYS

numbers = st.floats(allow_nan=False, allow_infinity=False)
keys = st.sampled_from(KEYS)
segments = st.builds(Segment, numbers, numbers, st.none() | keys, numbers)
timelines = st.builds(Timeline, st.lists(segments).map(tuple), segments, segments)
warnings = st.builds(AnalysisWarning, st.text(), st.text())
analyses = st.builds(
    Analysis,
    key=keys,
    probabilities=st.lists(numbers, min_size=24, max_size=24).map(tuple),
    tuning_cents=st.none() | numbers,
    tonal=st.booleans(),
    changes_key=st.booleans(),
    duration=numbers,
    warnings=st.lists(warnings).map(tuple),
    stream=st.none() | st.integers(0) | st.lists(st.integers(0)).map(tuple),
    timeline=st.none() | timelines,
)


@given(analyses)
def test_an_analysis_comes_back_from_its_record(analysis):
    record = json.loads(json.dumps(analysis.to_record(), allow_nan=False))
    expected = replace(analysis, path="/a.mp3", cached=True)
    assert Analysis.from_record(record, "/a.mp3") == expected


@pytest.mark.parametrize("record", [{}, [], 7, None, {"timeline": {}}])
def test_other_values_are_not_records(record):
    with pytest.raises(ValueError, match="not a cached analysis"):
        Analysis.from_record(record, "/a.mp3")


@given(analyses, st.sampled_from([[], {"segments": []}]))
def test_a_record_with_half_a_timeline_is_refused(analysis, timeline):
    with pytest.raises(ValueError, match="not a cached analysis"):
        Analysis.from_record({**analysis.to_record(), "timeline": timeline}, "/a.mp3")
