"""Songs over MMA's accompaniments: MMA plays the harmony of the label."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from keyscan.keys import Key
from keyscan.spectrogram.constant_q import constant_q
from tests.training.conftest import SOUNDFONT, Command, needs_mma, needs_sound

pytest.importorskip("mido")

from training.midi import MMA_LIBRARY, accompany, read_grooves
from training.music.accompaniment import GROOVES, PER_SONG, chart, chord_name, make_song
from training.music.excerpt import Excerpt
from training.music.genres import GENRES
from training.music.harmony import lay_out
from training.music.theory import QUALITIES, SCALES, Chord, parse_chord
from training.shards import WIDE_BINS, Corpus, wide_bank


@pytest.mark.parametrize(
    ("chord", "name"),
    [
        (parse_chord("I"), "C"),
        (parse_chord("ii7").transposed(1), "D#m7"),
        (parse_chord("bVII5"), "A#5"),
        (Chord(9, QUALITIES["m"], 0), "Am/C"),
        (Chord(4, (0, 3, 7, 10, 13), 4), "Em7"),
        (Chord(0, (0, 4, 7, 11, 14), 0), "CM9"),
    ],
)
def test_a_chord_has_a_name(chord: Chord, name: str) -> None:
    assert chord_name(chord) == name


def test_a_chart_has_each_chord_on_its_beat() -> None:
    chords = [
        (parse_chord(numeral), length) for numeral, length in (("I", 6), ("V7", 2), ("IV", 4))
    ]
    harmony = lay_out(chords, Key(2, "major"), SCALES["ionian"], 12.0)
    lines = chart(random.Random(3), harmony, "pop", 0.5).splitlines()
    assert "Tempo 120" in lines
    assert [line for line in lines if line[0].isdigit()] == ["1 D / / /", "2 D / A7 /", "3 G / / /"]


@needs_mma
def test_mma_knows_every_chord(tmp_path: Path) -> None:
    names = [chord_name(Chord(root, QUALITIES[quality], 7))
             for quality in QUALITIES for root in range(12)]  # fmt: skip
    lines = [f"{bar} {name}" for bar, name in enumerate(names, 1)]
    accompany("\n".join(["Groove casio/pop:Pop", *lines, ""]), tmp_path / "song.mid")
    assert (tmp_path / "song.mid").stat().st_size > 10_000


@needs_mma
def test_every_groove_has_four_beats() -> None:
    assert GROOVES.keys() <= GENRES.keys()
    for name in {name for names in GROOVES.values() for name in names.split()}:
        assert read_grooves(MMA_LIBRARY, name)
        text = (MMA_LIBRARY / f"{name}.mma").read_text(encoding="latin-1")
        assert set(re.findall(r"^\s*Time\s+(\d+)", text, re.I | re.M)) <= {"4"}, name


def share_in_scale(excerpts: list[Excerpt], shift: int) -> float:
    """Of the energy, in the key's scale moved by ``shift`` semitones, minor as aeolian."""
    shares = []
    for excerpt in excerpts:
        energy = np.expm1(constant_q(excerpt.samples, wide_bank())).mean(axis=1)[::2]
        classes = (np.arange(WIDE_BINS, step=2) // 2 - 6) % 12
        chroma = np.bincount(classes, weights=energy, minlength=12)
        steps = SCALES["ionian" if excerpt.key.mode == "major" else "aeolian"]
        scale = [(excerpt.key.tonic + step + shift) % 12 for step in steps]
        shares.append(chroma[scale].sum() / chroma.sum())
    return float(np.mean(shares))


@needs_mma
@needs_sound
def test_a_song_is_in_its_key() -> None:
    songs = [make_song(5, index, [SOUNDFONT], seconds=6.0) for index in range(6)]
    for song in songs:
        assert len(song) == PER_SONG
        assert len({excerpt.key for excerpt in song}) == 1
        assert len({len(excerpt.samples) for excerpt in song}) == 1
    excerpts = [excerpt for song in songs for excerpt in song]
    assert max(range(12), key=lambda shift: share_in_scale(excerpts, shift)) == 0
    again = make_song(5, 2, [SOUNDFONT], seconds=6.0)
    for first, second in zip(songs[2], again, strict=True):
        np.testing.assert_array_equal(first.samples, second.samples)


@needs_mma
@needs_sound
def test_a_corpus_of_songs_resumes(tmp_path: Path, command: Command) -> None:
    options = ("--count", "7", "--seconds", "5", "--jobs", "1", "--soundfont", SOUNDFONT)
    assert command("synth", "--out", tmp_path, *options).returncode == 0
    corpus = Corpus([tmp_path])
    assert len(corpus) == 7
    assert len(set(corpus.keys[:PER_SONG])) == 1
    whole = (tmp_path / "shard-00000.npy").read_bytes()
    (tmp_path / "shard-00000.npy").unlink()
    assert command("synth", "--out", tmp_path, *options).returncode == 0
    assert (tmp_path / "shard-00000.npy").read_bytes() == whole
    other = command("synth", "--out", tmp_path, *options[:-2])
    assert "begun with other settings" in other.stderr


@needs_mma
@needs_sound
def test_a_missing_soundfont_is_named(tmp_path: Path, command: Command) -> None:
    done = command("synth", "--out", tmp_path / "songs", "--soundfont", "none.sf2")
    assert done.returncode == 1
    assert "none.sf2: no such soundfont" in done.stderr
    assert not (tmp_path / "songs").exists()


@needs_mma
@needs_sound
def test_a_damaged_soundfont_is_not_replaced_by_another(tmp_path: Path, command: Command) -> None:
    """FluidSynth plays its default soundfont instead of one that it cannot read."""
    (tmp_path / "noise.sf2").write_bytes(np.random.default_rng(0).bytes(1000))
    (tmp_path / "cut.sf2").write_bytes(SOUNDFONT.read_bytes()[:500_000])
    for name in ("noise.sf2", "cut.sf2"):
        options = "--count", "1", "--seconds", "5", "--jobs", "1", "--soundfont", tmp_path / name
        done = command("synth", "--out", tmp_path / name[:-4], *options)
        assert done.returncode == 1
        assert f"{name} a soundfont that FluidSynth can read?" in done.stderr
        assert not list((tmp_path / name[:-4]).glob("shard*"))
