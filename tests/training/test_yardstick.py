"""The set to choose a model by: its songs are in the key that the label says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from keyscan.keys import KEYS, Key
from tests.training.conftest import SOUNDFONT, Command, needs_mma, needs_sound
from training.datasets import read_folder

pytest.importorskip("mido")
pytest.importorskip("music21")

from training.midi import MMA_LIBRARY, accompany, read_grooves
from training.yardstick.charts import CHARTS, WEIGHTS, tones, transpose
from training.yardstick.make import FAMILIES, key_of, make_set
from training.yardstick.songs import SECONDS, Style, write_song
from training.yardstick.tunes import agrees, harmonise, parse_field, read_abc

STYLE = Style("casio/pop", ("Pop",), beats=4, tempo=(80, 120))


@pytest.mark.parametrize(
    ("chord", "semitones", "moved"),
    [("C", 0, "C"), ("Am/G", 2, "Bm/A"), ("Bbmaj7", 1, "Bmaj7"), ("G7sus4", 5, "C7sus4")],
)
def test_a_chord_moves_with_its_bass(chord: str, semitones: int, moved: str) -> None:
    assert transpose(chord, semitones) == moved


def test_a_chord_has_its_tones() -> None:
    assert tones("Am7") == (9, 0, 4, 7)
    assert tones("Bb") == (10, 2, 5)
    with pytest.raises(ValueError, match="not a chord"):
        tones("Cwhatever")


def test_every_chart_can_be_read_and_ends_on_its_tonic() -> None:
    for mode, colours in CHARTS.items():
        assert colours.keys() <= WEIGHTS.keys()
        tonic = 0 if mode == "major" else 9
        for sections in colours.values():
            for chart in (chart for charts in sections.values() for chart in charts):
                assert len(chart.split()) in (4, 8), chart
                for chord in chart.replace(",", " ").split():
                    assert tones(chord)
            for ending in sections["end"]:
                assert tones(ending.split()[-1])[0] == tonic, ending


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name("sharps"))
def test_a_song_ends_on_its_tonic_and_stays_mostly_in_its_key(key: Key) -> None:
    for seed in range(8):
        song = write_song(key, STYLE, random.Random(seed))
        last = song.bars[-1]
        home = (key.tonic + last.shift) % 12
        assert tones(last.chords[-1])[:1] == (home,)
        assert song.melody[-1].pitch % 12 == home
        assert sum(bar.shift == 0 for bar in song.bars) > len(song.bars) / 2
        assert all(48 <= note.pitch <= 96 for note in song.melody)
        assert all(a.start < b.start for a, b in zip(song.melody, song.melody[1:], strict=False))


def test_a_song_is_as_long_as_a_song() -> None:
    for seed in range(40):
        song = write_song(Key(seed % 12, "major"), STYLE, random.Random(seed))
        seconds = song.quarters * 60 / song.tempo
        assert SECONDS[0] - 10 <= seconds <= SECONDS[1] + 10


def test_a_seed_gives_one_song() -> None:
    first, again, other = (
        write_song(Key(2, "minor"), STYLE, random.Random(seed)) for seed in (4, 4, 5)
    )
    assert first == again
    assert first != other


def test_keys_are_spread_over_the_tonics() -> None:
    keys = [key_of(index, minor_rounds=(1, 5, 9)) for index in range(120)]
    assert {keys.count(Key(tonic, "major")) for tonic in range(12)} == {7}
    assert {keys.count(Key(tonic, "minor")) for tonic in range(12)} == {3}


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("K:G", Key(7, "major")),
        ("K: Bb", Key(10, "major")),
        ("K:Ador", Key(9, "minor")),
        ("K:AMixolydian % as printed", Key(9, "major")),
        ("K:F#m", Key(6, "minor")),
        ("K:Hp", None),
        ("K:G\nA2\nK:D", None),
    ],
)
def test_a_mode_is_taken_by_its_third(field: str, key: Key | None) -> None:
    assert parse_field(f"X:1\nM:C\n{field}\nG2 A2\n") == key


def dorian(last_bar: str) -> str:
    part = f"|:A2B c2d|e2f g3|e2d cBA|{last_bar}:|\n"
    return "X:1\nT:Test\nM:6/8\nL:1/8\nK:Ador\n" + part * 2


def test_a_tune_is_played_with_its_repeats_and_harmonised_to_its_tonic() -> None:
    tune = read_abc(dorian("A6"))
    assert tune is not None
    assert agrees(tune)
    assert tune.quarters == 48
    assert tune.voices[0][5].pitch == 78  # F sharp, from the signature of A dorian
    assert harmonise(tune)[-1] == (9, "minor")


def test_a_tune_that_ends_elsewhere_is_left_out() -> None:
    tune = read_abc(dorian("B6"))
    assert tune is not None
    assert not agrees(tune)


@needs_mma
def test_every_groove_is_in_the_library(tmp_path: Path) -> None:
    for family in FAMILIES:
        for name in family.files.split():
            assert read_grooves(MMA_LIBRARY, name)
    song = write_song(Key(1, "minor"), STYLE, random.Random(1))
    accompany(song.chart, tmp_path / "song.mid")
    assert (tmp_path / "song.mid").stat().st_size > 1000


@needs_mma
@needs_sound
def test_a_set_can_be_read_back(tmp_path: Path) -> None:
    make_set("pop", tmp_path, SOUNDFONT, songs=1, seed=3)
    tracks = read_folder(tmp_path).tracks
    assert [(track.path.name, track.key) for track in tracks] == [("pop-000.flac", Key(0, "major"))]


def test_a_missing_program_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = command("yardstick.make", "--soundfont", "none.sf2", "--out", tmp_path)
    assert done.returncode == 1
    assert "apt-get install mma" in done.stderr
