"""The key over time: of music that changes its key, and of music that does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr
import torch

from examples.track import SAMPLE_RATE, render_track
from keyscan.analysis import Timeline
from keyscan.keys import KEYS, Key
from keyscan.model.blocks import Blocks, Judgement, Range
from keyscan.model.checkpoint import BLOCK_FRAMES, KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.model.timeline import _most_probable_path, find_parts
from keyscan.model.tuning import Tuning
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
    return [segment.key.camelot if segment.key else "-" for segment in timeline.segments]


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


def test_a_little_silence_belongs_to_the_music_beside_it_and_is_no_intro(model: KeyModel) -> None:
    music = piece(("A minor", 40), ("B minor", 40))
    timeline = timeline_of(model, np.pad(music, ((0, 0), (45, 40))))
    assert keys_of(timeline) == ["8A", "10A"]
    first, second = timeline.segments
    assert (first.start, second.end) == (0.0, pytest.approx(97, abs=0.01))
    assert first.end == pytest.approx(49, abs=3)
    assert (timeline.intro.start, timeline.outro.end) == (9.0, pytest.approx(89, abs=0.5))


def test_long_silence_has_no_key(model: KeyModel) -> None:
    music = piece(("A minor", 40), ("B minor", 40))
    timeline = timeline_of(model, np.pad(music, ((0, 0), (100, 3000))))
    assert keys_of(timeline) == ["-", "8A", "10A", "-"]
    silence, first, second, after = timeline.segments
    assert (silence.start, silence.end, first.start) == (0.0, 20.0, 20.0)
    assert (second.end, after.start) == (pytest.approx(100, abs=0.5),) * 2
    assert (silence.tonal, silence.confidence) == (after.tonal, after.confidence) == (False, 0.0)
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
    assert all((0 < segment.confidence <= 1) == segment.tonal for segment in segments)


def test_blocks_add_up_to_the_track(model: KeyModel) -> None:
    spectrogram = np.random.default_rng(2).random((105, 2005), np.float32)
    inference = model(model.to_input(spectrogram))
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


def test_what_is_hardly_music_is_not_sure_of_its_segments(model: KeyModel, tmp_path: Path) -> None:
    field = {"weights": [0.0] * 96, "bias": 0.5}
    spectrogram = piece(("A minor", 40), ("B minor", 40))
    deaf = timeline_of(packaged_with(tmp_path / "deaf.pt", tonality=field), spectrogram)
    hearing = timeline_of(model, spectrogram)
    assert keys_of(deaf) == keys_of(hearing)
    share = 1 / (1 + np.exp(-0.5))
    for one, other in zip(deaf.segments, hearing.segments, strict=True):
        believed = float(share * other.confidence + (1 - share) / 24)
        assert one.confidence == pytest.approx(believed, abs=0.02)


def test_what_is_no_music_has_no_key_at_any_time(tmp_path: Path) -> None:
    field = {"weights": [0.0] * 96, "bias": -2.0}
    deaf = packaged_with(tmp_path / "deaf.pt", tonality=field)
    analysis = estimate_key(deaf, piece(("A minor", 40), ("B minor", 40)), timeline=True)
    assert analysis.timeline is not None
    assert (analysis.tonal, analysis.changes_key) == (False, False)
    (segment,) = analysis.timeline.segments
    for part in (segment, analysis.timeline.intro, analysis.timeline.outro):
        assert (part.key, part.confidence, part.tonal) == (None, 0.0, False)


def noise(seconds: float, seed: int = 0) -> Spectrogram:
    """White noise, as loud as the music of ``piece``."""
    bank = load_filter_bank()
    samples = np.random.default_rng(seed).normal(0, 0.1, int(seconds * bank.sample_rate))
    return constant_q(samples.astype(np.float32), bank)


@pytest.mark.parametrize("seconds", [20, 40, 90])
@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_noise_beside_music_has_no_key(model: KeyModel, place: str, seconds: int) -> None:
    music, other = piece(("A minor", 60)), noise(seconds)
    parts = {"before": [other, music], "after": [music, other], "between": [music, other, music]}
    analysis = estimate_key(model, np.concatenate(parts[place], axis=1), timeline=True)
    timeline = analysis.timeline
    assert timeline is not None
    expected = {"before": ["-", "8A"], "after": ["8A", "-"], "between": ["8A", "-", "8A"]}
    assert keys_of(timeline) == expected[place]
    (silent,) = [segment for segment in timeline.segments if not segment.tonal]
    assert silent.end - silent.start == pytest.approx(seconds, abs=7)
    assert (analysis.tonal, analysis.camelot, analysis.changes_key) == (True, "8A", False)
    assert analysis.confidence > 0.9
    for part in (timeline.intro, timeline.outro):
        assert part.key == analysis.key
        assert part.end - part.start == pytest.approx(30)


@pytest.mark.parametrize("seconds", [6, 10])
@pytest.mark.parametrize("noise_seconds", [20, 80])
@pytest.mark.parametrize("place", ["before", "after"])
def test_short_music_lends_no_key_to_long_noise(
    model: KeyModel, place: str, noise_seconds: int, seconds: int
) -> None:
    music, other = piece(("A minor", seconds)), noise(noise_seconds)
    parts = [other, music] if place == "before" else [music, other]
    analysis = estimate_key(model, np.concatenate(parts, axis=1), timeline=True)
    timeline = analysis.timeline
    assert timeline is not None
    assert keys_of(timeline) == (["-", "8A"] if place == "before" else ["8A", "-"])
    assert (analysis.tonal, analysis.camelot) == (True, "8A")
    (found,) = [segment for segment in timeline.segments if segment.tonal]
    assert found.end - found.start == pytest.approx(seconds, abs=5)
    for part in (timeline.intro, timeline.outro):
        assert (part.start, part.end, part.key) == (found.start, found.end, found.key)


def applause(seconds: float) -> Spectrogram:
    """Four hundred claps a second."""
    bank, rng = load_filter_bank(), np.random.default_rng(0)
    claps = np.zeros(int(seconds * bank.sample_rate))
    struck = rng.integers(0, len(claps), int(400 * seconds))
    np.add.at(claps, struck, rng.normal(0, 0.5, len(struck)))
    burst = rng.normal(0, 1, 200) * np.exp(-np.arange(200) / 30)
    return constant_q(np.convolve(claps, burst, "same").astype(np.float32), bank)


@pytest.mark.parametrize("seconds", [20, 60])
def test_music_too_short_for_a_change_of_state_lends_no_key(model: KeyModel, seconds: int) -> None:
    track = np.concatenate([applause(seconds), piece(("A minor", 6)) * 0.7], axis=1)
    timeline = timeline_of(model, track)
    assert keys_of(timeline) == ["-", "8A"]
    assert timeline.segments[0].end == pytest.approx(seconds, abs=7)


def test_the_intro_is_half_a_minute_of_music_though_speech_interrupts_it(model: KeyModel) -> None:
    track = [noise(40), piece(("A minor", 20)), noise(40, 1), piece(("C minor", 60))]
    timeline = timeline_of(model, np.concatenate(track, axis=1))
    intro = timeline.intro
    assert intro.key == Key.parse("8A")
    assert intro.start == pytest.approx(40, abs=7)
    assert intro.end == pytest.approx(110, abs=10)  # it depends on three boundaries


def test_a_few_seconds_of_noise_belong_to_the_music(model: KeyModel) -> None:
    music = piece(("A minor", 60))
    timeline = timeline_of(model, np.concatenate([music, noise(5), music], axis=1))
    assert keys_of(timeline) == ["8A"]


def test_the_key_of_a_track_that_changes_it_is_that_of_the_longest_time(model: KeyModel) -> None:
    """Three related keys: what they share may be likeliest on average."""
    conflicts = 0
    for middle in ("A minor", "C major", "D minor", "F major", "G minor"):
        for parts in ((50, 50, 45), (40, 35, 60), (64, 32, 30)):
            names = ("A minor", middle, "E minor")
            track = piece(*zip(names, map(float, parts), strict=True))
            analysis = estimate_key(model, track, timeline=True)
            assert analysis.timeline is not None
            time = Counter[Key | None]()
            for segment in analysis.timeline.segments:
                time[segment.key] += round(segment.end - segment.start)
            (longest, seconds), *_ = time.most_common(2)
            assert time[analysis.key] == seconds
            assert analysis.changes_key == (len(time) > 1)
            assert max(analysis.probabilities) == analysis.confidence
            assert sum(analysis.probabilities) == pytest.approx(1)
            pooled = KEYS[int(model.logits(track).argmax())]
            conflicts += longest != pooled
    assert conflicts  # the rule is needed


def test_a_track_in_one_key_does_not_change_it(model: KeyModel) -> None:
    assert not estimate_key(model, piece(("D major", 60))).changes_key


def test_a_part_returns_to_the_key_of_the_track_if_it_may(model: KeyModel) -> None:
    """A part whose own likeliest key is another, just so, does not change the key of the track."""
    rows = np.full((30, 24), 0.001)
    rows[:20, 5], rows[20:, 6], rows[20:, 5] = 0.9, 0.5, 0.4
    parts = find_parts(KnownBlocks(model, rows / rows.sum(axis=1, keepdims=True)))
    assert [(part.blocks, part.key) for part in parts] == [((0, 30), 5)]
    rows[20:, 5] = 0.001
    parts = find_parts(KnownBlocks(model, rows / rows.sum(axis=1, keepdims=True)))
    assert [(part.blocks, part.key) for part in parts] == [((0, 20), 5), ((20, 30), 6)]


class KnownBlocks(Blocks):
    """Blocks of known probabilities, all tonal; several together have the mean of theirs."""

    def __init__(self, model: KeyModel, rows: npt.NDArray[np.float64]) -> None:
        x = torch.zeros(1, 105, len(rows) * BLOCK_FRAMES)
        super().__init__(model, x, model(x), x.shape[-1])
        self._rows = rows

    def log_probabilities(self) -> npt.NDArray[np.float64]:
        return np.asarray(np.log(self._rows))

    def tonality(self) -> npt.NDArray[np.float64]:
        return np.full(len(self), np.inf)

    def judge(self, ranges: Sequence[Range]) -> Judgement:
        chosen = np.concatenate([self._rows[first:end] for first, end in ranges])
        return Judgement(chosen.mean(axis=0), 1.0, Tuning(0.0, 1.0))
