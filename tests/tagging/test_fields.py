"""Keys in real files of every format: what is written, and that nothing else changes."""

from __future__ import annotations

import io
import struct

import pytest
from mutagen.aiff import AIFF
from mutagen.flac import FLAC, Picture
from mutagen.id3 import COMM, ID3, TKEY
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from keyscan.errors import NoTagsPossible, TagsDamaged
from keyscan.tagging.container import Fields, Found
from keyscan.tagging.fields import read_fields, write_fields
from tests.audio_files import FORMATS, SAMPLE_RATE, music, trailing_tags, valid, write_chained_ogg
from tests.tagging.contents import FRAMES, atoms, blocks, chunks, id3_frames, packets

TAGGED = (
    "wav", "wav-24", "wav-extensible", "wav-mp3", "flac", "flac-id3", "ogg-vorbis", "ogg-opus",
    "ogg-flac", "aiff", "aifc-float", "mp3", "mp3-vbr", "mp3-no-xing", "mp3-tagged", "mp2", "m4a",
    "m4a-faststart", "alac", "mp4-video",
)  # fmt: skip
LEFT = ("wav-id3", "wav-streamed", "rf64", "w64", "caf", "au", "m4a-fragmented", "aac", "wma",
        "mka-flac", "ac3", "wavpack", "avi-video", "webm-video", "mpegts")  # fmt: skip


def put(tmp_path, name, data=None):
    path = tmp_path / f"{name}{FORMATS[name].extension}"
    path.write_bytes(valid(name) if data is None else data)
    return path


def write(path, **fields):
    """The file with these fields, beside it."""
    new = path.with_name(f"new-{path.name}")
    with new.open("w+b") as file:
        write_fields(str(path), file, Fields(**fields))
    return new


@pytest.mark.parametrize("name", TAGGED)
def test_a_key_is_written_and_replaced_and_the_sound_stays(name, tmp_path):
    path = put(tmp_path, name)
    assert (read_fields(str(path)).key, read_fields(str(path)).comment) == (None, None)
    first = write(path, key="Abm", comment="1A")
    second = write(first, key="F#m")
    for new, key in ((first, "Abm"), (second, "F#m")):
        assert (read_fields(str(new)).key, read_fields(str(new)).comment) == (key, "1A")
        assert packets(new) == packets(path)
    assert second.stat().st_size == first.stat().st_size  # the room of the tags is used


@pytest.mark.parametrize("name", LEFT)
def test_what_holds_no_key_is_left(name, tmp_path):
    path = put(tmp_path, name)
    with pytest.raises(NoTagsPossible):
        write(path, key="Am")


@pytest.mark.parametrize("version", [3, 4])
def test_id3_frames_stay_byte_by_byte(version, tmp_path):
    """A cover, Serato's and Traktor's data, a rating, and a frame that mutagen does not know."""
    tags = ID3()
    for frame in FRAMES:
        tags.add(frame)
    unknown = b"XYZQ" + struct.pack(">IH", 5, 0) + b"\0what"
    tags.unknown_frames, tags._unknown_v2_version = [unknown], version
    file = io.BytesIO()
    tags.save(file, v2_version=version, padding=lambda info: 777)
    tag, sound = file.getvalue(), valid("mp3") + trailing_tags()
    path = put(tmp_path, "mp3", tag + sound)
    new = write(path, key="Abm", comment="1A").read_bytes()
    assert new[3] == version
    assert len(new) == len(tag + sound)
    assert new.endswith(sound)  # APEv2 and ID3v1 too
    (old_frames, room), (new_frames, left) = id3_frames(tag), id3_frames(new)
    assert unknown in old_frames
    added = [frame for frame in new_frames if frame not in old_frames]
    assert sorted(new_frames) == sorted(old_frames + added)
    assert sorted(frame[:4] for frame in added) == [b"COMM", b"TKEY"]
    assert room - left == sum(map(len, added))
    assert b"TKEY\0\0\0\x05\0\0\0Abm\0" in added


def test_an_unusual_id3_tag_keeps_what_it_holds(tmp_path):
    """Sizes as iTunes once wrote them into 2.4, and a tag of 2.2, which becomes 2.3."""
    picture = b"\0image/png\0\3\0" + bytes(range(256)) * 3
    title = b"\0Title"
    frames = b"".join(
        name + struct.pack(">IH", len(body), 0) + body
        for name, body in ((b"TIT2", title), (b"APIC", picture), (b"TALB", title))
    )
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = put(tmp_path, "mp3", b"ID3\4\0\0" + size + frames + valid("mp3"))
    new = write(path, key="Am").read_bytes()
    assert frames in new
    assert ID3(io.BytesIO(new))["TKEY"].text == ["Am"]
    old = b"TT2\0\0\6\0TitleTYE\0\0\5\x002001POP\0\0\x06a@b\0\xc4\0TKE\0\0\2\0C"
    path = put(tmp_path, "mp3", b"ID3\2\0\0\0\0\0" + bytes([len(old)]) + old + valid("mp3"))
    assert read_fields(str(path)).key == "C"
    tags = ID3(write(path, key="Am"))
    assert tags.version == (2, 3, 0)
    assert tags["TKEY"].text == ["Am"]
    assert (tags["TIT2"].text, str(tags["TDRC"])) == (["Title"], "2001")
    assert tags["POPM:a@b"].rating == 196


def test_unsynchronised_frames_can_still_be_read(tmp_path):
    body = b"\0owner\0\xff\0\xfb\xff\0\xfa"  # PRIV; a zero follows each 0xff
    frame = b"PRIV" + struct.pack(">IH", len(body), 0) + body
    tag = b"ID3\4\0\x80" + bytes([0, 0, 0, len(frame)]) + frame
    path = put(tmp_path, "mp3", tag + valid("mp3"))
    before = ID3(path).getall("PRIV")
    assert before[0].data.endswith(b"\xff\xfb\xff\xfa")
    assert ID3(write(path, key="Am")).getall("PRIV") == before


def test_a_comment_that_a_program_keeps_for_itself_is_no_comment(tmp_path):
    path = put(tmp_path, "mp3")
    tags = ID3()
    for desc, lang in (("iTunNORM", "eng"), ("", "deu")):
        tags.add(COMM(encoding=3, lang=lang, desc=desc, text=["old"]))
    tags.add(TKEY(encoding=1, text=["", "Ébm"]))
    tags.save(path)
    assert read_fields(str(path)) == Found(("Ébm",), ("old",), longest=3)
    comments = ID3(write(path, comment="8A")).getall("COMM")
    assert sorted((one.desc, one.lang, one.text[0]) for one in comments) == [
        ("", "deu", "8A"), ("iTunNORM", "eng", "old"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), [("wav", WAVE), ("aiff", AIFF)])
def test_chunks_of_wav_and_aiff_stay(name, kind, tmp_path):
    path = put(tmp_path, name)
    audio = kind(path)
    audio.add_tags()
    for frame in FRAMES:
        audio.tags.add(frame)
    audio.save(v2_version=3)
    data = path.read_bytes()
    form = "<I" if name == "wav" else ">I"
    extra = b"junk" + struct.pack(form, 4) + b"\1\2\3\4"
    path.write_bytes(data[:4] + struct.pack(form, len(data) - 8 + len(extra)) + data[8:] + extra)
    new = write(path, key="Abm")
    assert (b"junk", b"\1\2\3\4") in chunks(new.read_bytes())
    assert chunks(new.read_bytes()) == chunks(path.read_bytes())
    was, now = kind(path).tags, kind(new).tags
    assert now.pop("TKEY").text == ["Abm"]
    assert dict(now) == dict(was)
    assert now.version == (2, 3, 0)


@pytest.mark.parametrize(
    ("languages", "replaced"), [(("deu", "eng", "fra"), "eng"), (("fra", "deu"), "deu")]
)
def test_comments_in_other_languages_stay(languages, replaced, tmp_path):
    """The next run replaces the same one, for all sizes by which mutagen sorts them."""
    path = put(tmp_path, "mp3")
    tags = ID3()
    for size, lang in enumerate(languages):
        tags.add(COMM(encoding=3, lang=lang, desc="", text=[f"{lang} {'x' * size}"]))
    tags.save(path)
    (old,) = read_fields(str(path)).comments
    assert old.split()[0] == replaced
    others = {one.lang: one.text for one in tags.getall("COMM")}
    for text in ("a much longer comment", "8A"):
        path = write(path, comment=text)
        assert read_fields(str(path)).comments == (text,)
        now = {one.lang: one.text for one in ID3(path).getall("COMM")}
        assert now == others | {replaced: [text]}


def test_a_wav_with_a_wrong_size_is_left(tmp_path):
    path = put(tmp_path, "wav", valid("wav") + b"behind the end")
    with pytest.raises(NoTagsPossible, match="the size in its header"):
        write(path, key="Am")


def test_blocks_of_flac_stay(tmp_path):
    path = put(tmp_path, "flac-id3")
    audio = FLAC(path)
    audio.tags["Title"] = ["a", "b"]
    audio.tags["initialKEY"] = "8B"
    picture = Picture()
    picture.data, picture.mime, picture.type = bytes(range(256)) * 9, "image/png", 3
    audio.add_picture(picture)
    audio.save(padding=lambda info: 2000)
    new = write(path, key="Am")
    assert blocks(new) == blocks(path)
    assert new.stat().st_size == path.stat().st_size
    assert new.read_bytes()[:100] == path.read_bytes()[:100]  # the ID3 tag in front
    was, now = FLAC(path).tags, FLAC(new).tags
    assert was.vendor == now.vendor
    assert [(k, v) for k, v in was if k != "initialKEY"] == [p for p in now if p[1] != "Am"]
    assert now["initialkey"] == ["Am"]


def test_comments_that_are_not_utf8_are_not_spoilt(tmp_path):
    path = put(tmp_path, "flac")
    audio = FLAC(path)
    audio.tags["TITLE"] = "Bjxxrk"
    audio.save()
    path.write_bytes(path.read_bytes().replace(b"Bjxxrk", b"Bj\xf6\xf6rk"))
    with pytest.raises(NoTagsPossible, match="not UTF-8"):
        write(path, key="Am")


def test_chained_and_large_ogg(tmp_path):
    path = tmp_path / "chain.ogg"
    write_chained_ogg(path, music(), SAMPLE_RATE)
    new = write(path, key="Am")
    assert packets(new) == packets(path)
    audio = OggVorbis(path)
    audio["METADATA_BLOCK_PICTURE"] = "A" * 200_000  # several pages
    audio.save()
    new = write(path, key="Am", comment="8A")
    assert packets(new) == packets(path)
    assert OggVorbis(new)["metadata_block_picture"] == ["A" * 200_000]


@pytest.mark.parametrize("name", ["m4a", "m4a-faststart"])
def test_atoms_of_mp4_stay_byte_by_byte(name, tmp_path):
    """Also one that mutagen would write in another way: the number of a genre."""
    path = put(tmp_path, name)
    audio = MP4(path)
    audio["covr"] = [MP4Cover(b"\xff\xd8" * 500, 13), MP4Cover(b"\x89PNG" * 300, 14)]
    audio["----:com.serato.dj:markersv2"] = [MP4FreeForm(bytes(range(200)), 0)]
    audio["----:com.apple.iTunes:INITIALKEY"] = [MP4FreeForm(b"8B")]
    audio["tmpo"], audio["trkn"], audio["cpil"] = [128], [(1, 12)], True
    audio["\xa9ART"] = ["one", "two"]
    audio.save()
    data = path.read_bytes()
    place = data.index(b"tmpo") - 4
    odd = struct.pack(">I4sI4sII", 26, b"gnre", 18, b"data", 0, 0) + b"\0\x12"
    assert len(odd) == 26
    size = int.from_bytes(data[place : place + 4])
    path.write_bytes(data[:place] + odd[:size] + data[place + size :])  # of the same size
    place = b"moov", b"udta", b"meta", b"ilst"
    assert read_fields(str(path)).key == "8B"
    new = write(path, key="Am", comment="8A")
    was, now = atoms(path.read_bytes(), *place), atoms(new.read_bytes(), *place)
    assert b"gnre" in dict(was)
    gone = [atom for atom in was if atom not in now]
    added = [atom for atom in now if atom not in was]
    assert [(name, b"INITIALKEY" in body) for name, body in gone] == [(b"----", True)]
    assert sorted(name for name, _ in added) == [b"----", b"\xa9cmt"]
    assert MP4(new)["----:com.apple.iTunes:initialkey"] == [b"Am"]
    assert packets(new) == packets(path)
    assert dict(atoms(new.read_bytes()))[b"mdat"] == dict(atoms(path.read_bytes()))[b"mdat"]


@pytest.mark.parametrize("name", ["mp3-tagged", "flac", "ogg-vorbis", "m4a", "wav", "aiff"])
def test_damaged_files_are_refused_or_keep_their_sound(name, tmp_path):
    """Every byte of the head that may hold a size is spoilt in turn."""
    data = valid(name)
    head = data.index(b"mvhd") if name == "m4a" else 0
    for at in range(head, head + 120, 3):
        path = put(tmp_path, name, data[:at] + b"\xff\x7f" + data[at + 2 :])
        try:
            new = write(path, key="Am")
        except (NoTagsPossible, TagsDamaged):
            continue
        assert read_fields(str(new)).key == "Am"
        assert new.read_bytes()[-1000:] == path.read_bytes()[-1000:] or name in (
            "wav",
            "aiff",
            "m4a",
        )


def test_a_tag_that_breaks_off(tmp_path):
    path = put(tmp_path, "mp3", b"ID3\3\0\0\0\x7f\x7f\x7fTIT2\0\0\0\4" + valid("mp3"))
    with pytest.raises((TagsDamaged, NoTagsPossible)):
        write(path, key="Am")
