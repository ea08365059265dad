"""The key over time: of music that changes its key, and of music that does not."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from examples.track import SAMPLE_RATE, render_track
from keyscan.analysis import Timeline
from keyscan.keys import Key
from keyscan.model.checkpoint import BLOCK_FRAMES, KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.model.timeline import _most_probable_path
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank
from tests.model.conftest import packaged_with

Spectrogram = npt.NDArray[np.float32]


@cache
def piece(*parts: tuple[str, float]) -> Spectrogram:
    """A track whose parts, (key, seconds), are in these keys."""
    sounds = [render_track(Key.parse(name), seconds).mean(axis=1) for name, seconds in parts]
    bank = load_filter_bank()
    samples = np.concatenate(sounds).astype(np.float32)
    return constant_q(soxr.resample(samples, SAMPLE_RATE, bank.sample_rate), bank)


def timeline_of(model: KeyModel, spectrogram: Spectrogram) -> Timeline:
    duration = (spectrogram.shape[1] + 1) / 5
    analysis = estimate_key(model, spectrogram, duration=duration, timeline=True)
    assert analysis.timeline is not None
    return analysis.timeline


def keys_of(timeline: Timeline) -> list[str]:
    return [segment.key.camelot for segment in timeline.segments]


def test_a_change_of_key_is_found_where_it_is(model: KeyModel) -> None:
    timeline = timeline_of(model, piece(("A minor", 50), ("B minor", 45), ("A minor", 40)))
    assert keys_of(timeline) == ["8A", "10A", "8A"]
    first, second, third = timeline.segments
    assert (first.start, third.end) == (0.0, 135.0)
    assert first.end == second.start == pytest.approx(50, abs=3)
    assert second.end == third.start == pytest.approx(95, abs=3)
    assert all(segment.confidence > 0.9 for segment in timeline.segments)


def test_music_in_one_key_is_one_segment_and_as_sure_as_the_answer(model: KeyModel) -> None:
    estimate = estimate_key(model, piece(("D major", 60)), duration=60.0, timeline=True)
    assert estimate.timeline is not None
    (segment,) = estimate.timeline.segments
    assert segment.key == estimate.key == Key.parse("D major")
    assert segment.confidence == pytest.approx(estimate.confidence, abs=1e-5)
    assert (segment.start, segment.end) == (0.0, 60.0)


def test_it_ends_where_the_track_does(model: KeyModel) -> None:
    timeline = estimate_key(model, piece(("D major", 60)), duration=60.137, timeline=True).timeline
    assert timeline is not None
    assert timeline.segments[-1].end == timeline.outro.end == 60.137


def test_intro_and_outro(model: KeyModel) -> None:
    timeline = timeline_of(model, piece(("A minor", 40), ("C minor", 50), ("D minor", 40)))
    intro, outro = timeline.intro, timeline.outro
    assert (intro.start, intro.end, intro.key.camelot) == (0.0, 30.0, "8A")
    assert (outro.start, outro.end, outro.key.camelot) == (100.0, 130.0, "7A")
    assert (intro.confidence, outro.confidence) == (
        timeline.segments[0].confidence,
        timeline.segments[-1].confidence,
    )


def test_silence_belongs_to_the_music_beside_it_and_is_no_intro(model: KeyModel) -> None:
    music = piece(("A minor", 40), ("B minor", 40))
    timeline = timeline_of(model, np.pad(music, ((0, 0), (100, 50))))
    assert keys_of(timeline) == ["8A", "10A"]
    first, second = timeline.segments
    assert (first.start, second.end) == (0.0, pytest.approx(110, abs=0.01))
    assert first.end == pytest.approx(60, abs=3)
    assert (timeline.intro.start, timeline.outro.end) == (20.0, pytest.approx(100, abs=0.5))


@pytest.mark.parametrize("seconds", [3.0, 3.3, 8.0, 29.0])
def test_a_short_track_is_intro_and_outro(model: KeyModel, seconds: float) -> None:
    spectrogram = piece(("A minor", seconds))
    timeline = timeline_of(model, spectrogram)
    for part in (timeline.intro, timeline.outro, timeline.segments[0]):
        assert (part.start, part.end) == (0.0, pytest.approx(seconds, abs=0.3))


def test_the_answer_is_the_same_with_and_without(model: KeyModel) -> None:
    spectrogram = np.random.default_rng(1).random((105, 3333), np.float32)
    plain = estimate_key(model, spectrogram)
    more = estimate_key(model, spectrogram, timeline=True)
    assert plain.timeline is None
    assert plain.probabilities == more.probabilities
    assert plain.tuning_cents == more.tuning_cents


@pytest.mark.parametrize("frames", [8, 16, 17, 25, 1599, 1601, 3217])
@pytest.mark.parametrize("kind", ["model", "keynet"])
def test_any_length_gives_a_gapless_timeline(
    kind: str, frames: int, request: pytest.FixtureRequest
) -> None:
    any_model: KeyModel = request.getfixturevalue(kind)
    spectrogram = np.random.default_rng(frames).random((105, frames), np.float32)
    segments = timeline_of(any_model, spectrogram).segments
    assert (segments[0].start, segments[-1].end) == (0.0, (frames + 1) / 5)
    for one, next_one in pairwise(segments):
        assert one.end == next_one.start > one.start
        assert one.key != next_one.key
    assert all(0 < segment.confidence <= 1 for segment in segments)


def test_blocks_add_up_to_the_track(model: KeyModel) -> None:
    spectrogram = np.random.default_rng(2).random((105, 2005), np.float32)
    inference = model(model.to_input(spectrogram), blocks=True)
    assert inference.blocks is not None
    assert len(inference.blocks[0]) == -(-2005 // BLOCK_FRAMES)
    total = tuple(sums.sum(0, keepdim=True) for sums in inference.blocks)
    np.testing.assert_allclose(model.classify(total)[0], inference.logits, atol=1e-3)


def most_probable_path_by_trying_all(rows: npt.NDArray[np.float64], cost: float) -> list[int]:
    steps, states = rows.shape
    paths = np.stack(np.meshgrid(*[np.arange(states)] * steps), -1).reshape(-1, steps)
    scores = rows[np.arange(steps), paths].sum(1) - cost * (np.diff(paths) != 0).sum(1)
    best: list[int] = paths[scores.argmax()].tolist()
    return best


@pytest.mark.parametrize("cost", [0.0, 0.5, 1.0, 2.5, 100.0])
def test_no_path_is_more_probable(cost: float) -> None:
    for seed in range(20):
        rows = np.log(np.random.default_rng(seed).dirichlet(np.ones(4), 6))
        found = _most_probable_path(rows, cost).tolist()
        assert found == most_probable_path_by_trying_all(rows, cost)
        assert cost < 100 or len(set(found)) == 1


def test_what_is_no_music_is_not_sure_of_its_segments(model: KeyModel, tmp_path: Path) -> None:
    field = {"weights": [0.0] * 96, "bias": -2.0}
    spectrogram = piece(("A minor", 40), ("B minor", 40))
    deaf = timeline_of(packaged_with(tmp_path / "deaf.pt", tonality=field), spectrogram)
    hearing = timeline_of(model, spectrogram)
    assert keys_of(deaf) == keys_of(hearing)
    share = 1 / (1 + np.exp(2.0))
    for one, other in zip(deaf.segments, hearing.segments, strict=True):
        believed = float(share * other.confidence + (1 - share) / 24)
        assert one.confidence == pytest.approx(believed, abs=0.02)
    assert deaf.intro.confidence < 0.2
