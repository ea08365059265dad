"""The sound bank: notes are played at the right pitch, time and loudness, from real files."""

from __future__ import annotations

import ctypes.util
import importlib.util
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import Command
from training.music.notes import Note
from training.music.sampled import (
    HEADER,
    FloatArray,
    Instrument,
    SoundBank,
    SoundBankError,
    bank_path,
)
from training.music.timbres import SAMPLE_RATE
from training.soundbank import Recorder, Recording, build, write_header, write_instrument

ORGAN = Instrument("sines", 16)
PIANO = Instrument("sines", 0)
HOLED = Instrument("sines", 40)
KIT = Instrument("sines", 8)
SECONDS = 2.5
SOUNDFONTS = sorted(Path("/usr/share/sounds/sf2").glob("*GM*.sf2"), key=lambda p: p.stat().st_size)


def sine(pitch: float, seconds: float, level: float, decay: float = 0.0) -> FloatArray:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = level * np.sin(2 * np.pi * hertz * t) * np.exp(-decay * t)
    return np.asarray(wave, np.float32)


def sustained(pitch: int, velocity: int, level: float) -> Recording:
    return Recording(pitch, velocity, sine(pitch, SECONDS, level), np.zeros(2800, np.float32))


def measured_pitch(samples: FloatArray) -> float:
    """The MIDI pitch of the strongest sinusoid, to about a cent."""
    size = 1 << 19
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    return float(69 + 12 * np.log2(np.argmax(spectrum) * SAMPLE_RATE / size / 440))


def rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    folder = tmp_path_factory.mktemp("bank")
    write_header(folder)
    grid = range(48, 73, 2)
    # The hard layer is an octave too high, so that a test can hear which was chosen.
    organ = [sustained(pitch, 70, 0.2) for pitch in grid]
    organ += [
        Recording(pitch, 115, sine(pitch + 12, SECONDS, 0.5), np.zeros(0, np.float32))
        for pitch in grid
    ]
    write_instrument(bank_path(folder, "program", ORGAN), organ)
    silence = np.zeros(0, np.float32)
    piano = [Recording(p, 70, sine(p, SECONDS, 0.6, decay=2.0), silence) for p in grid]
    write_instrument(bank_path(folder, "program", PIANO), piano)
    holed = [sustained(p, 70, 0.0 if p in (58, 60, 62) else 0.001 * p) for p in grid]
    write_instrument(bank_path(folder, "program", HOLED), holed)
    drums = [
        Recording(36, 110, sine(36, 1.2, 0.8, decay=20.0), silence),
        Recording(38, 110, np.zeros(6720, np.float32), silence),
        Recording(42, 110, sine(90, 1.2, 0.2, decay=40.0), silence),
    ]
    write_instrument(bank_path(folder, "kit", KIT), drums)
    return SoundBank(folder)


def play(
    bank: SoundBank, note: Note, instrument: Instrument = ORGAN, cents: float = 0.0
) -> FloatArray:
    return bank.play([note], instrument, 0.5, 6 * SAMPLE_RATE, cents)


def test_listing(bank: SoundBank) -> None:
    assert bank.instruments == (PIANO, ORGAN, HOLED)
    assert bank.kits == (KIT,)
    assert bank.family("organ") == (ORGAN,)
    assert bank.family("brass") == ()


@pytest.mark.parametrize("cents", [0.0, -38.0, 27.5])
@pytest.mark.parametrize("pitch", [48, 55, 60, 71, 74, 45])
def test_pitch_on_and_off_the_grid(bank: SoundBank, pitch: int, cents: float) -> None:
    sound = play(bank, Note(0, 4, pitch, 0.5), cents=cents)[: 2 * SAMPLE_RATE]
    assert measured_pitch(sound) == pytest.approx(pitch + cents / 100, abs=0.02)


def test_shifted_notes_are_pure(bank: SoundBank) -> None:
    """What interpolation adds to a sine is 40 dB below it."""
    sound = play(bank, Note(0, 4, 71, 0.5), cents=30)[: 2 * SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    peak = int(np.argmax(spectrum))
    assert spectrum[peak - 20 : peak + 21].sum() > 0.9999 * spectrum.sum()


def test_a_note_sounds_from_its_start_to_its_end_and_releases(bank: SoundBank) -> None:
    sound = play(bank, Note(2, 1, 60, 0.5))
    start, stop = SAMPLE_RATE, int(1.5 * SAMPLE_RATE)
    assert not sound[:start].any()
    assert rms(sound[start : start + 280]) == pytest.approx(0.5, rel=0.1)
    assert rms(sound[stop - 280 : stop]) == pytest.approx(0.5, rel=0.1)
    # The recording stopped dead, which the shortest release stands for.
    release = int(0.06 * SAMPLE_RATE)
    assert 0 < rms(sound[stop + release // 2 : stop + release]) < 0.2
    assert not sound[stop + release :].any()


def test_a_note_is_cut_at_the_end_of_the_excerpt(bank: SoundBank) -> None:
    sound = bank.play([Note(0, 1, 60, 0.5), Note(9, 1, 60, 0.5)], ORGAN, 1.0, 2800, 0.0)
    assert sound.shape == (2800,)
    assert rms(sound[-280:]) == pytest.approx(0.5, rel=0.1)


def test_organ_notes_go_on_beyond_the_recording(bank: SoundBank) -> None:
    sound = play(bank, Note(0, 11, 61, 0.5))
    later = sound[int(3 * SAMPLE_RATE) : int(5.4 * SAMPLE_RATE)]
    assert rms(later) == pytest.approx(0.5, rel=0.05)
    assert measured_pitch(later) == pytest.approx(61, abs=0.03)
    levels = [rms(later[at : at + 560]) for at in range(0, len(later) - 560, 280)]
    assert min(levels) > 0.35


def test_piano_notes_go_on_dying(bank: SoundBank) -> None:
    sound = play(bank, Note(0, 12, 60, 0.5), PIANO)
    levels = [rms(sound[at : at + SAMPLE_RATE]) for at in range(0, 6 * SAMPLE_RATE, SAMPLE_RATE)]
    falls = [later / earlier for earlier, later in itertools.pairwise(levels)]
    assert falls == pytest.approx([np.exp(-2)] * 5, rel=0.35)


def test_velocity_scales_and_chooses_the_layer(bank: SoundBank) -> None:
    soft, middle, hard = (play(bank, Note(0, 4, 60, velocity)) for velocity in (0.3, 0.6, 1.0))
    assert rms(middle) == pytest.approx(2 * rms(soft), rel=1e-4)
    assert measured_pitch(soft) == pytest.approx(60, abs=0.05)
    assert measured_pitch(hard) == pytest.approx(72, abs=0.05)


def test_missing_notes_fall_back_on_neighbours(bank: SoundBank) -> None:
    for pitch in (58, 60, 62):
        sound = play(bank, Note(0, 4, pitch, 0.5), HOLED)[: 2 * SAMPLE_RATE]
        assert measured_pitch(sound) == pytest.approx(pitch, abs=0.02)


def test_loudness_across_pitches_is_that_of_the_recordings(bank: SoundBank) -> None:
    low, high = (rms(play(bank, Note(0, 4, pitch, 0.5), HOLED)) for pitch in (48, 72))
    assert high / low == pytest.approx(72 / 48, rel=0.01)


def test_pitches_beyond_the_band_are_left_out(bank: SoundBank) -> None:
    assert not play(bank, Note(0, 4, 110, 0.5)).any()


def test_playing_is_deterministic_and_additive(bank: SoundBank) -> None:
    notes = [Note(0.3 * i, 0.5 + i % 3, 50 + 5 * i % 23, 0.2 + 0.1 * (i % 8)) for i in range(30)]
    first = bank.play(notes, ORGAN, 0.4, 4 * SAMPLE_RATE, 12.0)
    again = SoundBank(bank.folder).play(notes, ORGAN, 0.4, 4 * SAMPLE_RATE, 12.0)
    np.testing.assert_array_equal(first, again)
    alone = sum(bank.play([note], ORGAN, 0.4, 4 * SAMPLE_RATE, 12.0) for note in notes)
    np.testing.assert_allclose(first, alone, atol=1e-4)


def test_no_notes_are_silence(bank: SoundBank) -> None:
    assert not bank.play([], ORGAN, 0.5, 100, 0.0).any()


def test_kit(bank: SoundBank) -> None:
    shots = bank.kit(KIT)
    assert sorted(shots) == [36, 42]
    assert np.abs(shots[36]).max() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(shots[42]).max() == pytest.approx(0.25, rel=0.1)
    assert len(shots[42]) < len(shots[36]) < 0.5 * SAMPLE_RATE


def test_an_instrument_of_silence_is_not_written(tmp_path: Path) -> None:
    path = bank_path(tmp_path, "program", ORGAN)
    assert not write_instrument(path, [sustained(60, 70, 0.0)])
    assert not path.exists()


def test_errors_name_the_folder(bank: SoundBank, tmp_path: Path) -> None:
    with pytest.raises(SoundBankError, match=r"no sound bank .*training\.soundbank"):
        SoundBank(tmp_path)
    with pytest.raises(SoundBankError, match="no program 99 of sines"):
        bank.play([], Instrument("sines", 99), 0.5, 100, 0.0)
    with pytest.raises(SoundBankError, match="no kit 0 of sines"):
        bank.kit(Instrument("sines", 0))
    (tmp_path / HEADER).write_text(json.dumps({"format": 0}), encoding="utf-8")
    with pytest.raises(SoundBankError, match="format"):
        SoundBank(tmp_path)
    with pytest.raises(SoundBankError, match="format"):
        write_header(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write_header(tmp_path)
    path = bank_path(tmp_path, "program", ORGAN)
    path.parent.mkdir()
    for content in (b"", b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(SoundBankError, match=r"program-016\.npy"):
            SoundBank(tmp_path).play([], ORGAN, 0.5, 100, 0.0)
    np.save(path, np.zeros(3))
    with pytest.raises(SoundBankError, match="float64"):
        SoundBank(tmp_path).play([], ORGAN, 0.5, 100, 0.0)


def test_without_fluidsynth_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(SoundBankError, match="apt install libfluidsynth3, pip install pyfluid"):
        Recorder(tmp_path / "any.sf2")


def test_two_soundfonts_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundBankError, match="same name"):
        build(tmp_path, [Path("a/x.sf2"), Path("b/x.sf2")], 1)


needs_fluidsynth = pytest.mark.skipif(
    importlib.util.find_spec("fluidsynth") is None or not ctypes.util.find_library("fluidsynth"),
    reason="apt-get install fluidsynth",
)
needs_soundfont = pytest.mark.skipif(not SOUNDFONTS, reason="apt-get install timgm6mb-soundfont")


@needs_fluidsynth
def test_an_unreadable_soundfont_is_named_in_one_line(tmp_path: Path, command: Command) -> None:
    bad = tmp_path / "bad.sf2"
    bad.write_bytes(b"RIFF nothing")
    run = command("soundbank", "--out", tmp_path / "bank", "--soundfont", bad)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith("bad.sf2: not a soundfont that can be read")
    with pytest.raises(SoundBankError, match=r"gone\.sf2: not a soundfont"):
        Recorder(tmp_path / "gone.sf2")


@needs_fluidsynth
@needs_soundfont
def test_a_real_program_sounds_at_its_pitch(tmp_path: Path) -> None:
    recorder = Recorder(SOUNDFONTS[0])
    try:
        assert 0 in recorder.presets(0)
        notes = recorder.notes(0, 0, (57, 60, 64), (70, 115), SECONDS)
    finally:
        recorder.close()
    assert all(0.01 < np.abs(note.held).max() < 2 for note in notes)
    instrument = Instrument("real", 0)
    write_header(tmp_path)
    write_instrument(bank_path(tmp_path, "program", instrument), notes)
    bank = SoundBank(tmp_path)
    for pitch in (57, 61, 64):
        sound = play(bank, Note(0, 4, pitch, 0.5), instrument)[: 2 * SAMPLE_RATE]
        # The strongest partial may be any of the low ones.
        partials = [pitch + 12 * np.log2(n) for n in range(1, 7)]
        assert min(abs(measured_pitch(sound) - partial) for partial in partials) < 0.3
