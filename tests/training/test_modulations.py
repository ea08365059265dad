"""Tracks that change key: the truth is what sounds, when it sounds, and a seed is a seed."""

from __future__ import annotations

import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from keyscan.keys import Key
from tests.training.conftest import Command
from training.modulations.make import KnownTrack, read_tracks, synthesise, track_path
from training.modulations.piece import (
    SHORTEST,
    Piece,
    Quiet,
    Style,
    compose,
    draw_style,
    record,
)
from training.modulations.tracks import draw_keys, draw_lengths, make_track
from training.music.excerpt import STYLES
from training.music.mix import rms
from training.music.timbres import SAMPLE_RATE
from training.shards import FRAMES_PER_SECOND, CorpusError

SEED, COUNT = 5, 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("modulations")
    synthesise(path, COUNT, SEED, jobs=2)
    return path


@pytest.fixture(scope="module")
def tracks(folder: Path) -> list[KnownTrack]:
    return read_tracks(folder)


def chroma(track: KnownTrack, start: float, end: float) -> npt.NDArray[np.float64]:
    """Energy by pitch class, C first, of unit sum; from ``start`` to ``end`` seconds."""
    first, last = round(start * FRAMES_PER_SECOND), round(end * FRAMES_PER_SECOND)
    magnitudes = np.expm1(track.spectrogram[:, first:last].astype(np.float64)).mean(axis=1)
    # Bin 0 is 65 Hz, a C; every second bin is a semitone.
    energy = np.bincount(np.arange(0, 105, 2) // 2 % 12, magnitudes[::2], minlength=12)
    return np.asarray(energy / (energy.sum() + 1e-9))


def in_key(energy: npt.NDArray[np.float64], key: Key) -> float:
    """How much of the energy is on the tonic triad, the tonic counted twice."""
    third = 4 if key.mode == "major" else 3
    return float(sum(energy[(key.tonic + step) % 12] for step in (0, 0, third, 7)))


def test_the_segments_tile_the_track(tracks: list[KnownTrack]) -> None:
    assert {track.kind for track in tracks} == {"one key", "changes", "mix"}
    for track in tracks:
        starts = [segment.start for segment in track.segments]
        assert starts == [0.0, *(segment.end for segment in track.segments[:-1])]
        for before, after in pairwise(track.segments):
            assert before.key != after.key
        for segment in track.segments:
            assert segment.end - segment.start >= SHORTEST
            assert segment.confidence == 1.0
        seconds = track.segments[-1].end
        assert 110 <= seconds <= 375
        assert 0 <= seconds * FRAMES_PER_SECOND - track.spectrogram.shape[1] < 3
        assert (len(track.segments) == 1) == (track.kind == "one key")


def test_what_sounds_is_in_the_key_of_its_segment(tracks: list[KnownTrack]) -> None:
    boundaries = [
        (track, before, after) for track in tracks for before, after in pairwise(track.segments)
    ]
    assert len(boundaries) > 15

    def rise(shift: float) -> float:
        """How much more the new key fits after a boundary that is so many seconds later."""
        rises = []
        for track, before, after in boundaries:
            at, seconds = after.start + shift, SHORTEST - 2
            earlier, later = chroma(track, at - seconds, at), chroma(track, at, at + seconds)
            gains = [in_key(later, key) - in_key(earlier, key) for key in (before.key, after.key)]
            rises.append(gains[1] - gains[0])
        return float(np.mean(rises))

    assert rise(0) > 0.15
    # The boundary is where the table says, and not some seconds off.
    assert rise(0) > 1.2 * max(rise(-5), rise(5))


def test_a_key_change_is_at_a_bar_line_and_the_same_music_goes_on() -> None:
    style = Style("pop", (120, 120), 0.3)
    keys = [Key(0, "major"), Key(2, "major")]
    piece = compose(random.Random(1), style, keys, [31.0, 5.0])
    assert [section.start for section in piece.sections] == [0.0, 64.0]
    assert piece.sections[1].end - piece.sections[1].start == 24.0  # 12 s: as short as may be
    assert piece.samples == 44 * SAMPLE_RATE
    for section, key in zip(piece.sections, keys, strict=True):
        assert section.harmony.key == key
        assert sum(span.length for span in section.harmony.spans) == section.harmony.beats


@pytest.mark.parametrize("name", STYLES)
def test_every_style_plays_in_both_modes_and_never_leaves_its_section(name: str) -> None:
    rng = random.Random(name)
    style = next(s for s in iter(lambda: draw_style(rng), None) if s.name == name)
    keys = [Key(3, "major"), Key(4, "minor")]
    piece = compose(rng, style, keys, [12.0, 12.0])
    sound = record(rng, np.random.default_rng(0), piece, None)
    assert sound.shape == (piece.samples,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    middle = int(piece.sections[1].start * piece.beat * SAMPLE_RATE)
    assert min(rms(sound[:middle]), rms(sound[middle:])) > 1e-3


def test_quiet_parts_tell_no_key() -> None:
    style = Style("pop", (120, 120), 0.3)
    loud = compose(random.Random(2), style, [Key(0, "major")], [32.0])
    quiet = Piece(style, loud.beat, loud.sections, (Quiet(16.0, 16.0, "ambient"),))
    sounds = [
        record(random.Random(6), np.random.default_rng(0), piece, None) for piece in (loud, quiet)
    ]
    start, end = 10 * SAMPLE_RATE, 15 * SAMPLE_RATE
    whole, parted = (rms(sound[start:end]) / rms(sound[: 8 * SAMPLE_RATE]) for sound in sounds)
    assert whole > 0.9
    assert parted < 0.5 * whole


def test_keys_go_where_music_goes() -> None:
    rng = random.Random(3)
    home = Key(9, "minor")
    walks = [draw_keys(rng, home, 5) for _ in range(400)]
    assert all(walk[0] == home and len(walk) == 6 for walk in walks)
    pairs = [pair for walk in walks for pair in pairwise(walk)]
    assert all(before != after for before, after in pairs)
    relations = {after.relation_to(before) for before, after in pairs}
    assert relations == {"fifth_up", "fifth_down", "relative", "parallel", "other"}
    up_a_semitone = sum(
        after.mode == before.mode and (after.tonic - before.tonic) % 12 == 1
        for before, after in pairs
    )
    assert up_a_semitone > 0.05 * len(pairs)
    assert sum(after == home for _, after in pairs) > 0.2 * len(pairs)


@pytest.mark.parametrize("parts", [1, 2, 4, 6])
def test_lengths_make_a_track(parts: int) -> None:
    rng = random.Random(4)
    for _ in range(50):
        lengths = draw_lengths(rng, parts)
        assert len(lengths) == parts
        assert 120 <= sum(lengths) <= 360
        assert all(length >= SHORTEST for length in lengths)


def test_a_mix_fades_from_piece_to_piece_without_a_hole() -> None:
    made = (make_track(SEED, index) for index in range(COUNT))
    track = next(track for track in made if track.kind == "mix")
    assert len(track.styles) == len(track.segments)
    for segment in track.segments[1:]:
        at = round(segment.start * SAMPLE_RATE)
        level = rms(track.samples[at - SAMPLE_RATE : at + SAMPLE_RATE])
        assert level > 0.3 * rms(track.samples)


def test_the_command_goes_on_with_the_same_set(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    for name in ("settings.json", track_path(folder, 0).name, track_path(folder, 1).name):
        shutil.copy(folder / name, tmp_path)
    few = "--count", "3", "--seed", str(SEED)
    run = command("modulations.make", "--out", tmp_path, *few)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    assert "3/3" in run.stderr
    # The third was made alone; the others are the files that were there.
    for index in range(3):
        with np.load(track_path(folder, index)) as a, np.load(track_path(tmp_path, index)) as b:
            assert all(np.array_equal(a[name], b[name]) for name in a.files)
    assert track_path(tmp_path, 0).stat().st_mtime < track_path(tmp_path, 2).stat().st_mtime
    with pytest.raises(CorpusError, match="other settings"):
        synthesise(tmp_path, 3, SEED + 1, jobs=1)


def test_a_damaged_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not a corpus"):
        read_tracks(tmp_path)
    (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CorpusError, match="no tracks"):
        read_tracks(tmp_path)
    track_path(tmp_path, 0).write_bytes(b"PK\x03\x04 not a track")
    with pytest.raises(CorpusError, match=r"track-00000\.npz: damaged"):
        read_tracks(tmp_path)
