"""Make a set of songs with known keys for model selection, never for training.

``python -m training.yardstick.make --out FOLDER --soundfont FILE [--kind pop|tunes] [--songs N]``

``pop``: whole songs over MMA's accompaniments. ``tunes``: folk melodies and Bach chorales of
music21's corpus, with their notated keys. Writes FLAC (22,050 Hz, mono) and ``labels.tsv``. The
charts and melodies share no code with ``training.music``, which uses many of MMA's grooves, too;
use a soundfont that is not in the training set. Song ``i`` depends only on the seed and on ``i``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from keyscan.keys import Key, Mode
from training.midi import (
    MMA_LIBRARY,
    RenderError,
    Voice,
    accompany,
    draw_band,
    mix,
    read_grooves,
    render,
    require_programs,
    write_midi,
)
from training.yardstick.songs import Style, write_song
from training.yardstick.tunes import Corpus, arrange

SAMPLE_RATE = 22_050
_LEADS = (
    0,
    4,
    11,
    16,
    21,
    22,
    25,
    26,
    27,
    29,
    40,
    52,
    53,
    53,
    54,
    56,
    60,
    65,
    66,
    68,
    71,
    73,
    80,
    81,
)


@dataclass(frozen=True)
class Family:
    """Library files of one kind of music; ``weight``: its relative frequency."""

    weight: int
    tempo: tuple[int, int]
    files: str
    beats: int = 4
    swing: bool = False


FAMILIES = (
    Family(
        26,
        (92, 128),
        "casio/pop casio/8beatpop1 casio/8beatpop2 casio/8beatpop3 casio/80spop casio/60spop "
        "casio/8beat1 casio/8beat2 casio/8beat3 casio/16beat1 casio/16beat2 casio/16beat3 "
        "casio/electricpop casio/worldpop stdlib/8beat stdlib/bubblerock stdlib/softrock "
        "pflib/8beat1 pflib/8beat2 pflib/16beat1 pflib/16beat2 pflib/highfive kara/8beatmotown",
    ),
    Family(
        22,
        (62, 88),
        "casio/8beatballad1 casio/8beatballad2 casio/8beatballad3 casio/16beatballad1 "
        "casio/16beatballad2 casio/16beatballad3 casio/popballad casio/oldieballad "
        "casio/slow16beat casio/serenade stdlib/ballad stdlib/popballad stdlib/guitarballad "
        "stdlib/pianoballad stdlib/stringballad stdlib/rb-ballad stdlib/folkballad "
        "stdlib/rockballad pflib/slowrock",
    ),
    Family(
        16,
        (104, 148),
        "casio/rock1 casio/rock2 casio/poprock1 casio/poprock2 casio/digitalrock "
        "casio/heavymetal casio/60srock stdlib/60srock stdlib/basicrock stdlib/folkrock "
        "stdlib/50srock pflib/rock1 pflib/metal1 pflib/metal2 yamaha/w-rock kara/K50s_rock",
    ),
    Family(
        12,
        (88, 126),
        "stdlib/slowcountry stdlib/bluegrass stdlib/folk stdlib/hillcountry stdlib/bluefolk "
        "kara/kwestballad yamaha/western kara/2beatp stdlib/arpeggio44 stdlib/lullaby",
    ),
    Family(
        12,
        (108, 130),
        "casio/discosoul casio/dance1 casio/dance2 casio/dancepop1 casio/dancepop2 "
        "casio/dancepop3 casio/8beatdance casio/house casio/trance1 stdlib/boneym stdlib/trance",
    ),
    Family(
        12,
        (84, 112),
        "casio/funk1 casio/funk2 casio/soul casio/soulpop casio/r+b casio/mellowrb casio/modernrb "
        "casio/60ssoul casio/hip-hop casio/triphop stdlib/bvfunk stdlib/dsoul stdlib/rb "
        "kara/Kfunk1 casio/fusion",
    ),
    Family(
        8,
        (92, 124),
        "stdlib/bossanova stdlib/ska stdlib/calypso stdlib/beguine stdlib/rhumba stdlib/chacha "
        "kara/kbossa casio/latinfusion stdlib/samba yamaha/salsa1",
    ),
    Family(
        8,
        (88, 140),
        "casio/popshuffle1 casio/popshuffle2 casio/shufflerock casio/swing casio/middlebigband "
        "casio/jazzcombo stdlib/easyswing stdlib/blues stdlib/slowblues stdlib/shuffleboggie "
        "kara/happyshuffle yamaha/jazzswing stdlib/countryswing",
        swing=True,
    ),
    Family(
        4, (88, 118), "casio/popwaltz stdlib/countrywaltz stdlib/waltz stdlib/rockwaltz", beats=3
    ),
)


def key_of(index: int, minor_rounds: tuple[int, ...]) -> Key:
    """Each tonic once in twelve songs; of ten such rounds those in ``minor_rounds`` are minor."""
    mode: Mode = "minor" if index // 12 % 10 in minor_rounds else "major"
    return Key(index * 7 % 12, mode)


def choose_style(rng: random.Random, library: Path) -> Style:
    """A random library file, by the weight of its family."""
    family = rng.choices(FAMILIES, [family.weight for family in FAMILIES])[0]
    name = rng.choice(family.files.split())
    grooves = read_grooves(library, name)
    return Style(name, grooves, family.beats, family.tempo, family.swing)


def make_pop(index: int, rng: random.Random, midi: Path) -> Key:
    """Write song ``index`` to a MIDI file; sometimes without drums, or with pianos only."""
    key = key_of(index, minor_rounds=(1, 5, 9))
    song = write_song(key, choose_style(rng, MMA_LIBRARY), rng)
    accompany(song.chart, midi)
    program = rng.choice(_LEADS)
    lead = Voice(song.melody, program, rng.randint(75, 127))
    mix(midi, draw_band(rng), lead)
    return key


def tune_maker() -> Callable[[int, random.Random, Path], Key]:
    corpus = Corpus()

    def make(index: int, rng: random.Random, midi: Path) -> Key:
        key = key_of(index, minor_rounds=(1, 3, 6, 8))
        voices, tempo = arrange(corpus, key, rng)
        write_midi(voices, tempo, midi)
        return key

    return make


def make_set(kind: str, out: Path, soundfont: Path, songs: int, seed: int) -> None:
    """Write ``songs`` FLAC files and ``labels.tsv`` to ``out``.

    Raises:
        RenderError: a program is missing or fails.
        OSError: ``out`` cannot be written.
    """
    require_programs(*(("mma", "fluidsynth") if kind == "pop" else ("fluidsynth",)))
    if not soundfont.is_file():
        raise RenderError(f"{soundfont}: no such soundfont")
    make = make_pop if kind == "pop" else tune_maker()
    out.mkdir(parents=True, exist_ok=True)
    labels = out / "labels.tsv"
    with tempfile.TemporaryDirectory() as scratch, labels.open("w", encoding="utf-8") as table:
        print("file\tkey", file=table)
        midi = Path(scratch) / "song.mid"
        for index in tqdm(range(songs), desc=kind, unit="song", disable=None):
            rng = random.Random(f"{kind}/{seed}/{index}")
            key = make(index, rng, midi)
            name = f"{kind}-{index:03d}.flac"
            samples = render(midi, soundfont, SAMPLE_RATE)
            samples *= rng.uniform(0.5, 0.98) / np.abs(samples).max()
            soundfile.write(out / name, samples, SAMPLE_RATE, subtype="PCM_16")
            print(f"{name}\t{key.name('sharps')}", file=table, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--soundfont", type=Path, required=True, metavar="FILE")
    parser.add_argument("--kind", choices=("pop", "tunes"), default="pop")
    parser.add_argument("--songs", type=int, default=120, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        make_set(
            arguments.kind, arguments.out, arguments.soundfont, arguments.songs, arguments.seed
        )
    except (RenderError, OSError) as error:
        sys.exit(f"training.yardstick.make: {error}")


if __name__ == "__main__":
    main()
