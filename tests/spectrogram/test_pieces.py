"""A file in pieces is the file as a whole, or it is noticed that it cannot be."""

from __future__ import annotations

import functools
import itertools
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.audio.stream import AudioStream
from keyscan.engine.assembly import Gathering
from keyscan.engine.sharing import Helper, SharedFile
from keyscan.errors import AnalysisError, DecodeFailed, ReadFailed, Silent
from keyscan.spectrogram import pieces
from keyscan.spectrogram.constant_q import Features, FloatArray
from keyscan.spectrogram.features import Stopped, extract_features, extract_piece
from keyscan.spectrogram.pieces import Cuts, FileStamp, Piece, Seam, Seams, cuts_for
from tests.audio_files import FORMATS, music, write_chained_ogg

SECONDS = 18
# Their time stamps are in milliseconds or the like, and tell nothing to the sample.
COARSE = {"wma", "webm", "mka-flac", "ac3", "avi-video", "webm-video", "mpegts"}
# What was never closed does not say how long it is.
OF_UNKNOWN_LENGTH = {"wav-unclosed"}


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SHORTEST_SECONDS", 5)


@functools.cache
def whole_file(name: str) -> bytes:
    form = FORMATS[name]
    rate = form.rate or 44100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"music{form.extension}")
        form.write(path, np.concatenate([music(rate, SECONDS / 2)] * 2), rate)
        return path.read_bytes()


class Sharing(SharedFile):
    """Other processes, played by this one: pieces are decoded as soon as the file is cut."""

    def __init__(self, path: Path, hands: int) -> None:
        super().__init__(self.decode, self.done)
        self.hands = hands
        self.is_done = False
        self._path = path

    def decode(self, piece: Piece, gathering: Gathering, on_failure: Callable[[], None]) -> Helper:
        try:
            answer = extract_piece(self._path, piece, lambda: False, gathering.add, gathering.seam)
            gathering.finish(answer)
        except AnalysisError:
            on_failure()
        return Helper(lambda: None, lambda: None)

    def done(self) -> None:
        self.is_done = True

    def have_done(self) -> bool:
        return self.is_done


def share(path: Path, hands: int) -> tuple[Features, bool]:
    """The features by ``hands`` processes, and whether all of them had to do with it."""
    shared = Sharing(path, hands)
    return shared.finish(extract_features(path, helpers=shared)), shared.is_done


def outcome(path: Path, hands: int = 1) -> tuple[Features | str, bool]:
    """What ``share`` gives, or the code and text of what is wrong with the file."""
    try:
        return share(path, hands)
    except AnalysisError as error:
        return f"{error.code} {error}", False


def assert_same(found: Features | str, expected: Features | str) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected
        return
    assert found.warnings == expected.warnings
    assert found.duration == pytest.approx(expected.duration, abs=1e-6)
    np.testing.assert_allclose(found.spectrogram, expected.spectrogram, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_pieces_make_up_the_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / "music"
    path.write_bytes(whole_file(name))
    expected, _ = share(path, 1)
    found, is_shared = share(path, 3)
    assert is_shared == (name not in COARSE | OF_UNKNOWN_LENGTH)
    assert_same(found, expected)


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - COARSE - OF_UNKNOWN_LENGTH))
def test_a_damaged_file_is_what_it_is_as_a_whole(name: str, tmp_path: Path) -> None:
    """Overwritten, cut, cut out and added to, at a place of its own for each format."""
    data, rng, path = whole_file(name), random.Random(name), tmp_path / "music"
    at, size = rng.randrange(len(data) // 10, len(data)), rng.choice([1, 100, 5000])
    for damaged in (
        data[:at] + rng.randbytes(len(data[at : at + size])) + data[at + size :],
        data[:at],
        data[:at] + data[at + size :],
        data[:at] + data[at : at + size] + data[at:],
    ):
        path.write_bytes(damaged)
        expected, _ = outcome(path)
        found, _ = outcome(path, rng.choice([2, 3]))
        assert_same(found, expected)


def test_silence_at_the_cut_tells_nothing(tmp_path: Path) -> None:
    samples = np.array(music(44100, SECONDS))
    samples[8 * 44100 : 11 * 44100] = 0
    soundfile.write(tmp_path / "music.wav", samples, 44100)
    expected, _ = share(tmp_path / "music.wav", 1)
    found, is_shared = share(tmp_path / "music.wav", 2)
    assert not is_shared
    assert_same(found, expected)


def test_a_track_of_two_recordings(tmp_path: Path) -> None:
    """The second stream has another rate and number of channels, so that samples do not count."""
    write_chained_ogg(tmp_path / "music.ogg", music(44100, SECONDS), 44100)
    second = tmp_path / "second.ogg"
    FORMATS["ogg-vorbis"].write(second, music(22050, SECONDS)[:, :1], 22050)
    with (tmp_path / "music.ogg").open("ab") as file:
        file.write(second.read_bytes())
    expected, _ = share(tmp_path / "music.ogg", 1)
    found, _ = share(tmp_path / "music.ogg", 2)
    assert_same(found, expected)


def piece_of(path: Path, start: int, end: int | None) -> Piece:
    return Piece(start, end, FileStamp.of(path.stat()))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "music.wav"
    path.write_bytes(whole_file("wav"))
    return path


def no_parts(part: FloatArray) -> None:
    raise AssertionError("an hour has not passed")


def test_a_piece_of_its_own(wav: Path) -> None:
    seams: list[Seam] = []
    whole = extract_features(wav)
    found = extract_piece(wav, piece_of(wav, 7, 14), lambda: False, no_parts, seams.append)
    np.testing.assert_allclose(found.spectrogram, whole.spectrogram[:, 35:70], rtol=0, atol=1e-4)
    assert [(seam.second, len(seam.samples)) for seam in seams] == [(7, 3675), (14, 3675)]


def test_a_piece_that_nobody_wants(wav: Path) -> None:
    with pytest.raises(Stopped):
        extract_piece(wav, piece_of(wav, 7, None), lambda: True, no_parts, lambda seam: None)


def test_another_file_at_the_path(wav: Path) -> None:
    piece = piece_of(wav, 7, None)
    wav.unlink()
    wav.write_bytes(whole_file("wav"))
    with pytest.raises(ReadFailed, match="another one"):
        extract_piece(wav, piece, lambda: False, no_parts, lambda seam: None)


def test_a_piece_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    soundfile.write(path, np.zeros(20 * 44100), 44100)
    with pytest.raises(Silent):
        extract_piece(path, piece_of(path, 7, None), lambda: False, no_parts, lambda seam: None)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "m4a", "ogg-vorbis", "ogg-opus"])
def test_a_piece_behind_the_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / "music"
    path.write_bytes(whole_file(name))
    with pytest.raises(AnalysisError):
        extract_piece(path, piece_of(path, 100, None), lambda: False, no_parts, lambda seam: None)


def test_a_late_start_is_no_damage(tmp_path: Path) -> None:
    """And neither the length nor a warning tells that there was more before."""
    for name in sorted(FORMATS.keys() - COARSE - OF_UNKNOWN_LENGTH):
        path = tmp_path / "music"
        path.write_bytes(whole_file(name))
        with AudioStream(path, start=10) as stream:
            samples = sum(map(len, stream))
            assert stream.is_intact, name
        assert samples / stream.sample_rate == pytest.approx(stream.duration - 10, abs=0.01), name


def test_one_sample_off_does_not_fit() -> None:
    samples = np.random.default_rng(0).standard_normal(44100).astype(np.float32)
    low = np.convolve(samples, np.hanning(400), "same").astype(np.float32)  # below 200 Hz
    assert Seam(3, low[:-1]).fits(Seam(3, low[:-1] * np.float32(1 + 1e-5)))
    assert not Seam(3, low[:-1]).fits(Seam(3, low[1:]))
    assert not Seam(3, low[:-1]).fits(Seam(3, low[:-2]))
    assert not Seam(3, 0 * low).fits(Seam(3, 0 * low))
    assert not Seam(3, np.nan * low).fits(Seam(3, np.nan * low))


@pytest.mark.parametrize("size", [1, 7, 99, 1000])
def test_seams_out_of_blocks_of_any_size(size: int) -> None:
    samples = np.arange(1000, dtype=np.float32)
    seams, found = Seams((12, 13, 40), 10, 10), []
    for start in range(0, len(samples), size):
        found += seams.push(samples[start : start + size])
    assert seams.complete
    assert {seam.second: list(seam.samples) for seam in found} == {
        second: list(range((second - 10) * 10, (second - 9) * 10)) for second in (12, 13, 40)
    }


@pytest.mark.parametrize(("seconds", "hands", "pieces_"), [(9, 4, 1), (10, 4, 2), (90, 4, 4)])
def test_short_files_are_left_whole(seconds: float, hands: int, pieces_: int) -> None:
    assert len(cuts_for(seconds, hands, 0.0)) == pieces_ - 1


@pytest.mark.parametrize("skipping", [0.0, 0.12])
def test_pieces_take_as_long_as_each_other(skipping: float) -> None:
    cuts = (0, *cuts_for(36_000.0, 4, skipping), 36_000)
    work = [end - start + skipping * start for start, end in itertools.pairwise(cuts)]
    assert max(work) - min(work) < 3


def test_a_length_that_cannot_be() -> None:
    assert cuts_for(1e9, 4, 0.0) == ()
    assert cuts_for(0.0, 4, 0.0) == ()


def test_pieces_lie_between_the_cuts(wav: Path) -> None:
    stamp = FileStamp.of(wav.stat())
    assert Cuts((10, 20), stamp).pieces == (Piece(10, 20, stamp), Piece(20, None, stamp))


@pytest.mark.parametrize("name", ["mp3", "aac"])
def test_the_way_to_a_piece_is_left_when_nobody_wants_it(name: str, tmp_path: Path) -> None:
    """It takes seconds in a file of many hours."""
    asked: list[None] = []

    def should_stop() -> bool:
        asked.append(None)
        return True

    path = tmp_path / "music"
    path.write_bytes(whole_file(name) * 5)
    with pytest.raises(DecodeFailed, match="nobody wants it"):
        extract_piece(path, piece_of(path, 80, None), should_stop, no_parts, lambda seam: None)
    assert len(asked) == 1
