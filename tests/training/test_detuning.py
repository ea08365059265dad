"""Detuning: sound moves by the cents it is named for, and the table counts what is found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.keys import Key
from keyscan.model.tuning import Tuning
from keyscan.spectrogram.constant_q import load_filter_bank
from tests.training.conftest import Command
from training.datasets import Track
from training.detuning.evaluate import (
    AMOUNTS,
    Answer,
    Comparison,
    decode,
    detune,
    deviation,
    is_key_kept,
    report,
)
from training.detuning.rendered import (
    PITCHES_OF_A,
    Rendered,
    additive,
    chords,
    measure,
    tuning_found,
    tuning_of_partials,
    wrapped,
)
from training.detuning.rendered import report as report_rendered

C, D_FLAT, A = Key(0, "major"), Key(1, "major"), Key(9, "minor")
RATE = load_filter_bank().sample_rate


def answer(key: Key, cents: float | None) -> Answer:
    return Answer(key, Tuning(0.0, 0.1) if cents is None else Tuning(cents, 0.6))


@pytest.mark.parametrize("cents", [-35.0, 13.0])
def test_sound_is_played_as_much_faster_as_it_is_higher(cents: float, tmp_path: Path) -> None:
    t = np.arange(6 * 44100) / 44100
    soundfile.write(tmp_path / "tone.flac", 0.5 * np.sin(2 * np.pi * 440 * t), 44100)
    samples = decode(Track(tmp_path / "tone.flac", C, start=1.0, length=4.0))
    assert len(samples) == 4 * RATE
    moved = detune(samples, cents)
    assert len(moved) / RATE == pytest.approx(4 / 2 ** (cents / 1200), abs=0.01)
    spectrum = np.abs(np.fft.rfft(moved * np.hanning(len(moved)), 16 * len(moved)))
    hertz = float(spectrum.argmax()) * RATE / (16 * len(moved))
    assert 1200 * np.log2(hertz / 440) == pytest.approx(cents, abs=0.3)


def test_deviations_are_on_the_circle_of_100_cents() -> None:
    assert wrapped(98) == -2
    assert wrapped(-51) == 49
    assert deviation(answer(C, 30.0), 35.0, answer(C, -36.0)) == pytest.approx(-1)
    assert deviation(answer(C, 0.0), 13.0, answer(C, 15.5)) == pytest.approx(2.5)
    assert deviation(answer(C, None), 13.0, answer(C, 13.0)) is None
    assert deviation(answer(C, 0.0), 13.0, answer(C, None)) is None


def test_a_key_is_kept_when_it_names_the_same_pitches() -> None:
    # 30 + 35 cents above C is 35 below D flat.
    assert is_key_kept(answer(C, 30.0), 35.0, answer(D_FLAT, -35.0))
    assert not is_key_kept(answer(C, 30.0), 35.0, answer(C, -35.0))
    # 30 below C is 45 below D flat and 35 lower: 65 below C is 35 above B.
    assert is_key_kept(answer(C, -30.0), -35.0, answer(Key(11, "major"), 35.0))
    assert is_key_kept(answer(A, 0.0), 13.0, answer(A, 12.0))
    assert not is_key_kept(answer(A, 0.0), 13.0, answer(C, 12.0))
    assert is_key_kept(answer(A, None), 45.0, answer(A, 50.0))
    # 0.2 is enough to move the music, not to tell the tuning.
    vague = Answer(C, Tuning(30.0, 0.2))
    assert is_key_kept(vague, 35.0, Answer(D_FLAT, Tuning(-35.0, 0.2)))
    assert vague.cents is None


def test_the_table_counts_by_amount_and_over_all() -> None:
    track = Track(Path("x"), C)

    def comparison(own: float | None, *off: float | None) -> Comparison:
        answers = [
            answer(C, None if error is None or own is None else own + amount + error)
            for amount, error in zip(AMOUNTS, off, strict=True)
        ]
        return Comparison(track, answer(C, own), tuple(answers))

    compared = [
        comparison(0.0, 0, 1, 2, 3, 4, 5),
        comparison(2.0, 0, 0, 0, 0, None, None),
        comparison(None, 0, 0, 0, 0, 0, 0),
    ]
    lines = report("some", compared).splitlines()
    assert lines[0] == "some (3 recordings, the tuning of 1 unclear)"
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    assert rows["-35"][1:5] == ["1", "0.00", "0.00", "0.00"]
    assert rows["+45"][1:3] == ["2", "5.00"]
    assert rows["+45"][5] == "0.0"
    # Of the clear ones: four in six of one recording, four in four of the other.
    assert rows["all"][1:3] == ["8", "0.50"]
    assert float(rows["all"][5]) == pytest.approx((400 / 6 + 100) / 2, abs=0.1)
    # The one that is not clear is by itself.
    assert rows["0-0.15"][-2:] == ["(1", "recordings)"]
    assert rows["0.5-1"][1:3] == ["2", "0.50"]
    assert report("none", []) == "none: no answers\n"
    assert "-" in report("unclear", compared[2:]).splitlines()[-1]


@pytest.mark.parametrize("spectrum", ["sine", "saw"])
def test_chords_are_in_the_tuning_they_are_asked_for(spectrum: str) -> None:
    for cents in (-31.8, 0.0, 15.7):
        sound = chords(additive(spectrum), cents)
        assert tuning_of_partials(sound) == pytest.approx(cents, abs=3)
        assert wrapped(tuning_found(sound).cents - cents) == pytest.approx(0, abs=3)


def test_an_instrument_out_of_tune_is_measured_against_itself() -> None:
    def flat(*arguments: object) -> np.ndarray:
        notes, beat, samples, cents = arguments
        return additive("saw")(notes, beat, samples, cents - 20)  # type: ignore[arg-type,operator]

    against_itself, against_440 = (measure("flat", flat, sampled=s) for s in (True, False))
    assert len(against_itself.deviations) == len(PITCHES_OF_A)
    for own, concert in zip(against_itself.deviations, against_440.deviations, strict=True):
        assert own == pytest.approx(0, abs=4)
        assert concert == pytest.approx(-20, abs=3)


def test_the_instruments_farthest_off_are_listed() -> None:
    instruments = [
        Rendered("good", (0.5, -1.0, 0.0)),
        Rendered("bad", (1.0, -9.0, 2.0)),
        Rendered("noise", (1.0, None, None)),
    ]
    lines = report_rendered("some", instruments, listed=2).splitlines()
    assert lines[0] == "some (3 instruments)"
    assert lines[3].split()[:3] == ["440", "1", "5.00"]
    assert lines[3].split()[-1] == "50.0"
    assert [line.split()[0] for line in lines[5:]] == ["noise", "bad"]


def test_the_command_measures_real_files(flawed_set: Path, command: Command) -> None:
    run = command("detuning.evaluate", flawed_set, "--tracks")
    assert run.returncode == 0, run.stderr
    assert f"{flawed_set.name} (1 recordings, the tuning of 0 unclear)" in run.stdout
    overall = next(row for line in run.stdout.splitlines() if (row := line.split())[:1] == ["all"])
    assert float(overall[4]) < 3
    assert overall[5] == "100.0"
    assert "broken.mp3: " in run.stderr
    assert f"no such file: {flawed_set / 'gone.wav'}" in run.stderr
