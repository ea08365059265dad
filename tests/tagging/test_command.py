"""``analyze --write-tags`` as a person runs it, and tags beside the keys that were found."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TKEY
from mutagen.mp4 import MP4

from examples.track import SAMPLE_RATE, render_track
from keyscan.arguments import parse_analyze
from keyscan.keys import Key
from tests.audio_files import valid
from tests.batch.analyze_process import run_analyze
from tests.other_user import OTHER_USER, as_other_user
from tests.server_process import COMMAND, EXE, PATIENCE, ROOT
from tests.tagging.contents import packets

pytestmark = pytest.mark.skipif(bool(EXE), reason="the exe is without mutagen")
needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or (os.geteuid() == 0 and not shutil.which("setpriv")),
    reason="needs Unix permissions, and setpriv if root runs it",
)


@pytest.fixture
def songs(tmp_path):
    """The same music in A minor four times: without a key, with a right and a wrong one, as AU."""
    folder = tmp_path / "songs"
    folder.mkdir()
    for name, form in (("1.mp3", "mp3"), ("2.m4a", "m4a"), ("3.flac", "flac"), ("4.au", "au")):
        (folder / name).write_bytes(valid(form, 8.0))
    audio = MP4(folder / "2.m4a")
    audio["----:com.apple.iTunes:initialkey"] = [b"8A"]
    audio.save()
    audio = FLAC(folder / "3.flac")
    audio["INITIALKEY"] = "Cm"
    audio.save()
    return folder


def key_of(path):
    match path.suffix:
        case ".mp3":
            return ID3(path)["TKEY"].text[0]
        case ".m4a":
            return bytes(MP4(path)["----:com.apple.iTunes:initialkey"][0]).decode()
        case _:
            return FLAC(path)["INITIALKEY"][0]


def tracks(done):
    return {Path(t["path"]).name: t.get("tag") for t in json.loads(done.stdout)["tracks"]}


def test_tags_are_shown_and_agreement_is_counted(songs):
    contents = [path.read_bytes() for path in sorted(songs.iterdir())]
    done = run_analyze(songs)
    assert done.returncode == 0
    header, *lines = done.stdout.splitlines()
    at = header.split().index("tag") + 1  # the key has two words
    assert [line.split()[at] for line in lines[:4]] == ["-", "8A", "Cm", "-"]
    assert lines[2].split()[at + 1] == "≠"
    assert lines[-1] == "≠ the tags of the file have another key"
    assert "keys found in tags: 2, of which 1 agrees (50%)\n" in done.stderr
    found = run_analyze("--json", songs)
    assert tracks(found) == {"1.mp3": None, "2.m4a": {"key": "8A", "agrees": True},
                             "3.flac": {"key": "Cm", "agrees": False}, "4.au": None}  # fmt: skip
    assert json.loads(found.stdout)["summary"]["tags"] == {"keys": 2, "agree": 1}
    rows = list(csv.DictReader(io.StringIO(run_analyze("--csv", songs).stdout, newline="")))
    assert [(row["tag"], row["tag_agrees"]) for row in rows] == [
        ("", ""), ("8A", "true"), ("Cm", "false"), ("", ""),
    ]  # fmt: skip
    assert [path.read_bytes() for path in sorted(songs.iterdir())] == contents


def test_keys_are_written_where_there_is_none(songs):
    before = {path.name: packets(path) for path in songs.iterdir()}
    done = run_analyze("--json", "--write-tags", songs)
    assert done.returncode == 0
    assert done.stderr.splitlines()[:2] == [
        f"tagged: {songs}/1.mp3: key Am",
        f"not tagged: {songs}/4.au: a file in the format au holds no key",
    ]
    assert "tags: 1 written, 2 kept as they were (see --overwrite), 1 not possible\n" in done.stderr
    assert [key_of(songs / name) for name in ("1.mp3", "2.m4a", "3.flac")] == ["Am", "8A", "Cm"]
    assert tracks(done)["1.mp3"] == {
        "key": None, "agrees": None, "change": "written", "written": "Am",
    }  # fmt: skip
    assert tracks(done)["4.au"]["change"] == "not_possible"
    assert {path.name: packets(path) for path in songs.iterdir()} == before
    again = run_analyze("--write-tags", songs)
    assert "tags: 1 there already, 2 kept as they were" in again.stderr


def test_overwrite_comment_times_and_a_dry_run(songs):
    paths = sorted(songs.iterdir())
    for path in paths:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    contents = [path.read_bytes() for path in paths]
    options = ("--write-tags", "musical", "--overwrite", "--comment", "--keep-times")
    done = run_analyze(*options, "--dry-run", songs)
    assert done.returncode == 0
    assert f"would tag: {songs}/3.flac: key A minor instead of Cm, comment A minor\n" in done.stderr
    assert "tags: 3 would be written, 1 not possible\n" in done.stderr
    assert [path.read_bytes() for path in paths] == contents
    done = run_analyze(*options, songs)
    assert f"tagged: {songs}/1.mp3: key Am, comment A minor\n" in done.stderr
    assert f"tagged: {songs}/3.flac: key A minor instead of Cm, comment A minor\n" in done.stderr
    assert [key_of(path) for path in paths[:3]] == ["Am", "A minor", "A minor"]
    assert ID3(paths[0])["COMM::eng"].text == ["A minor"]
    assert {path.stat().st_mtime for path in paths} == {1_000_000_000}
    assert sorted(songs.iterdir()) == paths


def test_every_text_that_is_replaced_is_named(songs):
    flac, mp3 = songs / "3.flac", songs / "1.mp3"
    audio = FLAC(flac)
    audio["INITIALKEY"], audio["COMMENT"] = ["4A", "Fm"], ["c1", "c\n2"]
    audio.save()
    tags = ID3()
    for lang in ("deu", "eng"):
        tags.add(COMM(encoding=3, lang=lang, desc="", text=[f"in {lang}"]))
    tags.save(mp3)
    options = ("--write-tags", "--overwrite", "--comment", mp3, flac)
    for done, verb in ((run_analyze("--dry-run", *options), "would tag"),
                       (run_analyze(*options), "tagged")):  # fmt: skip
        assert done.stderr.splitlines()[:2] == [
            f"{verb}: {mp3}: key Am, comment Am instead of in eng",
            f"{verb}: {flac}: key Am instead of 4A, Fm, comment Am instead of c1, c\\x0a2",
        ]
    assert {one.lang: one.text for one in ID3(mp3).getall("COMM")} == {
        "deu": ["in deu"], "eng": ["Am"],
    }  # fmt: skip
    assert FLAC(flac)["COMMENT"] == ["Am"]


def test_only_sure_keys_are_written(songs, tmp_path):
    noise = songs / "5.wav"
    soundfile.write(noise, np.random.default_rng(1).normal(0, 0.1, 8 * SAMPLE_RATE), SAMPLE_RATE)
    content = noise.read_bytes()
    done = run_analyze("--write-tags", "--overwrite", "--min-confidence", "0.999", songs)
    assert done.returncode == 0
    assert "tags: 5 not sure enough (see --min-confidence)\n" in done.stderr
    assert "tagged:" not in done.stderr
    done = run_analyze("--write-tags", "--min-confidence", "0", noise)
    assert "tags: 1 not sure enough" in done.stderr  # not tonal
    assert noise.read_bytes() == content


def test_damaged_tags_fail_and_stay(songs):
    path = songs / "1.mp3"
    tags = ID3()
    tags.add(TKEY(encoding=0, text=["A" * 2000]))
    tags.save(path)
    content = path.read_bytes()
    done = run_analyze("--write-tags", "--overwrite", songs)
    assert done.returncode == 1
    assert f"not tagged: {path}: its tags cannot be read: the key is too long\n" in done.stderr
    assert "tags: 2 written, 1 not possible, 1 failed\n" in done.stderr
    assert path.read_bytes() == content
    assert run_analyze(songs).returncode == 0


@pytest.fixture
def place():
    """A folder of a user who is not root, who may write everything."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, OTHER_USER, OTHER_USER)
        yield Path(name)


def song_of(path, mode, user=OTHER_USER, group=OTHER_USER):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(valid("mp3", 8.0))
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, user, group)
    return path


def require_refusals(songs, reasons):
    """A dry run and a real one write the first of ``songs``, and say why not the others."""
    first, *others = songs
    refused = [f"not tagged: {song}: {why}" for song, why in zip(others, reasons, strict=True)]
    contents = [song.read_bytes() for song in others]
    for options, verb, counted in (
        (("--write-tags", "--dry-run"), "would tag", "would be written"),
        (("--write-tags",), "tagged", "written"),
    ):
        command = [*as_other_user(), *COMMAND, "analyze", *options, *map(str, songs)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)
        lines = done.stderr.splitlines()
        assert {*lines[: len(songs)]} == {f"{verb}: {first}: key Am", *refused}
        assert f"tags: 1 {counted}, {len(others)} failed" in lines
        assert done.returncode == 1
    assert [song.read_bytes() for song in others] == contents


def test_damaged_headers_fail_in_a_dry_run_too(songs):
    """Its last chunk claims to be longer than it is, so that no chunk can follow."""
    path = songs / "5.wav"
    data = bytearray(valid("wav", 8.0))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", len(data))
    path.write_bytes(data)
    for options in (("--write-tags", "--dry-run"), ("--write-tags",)):
        done = run_analyze(*options, path)
        assert done.returncode == 1
        assert f"not tagged: {path}: its tags cannot be written: its headers are" in done.stderr
        assert path.read_bytes() == data


@needs_permissions
def test_a_read_only_file_or_folder_fails_in_a_dry_run_too(place):
    songs = [
        song_of(place / "1.mp3", 0o644), song_of(place / "2.mp3", 0o444),
        song_of(place / "locked" / "3.mp3", 0o644),
    ]  # fmt: skip
    if os.geteuid() == 0:
        os.chown(place / "locked", OTHER_USER, OTHER_USER)
    (place / "locked").chmod(0o555)
    try:
        require_refusals(songs, ["the file is read-only", "its folder is read-only"])
    finally:
        (place / "locked").chmod(0o755)


@needs_permissions
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root gives files")
def test_a_file_of_another_owner_fails_in_a_dry_run_too(place):
    songs = [
        song_of(place / "1.mp3", 0o644), song_of(place / "2.mp3", 0o666, user=0),
        song_of(place / "3.mp3", 0o666, group=0),
    ]  # fmt: skip
    require_refusals(
        songs, ["the file belongs to another user or group, which a new one would not"] * 2
    )


def test_a_cache_knows_the_files_after_their_tags_have_changed(songs, tmp_path):
    options = ("--json", "--cache", tmp_path / "cache.sqlite", songs)
    run_analyze("--write-tags", "camelot", "--overwrite", *options)
    done = run_analyze(*options)
    assert [track["cached"] for track in json.loads(done.stdout)["tracks"]] == [True] * 4
    assert tracks(done)["1.mp3"] == {"key": "8A", "agrees": True}


def test_another_hard_link_keeps_its_content_and_the_report_says_so(songs, tmp_path):
    other = tmp_path / "other.mp3"
    other.hardlink_to(songs / "1.mp3")
    content = other.read_bytes()
    done = run_analyze("--write-tags", songs / "1.mp3")
    assert "1.mp3: key Am (its other hard links keep the old content)\n" in done.stderr
    assert key_of(songs / "1.mp3") == "Am"
    assert other.read_bytes() == content


def test_the_target_of_a_link_is_tagged(songs, tmp_path):
    link = tmp_path / "link.mp3"
    link.symlink_to(songs / "1.mp3")
    done = run_analyze("--write-tags=openkey", link)
    assert done.returncode == 0
    assert link.is_symlink()
    assert key_of(songs / "1.mp3") == "1m"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--overwrite"], "--overwrite needs --write-tags"),
        (["--dry-run"], "--dry-run needs --write-tags"),
        (["--keep-times"], "--keep-times needs --write-tags"),
        (["--comment"], "--comment needs --write-tags"),
        (["--write-tags=german"], "invalid choice: 'german'"),
        (["--write-tags", "--min-confidence", "2"], "must be a number from 0 to 1, not '2'"),
    ],
)
def test_wrong_options(arguments, message, songs):
    done = run_analyze(*arguments, songs)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("camelot-padded", "; did you mean camelot?\n"),
        ("opnkey", "; did you mean openkey?\n"),
        ("8A", "camelot (8A), openkey (1m), musical (A minor), short (Am)\n"),
        ("missing.mp3", "camelot (8A), openkey (1m), musical (A minor), short (Am)\n"),
    ],
)
def test_an_unknown_notation_writes_nothing(word, hint, songs):
    contents = [path.read_bytes() for path in sorted(songs.iterdir())]
    done = run_analyze("--write-tags", word, songs)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument --write-tags: {word!r} is neither a file or folder nor one of" in done.stderr
    assert done.stderr.endswith(hint)
    assert [path.read_bytes() for path in sorted(songs.iterdir())] == contents


def test_a_path_may_follow_the_option(songs):
    song = songs / "1.mp3"
    uri = songs / "2.m4a"
    words = ("--overwrite", "--write-tags", f'"{song}"', uri.as_uri(), songs / "3.flac")
    done = run_analyze("--dry-run", *words)
    assert done.returncode == 0
    assert f"would tag: {song}: key Am\n" in done.stderr
    assert f"would tag: {uri}: key Am instead of 8A\n" in done.stderr
    for between in ("--quiet", "--"):
        options = parse_analyze(["--dry-run", "--write-tags", between, str(song)])
        assert (options.paths, options.tags.notation) == ((str(song),), "short")


def test_without_mutagen_tags_are_not_shown_and_not_written(songs):
    """mutagen is hidden from the process, as in an installation without the extra."""
    code = (
        "import sys; sys.modules['mutagen'] = None; from keyscan.__main__ import run;"
        "sys.argv[1:] = sys.argv[2:]; sys.exit(run())"
    )

    def run(*arguments):
        command = [sys.executable, "-c", code, "-", "analyze", *arguments, str(songs)]
        return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)

    done = run("--write-tags")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("keyscan: tags need mutagen")
    assert "pip install mutagen" in done.stderr
    done = run("--json")
    assert done.returncode == 0
    assert set(tracks(done).values()) == {None}


def test_the_music_is_found_again(songs):
    """A key that is written and read again agrees with what is found, for every kind of key."""
    for number, name in enumerate(("Eb minor", "F# major", "Ab minor")):
        sound = render_track(Key.parse(name), 8.0)
        soundfile.write(songs / f"{number}.flac", sound, SAMPLE_RATE)
    run_analyze("--write-tags", songs)
    assert [key_of(songs / f"{n}.flac") for n in range(3)] == ["Ebm", "F#", "Abm"]
    summary = json.loads(run_analyze("--json", songs).stdout)["summary"]
    assert summary["tags"] == {"keys": 6, "agree": 5}


def test_a_tag_that_is_a_formula_is_text_in_csv(songs):
    tags = ID3(songs / "1.mp3") if (songs / "1.mp3").read_bytes()[:3] == b"ID3" else ID3()
    tags.add(TKEY(encoding=0, text=["=1+1"]))
    tags.save(songs / "1.mp3")
    done = run_analyze("--csv", songs / "1.mp3")
    (row,) = csv.DictReader(io.StringIO(done.stdout, newline=""))
    assert (row["tag"], row["tag_agrees"]) == ("'=1+1", "")
