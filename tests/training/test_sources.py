"""Each kind of source in its published layout, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keyscan.keys import Key
from tests.training.conftest import Command, write_labels
from training.datasets import DatasetError
from training.features import Labelled, write_features
from training.shards import WIDE_BINS
from training.sources import read_giantsteps, read_source

A_MINOR, D_SHARP_MINOR = Key.parse("A minor"), Key.parse("D# minor")


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_mtg(checkout: Path, *rows: str) -> Path:
    """The table of GiantSteps-MTG, which has LF line ends and no comments."""
    path = checkout / "annotations" / "annotations.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["ID\tMANUAL KEY\tC", *rows, ""]), encoding="utf-8")
    return path


def test_a_folder_with_labels(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav")
    write_labels(tmp_path, "a.wav\tAm", "gone.wav\tC")
    found = read_source(tmp_path)
    assert [(track.path.name, track.key) for track in found.tracks] == [("a.wav", A_MINOR)]
    assert found.missing == (tmp_path / "gone.wav",)


def test_a_set_of_spectrograms(tmp_path: Path) -> None:
    spectrogram = np.ones((WIDE_BINS, 50), np.float16)
    write_features(tmp_path / "set.npz", [Labelled(spectrogram, A_MINOR, 10.2, "a title")])
    found = read_source(tmp_path / "set.npz")
    assert [(t.member, t.title, t.key) for t in found.tracks] == [("000", "a title", A_MINOR)]


def test_a_giantsteps_checkout(tmp_path: Path) -> None:
    for number, text in (("10089", "A minor"), ("3044", "-"), ("1002", "Eb minor\n")):
        path = tmp_path / "annotations" / "key" / f"{number}.LOFI.key"
        touch(path, tmp_path / "audio" / f"{number}.LOFI.mp3")
        path.write_text(text, encoding="utf-8")
    found = read_source(tmp_path)
    assert found.name == "giantsteps"
    assert [(track.path.name, track.key) for track in found.tracks] == [
        ("1002.LOFI.mp3", D_SHARP_MINOR),
        ("10089.LOFI.mp3", A_MINOR),
    ]
    assert found.skipped == (("3044.LOFI", "no single key", "-"),)


def test_a_giantsteps_mtg_checkout(tmp_path: Path) -> None:
    """It has ``.key`` files, too, which are another's labels; rows as they are in the table."""
    touch(*(tmp_path / "audio" / f"{n}.LOFI.mp3" for n in (5061, 16484, 61578, 10981, 4970565)))
    (tmp_path / "annotations" / "key").mkdir(parents=True)
    (tmp_path / "annotations" / "key" / "5061.LOFI.key").write_text("C major", encoding="utf-8")
    write_mtg(
        tmp_path,
        "5061\tD# minor\t2",
        "16484\tA minor\t1",
        "61578\tC minor / F# minor\t2",
        "515806\tF / F# minor\t2",
        "297150\tA-A# minor\t0",
        "299300\tG minor/major\t2",
        "10981\t-\t0",
        "4311630\t \t0",
        "4970565\tB major \t2",
        "5881\tA major\t2",
    )
    found = read_source(tmp_path)
    assert found.name == "giantsteps-mtg"
    assert [(track.path.name, track.key) for track in found.tracks] == [
        ("5061.LOFI.mp3", D_SHARP_MINOR),
        ("4970565.LOFI.mp3", Key.parse("B major")),
    ]
    assert found.missing == (tmp_path / "audio" / "5881.LOFI.mp3",)
    assert set(found.skipped) == {
        ("16484.LOFI", "confidence 1", ""),
        ("61578.LOFI", "no single key", "C minor / F# minor"),
        ("515806.LOFI", "no single key", "F / F# minor"),
        ("297150.LOFI", "confidence 0", ""),
        ("299300.LOFI", "no single key", "G minor/major"),
        ("10981.LOFI", "confidence 0", ""),
        ("4311630.LOFI", "confidence 0", ""),
    }
    assert len(read_giantsteps(tmp_path, tmp_path / "elsewhere").missing) == 3


@pytest.mark.parametrize(
    "table",
    [
        ",key_and_mode,track_id,spotify_uri\n0,A minor,2,spotify:track:x\n1,Eb minor,144002,\n"
        "2,C Major,5,\n3,,10,\n",
        "annotations,,\ntrack_id,spotify_uri,key_and_mode\n2,,A minor\n144002,,D# minor\n"
        "000005,,C Major\n10,x,\n",
    ],
)
def test_fmaks_tables_beside_fmas_audio(table: str, tmp_path: Path) -> None:
    """That of FMAKv2, and one of FMAK, whose columns are in another order."""
    touch(tmp_path / "fma_large" / "000" / "000002.mp3", tmp_path / "144" / "144002.mp3")
    (tmp_path / "fma_large" / "checksums").touch()
    (tmp_path / "artists.csv").write_text("id,name\n", encoding="utf-8")
    (tmp_path / "keys.csv").write_text(table, encoding="utf-8")
    for source in (tmp_path, tmp_path / "keys.csv"):
        found = read_source(source)
        assert found.name == "keys"
        assert [(track.path.name, track.key) for track in found.tracks] == [
            ("000002.mp3", A_MINOR),
            ("144002.mp3", D_SHARP_MINOR),
        ]
        assert found.missing == (tmp_path / "000" / "000005.mp3",)
        assert found.skipped == (("000010", "no single key", ""),)


def test_a_label_outside_the_24_keys_is_shown_and_the_others_are_read(tmp_path: Path) -> None:
    key = tmp_path / "giantsteps" / "annotations" / "key" / "1.LOFI.key"
    touch(key)
    key.write_text("H moll", encoding="utf-8")
    assert read_source(tmp_path / "giantsteps").skipped == (("1.LOFI", "no single key", "H moll"),)
    key.write_bytes("A minor".encode("utf-16"))
    with pytest.raises(DatasetError, match=r"1\.LOFI\.key: cannot be read"):
        read_source(tmp_path / "giantsteps")
    write_mtg(tmp_path / "mtg", "1\tH minor\t2", "2\tA minor\t2")
    found = read_source(tmp_path / "mtg")
    assert found.skipped == (("1.LOFI", "no single key", "H minor"),)
    assert [path.name for path in found.missing] == ["2.LOFI.mp3"]
    rows = ",key_and_mode,track_id,spotify_uri\n0,C dorian,2,\n1,A minor,3,\n"
    (tmp_path / "fmakv2.csv").write_text(rows, encoding="utf-8")
    found = read_source(tmp_path / "fmakv2.csv")
    assert found.skipped == (("000002", "no single key", "C dorian"),)
    assert [path.name for path in found.missing] == ["000003.mp3"]


def test_no_known_kind_is_an_error_that_lists_the_kinds(tmp_path: Path) -> None:
    touch(tmp_path / "audio" / "a.mp3")
    with pytest.raises(DatasetError) as error:
        read_source(tmp_path)
    for kind in ("labels.tsv", "NAME.npz", "annotations/annotations.txt", "track_id"):
        assert kind in str(error.value)
    with pytest.raises(DatasetError, match="gone: no such file or folder"):
        read_source(tmp_path / "gone")


def test_an_invalid_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    for row, message in {
        "5061\tA minor\t3": "confidence '3', not 0, 1 or 2",
        "5061\tA minor": "too few columns",
    }.items():
        write_mtg(tmp_path / "mtg", "1\tC major\t2", row)
        with pytest.raises(DatasetError, match=rf"annotations\.txt:3: {message}"):
            read_source(tmp_path / "mtg")
    table = tmp_path / "fmakv2.csv"
    for row, message in {
        "0,A minor,two,": "not a track_id: 'two'",
        "0": "too few columns",
    }.items():
        table.write_text(f",key_and_mode,track_id,spotify_uri\n{row}\n", encoding="utf-8")
        with pytest.raises(DatasetError, match=rf"fmakv2\.csv:2: {message}"):
            read_source(tmp_path)
    table.write_text("id,key\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"fmakv2\.csv: no columns track_id and key_and_mode"):
        read_source(table)


def test_the_commands_take_a_source_and_those_that_need_audio_say_so(
    tmp_path: Path, command: Command
) -> None:
    spectrogram = np.random.default_rng(0).random((WIDE_BINS, 100)).astype(np.float16)
    write_features(tmp_path / "set.npz", [Labelled(spectrogram, A_MINOR, 20.0, "a title")])
    judged = command("evaluate", tmp_path / "set.npz", "--tracks")
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout.startswith("set\t000 a title\tA minor\t")
    refused = command("stability", tmp_path / "set.npz")
    assert refused.returncode == 2
    assert "set.npz: spectrograms, but recordings are needed" in refused.stderr
