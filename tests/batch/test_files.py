"""Which files ``analyze`` takes, in which order."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import av
import pytest
from av.format import ContainerFormat

from keyscan.audio.formats import EXTENSIONS
from keyscan.batch import files
from keyscan.batch.files import find_files, natural
from keyscan.batch.results import Failed
from tests.other_user import not_root

# names that FFmpeg knows by their bytes, or libsndfile reads, though no demuxer lists them
OTHER_NAMES = {
    "adts": "aac", "bwf": "wav", "dff": "iff", "dsf": "dsf", "mpga": "mp3", "mpg": "mpeg",
    "oga": "ogg", "ogv": "ogg", "opus": "ogg", "rf64": "wav", "rmvb": "rm", "snd": "au",
    "m4p": "mp4", "m4r": "mp4", "spx": "ogg", "vdjstems": "matroska", "vob": "mpeg",
    "wave": "wav", "weba": "webm",
}  # fmt: skip


@pytest.fixture
def music(tmp_path):
    """A folder with music and other files."""
    for name in (
        *("10 b.mp3", "2 a.MP3", "1.flac", "cover.jpg", "set.m3u8", "mp3", ".mp3", "._1.flac"),
        *("B/z.wav", "a/y.ogg", "a/deep/x.m4a", ".hidden/h.wav", "video.mp4", "program.ts"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def found(*paths, recursive=True, exclude=()):
    return list(find_files([str(path) for path in paths], recursive=recursive, exclude=exclude))


def left_out(*paths, **options):
    skipped = Counter()
    options = {"recursive": True, **options}
    list(find_files([str(path) for path in paths], skipped=skipped, **options))
    return skipped


def names(folder, paths):
    return [os.path.relpath(path, folder) for path in paths]


def test_folders_give_their_music_in_natural_order(music):
    assert names(music, found(music)) == [
        *("1.flac", "2 a.MP3", "10 b.mp3", "video.mp4", "a/y.ogg", "a/deep/x.m4a", "B/z.wav"),
    ]


def test_without_recursion_the_folders_in_a_folder_are_left_out(music):
    expected = ["1.flac", "2 a.MP3", "10 b.mp3", "video.mp4"]
    assert names(music, found(music, recursive=False)) == expected


def test_music_of_shops_phones_and_stems(tmp_path):
    expected = ["a.M4P", "b.m4r", "c.mpa", "d.flac.vdjstems", "e.stem.mp4", "f.STEM.MP4"]
    for name in (*expected, "g.stem", "vdjstems", "m4r", "h.mpa.part"):
        (tmp_path / name).touch()
    assert names(tmp_path, found(tmp_path)) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("$RECYCLE.BIN", "$Recycle.Bin", "System Volume Information", ".Trashes", "@eaDir"),
        *("#recycle", "@Recycle", "lost+found", "__MACOSX", "RECYCLER", "RECYCLED", "FOUND.000"),
        *("@tmp", "@sharebin", "Temporary Items", "TheVolumeSettingsFolder"),
    ],
)
def test_folders_that_a_system_makes_are_left_out(music, name):
    expected = found(music)
    before = left_out(music)
    (music / "a" / name / "S-1-5-21").mkdir(parents=True)
    for track in (music / "a" / name / "$R1.mp3", music / "a" / name / "S-1-5-21" / "$R2.mp3"):
        track.touch()
    assert found(music) == expected
    assert left_out(music) - before == {"system_folders": 1}
    named = names(music, found(music / "a" / name))
    assert named == [f"a/{name}/$R1.mp3", f"a/{name}/S-1-5-21/$R2.mp3"]


def test_names_like_those_of_the_system_are_music(tmp_path):
    for name in (
        "System Volume Information.mp3",
        "Recycler/a.mp3",
        "Recycled/a.mp3",
        "lost and found/a.mp3",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert len(found(tmp_path)) == 4
    assert left_out(tmp_path) == {}


def test_what_is_left_out_is_counted(music):
    (music / "link.mp3").symlink_to("a/y.ogg")
    # cover.jpg, set.m3u8, mp3, program.ts; .mp3, ._1.flac, .hidden
    assert left_out(music) == {"other_files": 4, "hidden": 3, "repeated": 1}
    assert left_out(music, recursive=False) == {"other_files": 4, "hidden": 3, "subfolders": 2}
    assert left_out(music / "a", music / "a" / "y.ogg", music / "gone.mp3") == {"repeated": 1}


def test_a_file_that_is_named_is_always_tried(music):
    named = [music / "cover.jpg", music / ".hidden" / "h.wav", music / "missing.mp3"]
    assert found(*named) == list(map(str, named))
    assert names(music, found(music / ".hidden")) == [".hidden/h.wav"]


def test_the_order_is_that_given(music):
    named = [music / "B", music / "2 a.MP3", music]
    assert names(music, found(*named))[:3] == ["B/z.wav", "2 a.MP3", "1.flac"]


def test_a_file_comes_once_however_often_it_is_given(music, monkeypatch):
    (music / "link.mp3").symlink_to("1.flac")
    (music / "linked").symlink_to("a")
    monkeypatch.chdir(music)
    paths = found(music, music / "1.flac", "1.flac", "./a/../1.flac", music / "a")
    assert len(paths) == 7
    assert len({os.path.realpath(path) for path in paths}) == 7


def test_links_in_a_circle_end(music):
    (music / "a" / "up").symlink_to("..")
    (music / "self.mp3").symlink_to("self.mp3")
    (music / "self").symlink_to("self")
    paths = names(music, found(music))
    assert len(paths) == 8
    assert "self.mp3" in paths  # its failure will be told


def test_a_link_to_nothing_is_passed_on(music):
    (music / "gone.mp3").symlink_to("nowhere.mp3")
    assert "gone.mp3" in names(music, found(music))


def test_folders_nested_deeper_than_the_stack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [Path(*["d"] * (n + 1)) for n in range(sys.getrecursionlimit() + 100)]
    for folder in folders:
        folder.mkdir()
    track = folders[-1] / "deep.mp3"
    track.write_bytes(b"x")
    paths = found("d")
    track.unlink()
    for folder in reversed(folders):  # pytest cannot
        folder.rmdir()
    assert paths == [str(track)]


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
def test_a_folder_that_may_not_be_read_is_told():
    with tempfile.TemporaryDirectory() as place, not_root(place):
        folder = Path(place) / "locked"
        folder.mkdir()
        (Path(place) / "open.mp3").write_bytes(b"x")
        folder.chmod(0)
        path, unreadable = found(place)
        folder.chmod(0o755)
    assert path.endswith("open.mp3")
    assert (unreadable.path, unreadable.error.code) == (str(folder), "permission_denied")


def test_a_folder_that_is_gone_before_it_is_read_is_told(music):
    walk = find_files([str(music)], recursive=True)
    assert os.path.basename(str(next(walk))) == "1.flac"  # noqa: PTH119
    for file in (music / "B").iterdir():
        file.unlink()
    (music / "B").rmdir()
    (folder,) = [item for item in walk if isinstance(item, Failed)]
    assert (folder.path, folder.error.code) == (str(music / "B"), "read_failed")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_no_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.mp3"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"x")
    assert list(map(os.fsencode, found(tmp_path))) == [path]


def test_on_windows_patterns_are_for_the_program_to_expand(music, monkeypatch):
    monkeypatch.setattr(files, "_ON_WINDOWS", True)
    (music / "[x]*.mp3").write_bytes(b"x")
    patterns = [music / "*.MP3", music / "[x]*.mp3", music / "no*where"]
    expected = ["2 a.MP3", "[x]*.mp3", "no*where"]
    assert names(music, found(*patterns)) == expected


def test_numbers_in_names_count_and_case_does_not():
    given = ["b10", "B9", "a", "10", "9", "٣", "²"]
    assert sorted(given, key=natural) == ["٣", "9", "10", "a", "B9", "b10", "²"]


def test_every_extension_is_one_that_the_decoders_know():
    known = set()
    for name in av.formats_available:
        with contextlib.suppress(ValueError):  # devices
            container = ContainerFormat(name)
            if container.is_input:
                known |= {*container.extensions, name}
    for extension in EXTENSIONS:
        assert OTHER_NAMES.get(extension, extension) in known


def test_a_link_beside_its_file_does_not_take_its_place(tmp_path):
    (tmp_path / "z.flac").write_bytes(b"music")
    (tmp_path / "a.flac").symlink_to("z.flac")
    (tmp_path / "m.flac").symlink_to("../elsewhere.flac")
    assert list(find_files([str(tmp_path)], recursive=True)) == [
        str(tmp_path / name) for name in ("m.flac", "z.flac")
    ]


@pytest.fixture
def linked(tmp_path):
    """Files, and links to files and folders that come before them or are elsewhere."""
    for name in ("z/song.mp3", "z/deep/other.mp3", "z/.hidden/h.mp3", "z/data.bin"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "far.mp3").touch()
    links = tmp_path / "in" / "a"
    links.mkdir()
    (links / "1.mp3").symlink_to("../z/song.mp3")
    (links / "2.mp3").symlink_to("../z/.hidden/h.mp3")
    (links / "3.mp3").symlink_to("../z/data.bin")
    (links / "4.mp3").symlink_to("../../out/far.mp3")
    (links / "5").symlink_to("../z/deep")
    (links / "6").symlink_to("../z/.hidden")
    return tmp_path


def test_a_file_comes_by_its_own_name_and_only_then_by_a_link(linked):
    assert names(linked, found(linked / "in")) == [
        "in/a/4.mp3", "in/z/song.mp3", "in/z/deep/other.mp3", "in/a/2.mp3", "in/a/3.mp3",
    ]  # fmt: skip
    # 1.mp3, and h.mp3 again through the second link to its folder
    assert left_out(linked / "in") == {"repeated": 2, "hidden": 1, "other_files": 1}


def test_the_name_that_is_given_stays(linked):
    link, song = linked / "in" / "a" / "1.mp3", linked / "in" / "z" / "song.mp3"
    far = linked / "out" / "far.mp3"
    assert found(link) == [str(link)]
    assert found(link, song) == [str(link)]
    assert str(far) in found(linked / "in", far)
    assert names(linked, found(linked / "in" / "a", recursive=False)) == [
        "in/a/1.mp3", "in/a/2.mp3", "in/a/3.mp3", "in/a/4.mp3",
    ]  # fmt: skip
    assert left_out(linked / "in" / "a", recursive=False) == {"subfolders": 2}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.mp3"], ["1.flac", "video.mp4", "a/y.ogg", "a/deep/x.m4a", "B/z.wav"]),
        (["A"], ["1.flac", "2 a.MP3", "10 b.mp3", "video.mp4", "B/z.wav"]),
        (["deep/", "B"], ["1.flac", "2 a.MP3", "10 b.mp3", "video.mp4", "a/y.ogg"]),
        (["a/*.ogg", "?.flac"], ["2 a.MP3", "10 b.mp3", "video.mp4", "a/deep/x.m4a", "B/z.wav"]),
        (["[0-9]*"], ["video.mp4", "a/y.ogg", "a/deep/x.m4a", "B/z.wav"]),
        (["*/deep/*", "./B", "vide"], ["1.flac", "2 a.MP3", "10 b.mp3", "video.mp4", "a/y.ogg"]),
        (["*"], []),
    ],
)  # fmt: skip
def test_patterns_leave_out_files_and_whole_folders(music, patterns, expected):
    upper = [pattern.upper() for pattern in patterns]
    assert names(music, found(music, exclude=upper)) == expected
    assert names(music, found(music, exclude=patterns)) == expected


def test_what_is_excluded_is_counted_also_if_it_is_named(music):
    assert found(music / "1.flac", music / "a", exclude=["1.flac", "deep"]) == [
        str(music / "a" / "y.ogg")
    ]
    assert left_out(music / "1.flac", music / "a", exclude=["1.flac", "deep"]) == {"excluded": 2}
    whole = str(music / "a")
    assert names(music, found(music, exclude=[whole]))[-1] == "B/z.wav"
    assert left_out(music, exclude=["*.jpg"])["excluded"] == 1


def test_a_pattern_is_for_the_folder_one_is_in(music, monkeypatch):
    monkeypatch.chdir(music / "a")
    assert found(".", exclude=["deep"]) == [os.path.join(".", "y.ogg")]  # noqa: PTH118
    assert found(".", exclude=["a"]) == []


def test_patterns_know_a_name_however_unicode_composes_it(tmp_path):
    (tmp_path / "cafe\u0301.mp3").touch()
    assert found(tmp_path, exclude=["CAF\u00c9.*"]) == []
