"""Songs of the genres over MMA's accompaniments, played by soundfonts.

MMA (https://www.mellowood.ca/mma) has other bass lines, comping and drums than ``bands`` and
``genres``; harmonies, melodies and the final mix are those of the other excerpts.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from training.midi import MMA_LIBRARY, accompany, draw_band, read_grooves, render
from training.midi import mix as mix_band
from training.music import harmony as harmonies
from training.music import mix
from training.music.excerpt import SECONDS, Excerpt, FloatArray, Scene, draw_tempo, play_part
from training.music.genres import GENRES
from training.music.harmony import Harmony
from training.music.sampled import SoundBank
from training.music.songs import song
from training.music.theory import QUALITIES, Chord
from training.music.timbres import SAMPLE_RATE

PER_SONG = 5
"""Excerpts of a song, one after the other."""
_OVERSAMPLING = 3  # FluidSynth aliases, but music has little above 15 kHz
_SOLOISTS = ("voice", "lead")
_BAND_LEVEL = 4.0  # dB, about the sum of a genre's band
_FOREIGN = 0.2  # of songs over a groove of another genre
_PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_NAMES = {QUALITIES[ours]: mma for ours, mma in {
    "": "", "m": "m", "5": "5", "°": "dim", "°7": "dim7", "7": "7", "m7": "m7", "maj7": "M7",
    "m7b5": "m7b5", "6": "6", "sus4": "sus4", "sus2": "sus2", "add9": "(add9)",
    "madd9": "m(add9)", "m9": "m9", "maj9": "M9", "9": "9", "m6": "m6",
}.items()}  # fmt: skip
_POP = (
    "casio/pop casio/8beatpop1 casio/8beatpop2 casio/8beatpop3 casio/80spop casio/60spop "
    "casio/8beat1 casio/8beat2 casio/8beat3 casio/16beat1 casio/16beat2 casio/16beat3 "
    "casio/electricpop casio/worldpop stdlib/8beat stdlib/bubblerock stdlib/softrock "
    "pflib/8beat1 pflib/8beat2 pflib/16beat1 pflib/16beat2 pflib/highfive kara/8beatmotown "
)
_BALLAD = (
    "casio/8beatballad1 casio/8beatballad2 casio/8beatballad3 casio/16beatballad1 "
    "casio/16beatballad2 casio/16beatballad3 casio/popballad casio/oldieballad "
    "casio/slow16beat casio/serenade stdlib/ballad stdlib/popballad stdlib/guitarballad "
    "stdlib/pianoballad stdlib/stringballad stdlib/rb-ballad stdlib/folkballad "
    "stdlib/rockballad pflib/slowrock "
)
_SOUL = (
    "casio/funk1 casio/funk2 casio/soul casio/soulpop casio/r+b casio/mellowrb casio/modernrb "
    "casio/60ssoul casio/hip-hop casio/triphop stdlib/bvfunk stdlib/dsoul stdlib/rb "
    "kara/Kfunk1 casio/fusion "
)
_DANCE = (
    "casio/discosoul casio/dance1 casio/dance2 casio/dancepop1 casio/dancepop2 "
    "casio/dancepop3 casio/8beatdance casio/house casio/trance1 stdlib/boneym stdlib/trance "
)
_LATIN = (
    "stdlib/bossanova stdlib/calypso stdlib/beguine stdlib/rhumba stdlib/chacha kara/kbossa "
    "casio/latinfusion stdlib/samba yamaha/salsa1 "
)
_FOLK = (
    "stdlib/slowcountry stdlib/bluegrass stdlib/folk stdlib/hillcountry stdlib/bluefolk "
    "kara/kwestballad yamaha/western kara/2beatp stdlib/arpeggio44 stdlib/lullaby "
)
GROOVES = {
    "pop": _POP + _BALLAD,
    "ballad": _BALLAD,
    "rock": "casio/rock1 casio/rock2 casio/poprock1 casio/poprock2 casio/digitalrock "
    "casio/heavymetal casio/60srock stdlib/60srock stdlib/basicrock stdlib/folkrock "
    "stdlib/50srock pflib/rock1 pflib/metal1 pflib/metal2 yamaha/w-rock kara/K50s_rock",
    "metal": "casio/heavymetal pflib/metal1 pflib/metal2 casio/rock1 casio/digitalrock",
    "blues": "casio/blues stdlib/blues stdlib/slowblues stdlib/fastblues stdlib/countryblues "
    "stdlib/shuffleboggie casio/shuffleboogie stdlib/boggiewoggie casio/shufflerock",
    "country": _FOLK + "stdlib/countryswing stdlib/westernswing stdlib/zydeco yamaha/jazzcountry",
    "jazz": "casio/swing casio/middlebigband casio/jazzcombo casio/slowswing casio/modernjazz "
    "stdlib/easyswing stdlib/swing stdlib/bebop stdlib/mellowjazz stdlib/jazzguitar "
    "stdlib/nitejazz stdlib/slowjazz stdlib/bigband stdlib/gypsyjazz stdlib/evansish "
    "yamaha/jazzswing yamaha/jazzbasie yamaha/jazztrio",
    "bossa": "stdlib/bossanova kara/kbossa yamaha/jazzbossa stdlib/samba stdlib/beguine",
    "funk": _SOUL + "stdlib/jazzrock stdlib/strut",
    "soul": _SOUL + "kara/8beatmotown stdlib/spiritual stdlib/popspiritual",
    "disco": _DANCE,
    "reggae": _LATIN + "stdlib/ska stdlib/ska stdlib/ska",
    "latin": _LATIN + "stdlib/mambo stdlib/merengue stdlib/salsa casio/latinhouse stdlib/tango "
    "stdlib/son",
    "hip hop": _SOUL + "casio/hip-hop casio/triphop alexis/hiphop",
    "dance": _DANCE + "casio/trance2 casio/techno casio/rave casio/latinhouse alexis/teamtechno",
    "folk": _FOLK + "stdlib/folkballad stdlib/guitarballad stdlib/polka stdlib/march",
}
"""Files of MMA's library, in 4/4, by genre."""


def chord_name(chord: Chord) -> str:
    """The chord as MMA writes it, such as ``"F#m7/A"``; unknown extensions are left out."""
    known = (_NAMES.get(chord.intervals[:size]) for size in range(len(chord.intervals), 1, -1))
    name = _PITCHES[chord.root] + next((name for name in known if name is not None), "")
    return name if chord.bass == chord.root else f"{name}/{_PITCHES[chord.bass]}"


def chart(rng: random.Random, harmony: Harmony, style: str, beat: float) -> str:
    """An MMA source file: the harmony beat by beat, over two grooves that alternate.

    ``beat``: in seconds, of a whole number of beats per minute.
    """
    genre = rng.choice(list(GROOVES)) if rng.random() < _FOREIGN else style
    library = rng.choice(GROOVES[genre].split())
    grooves = read_grooves(MMA_LIBRARY, library)
    verse, chorus = rng.choice(grooves), rng.choice(grooves)
    lines = [f"RndSeed {rng.randrange(10**6)}", f"Tempo {round(60 / beat)}"]
    for bar in range(math.ceil(harmony.beats / 4)):
        if bar % 8 == 0:
            lines.append(f"Groove {library}:{rng.choice((verse, verse, chorus))}")
        names = [chord_name(harmony.at(4 * bar + place).chord) for place in range(4)]
        held = [n if i == 0 or n != names[i - 1] else "/" for i, n in enumerate(names)]
        lines.append(f"{bar + 1} {' '.join(held)}")
    return "\n".join(lines) + "\n"


def _accompaniment(
    rng: random.Random, harmony: Harmony, style: str, beat: float, soundfonts: Sequence[Path]
) -> FloatArray:
    with tempfile.TemporaryDirectory() as scratch:
        midi = Path(scratch) / "song.mid"
        accompany(chart(rng, harmony, style, beat), midi)
        mix_band(midi, draw_band(rng))
        room = rng.random() < 0.4
        samples = render(midi, rng.choice(soundfonts), _OVERSAMPLING * SAMPLE_RATE, room=room)
    return np.asarray(resample_poly(samples, 1, _OVERSAMPLING), np.float32)


def make_song(
    seed: int,
    index: int,
    soundfonts: Sequence[Path],
    seconds: float = SECONDS,
    bank: SoundBank | None = None,
) -> list[Excerpt]:
    """``PER_SONG`` excerpts of song ``index`` of the series ``seed``, each of ``seconds``.

    The same arguments give the same samples.

    Raises:
        RenderError: MMA or FluidSynth is missing or fails.
    """
    rng = random.Random(f"song/{seed}/{index}")
    noise = np.random.default_rng([seed, index, PER_SONG])
    style = rng.choices(list(GROOVES), [GENRES[genre].weight for genre in GROOVES])[0]
    genre = GENRES[style]
    key = harmonies.draw_key(rng, genre.minor)
    beat = 60.0 / round(draw_tempo(rng, style))
    size = int(seconds * SAMPLE_RATE)
    tuning = rng.gauss(0, 7) if rng.random() < 0.7 else rng.uniform(-48, 48)
    speed = 2 ** (tuning / 1200)  # the tape's
    samples = math.ceil(PER_SONG * size * speed) + 1
    harmony = song(rng, genre.writing, key, samples / SAMPLE_RATE / beat)
    scene = Scene(rng, noise, harmony, beat, samples, 0.0, bank)
    band = _accompaniment(rng, harmony, style, beat, soundfonts)[:samples]
    mixed = mix.at_level(np.pad(band, (0, samples - len(band))), _BAND_LEVEL)
    for player in genre.band:
        if player.role in _SOLOISTS and rng.random() < player.chance:
            layer = play_part(scene, player, rng.uniform(*genre.swing))
            mixed = mixed + layer * mix.presence(rng, samples, scene.bar, scene.starts)
    at = np.arange(PER_SONG * size) * speed
    tuned = np.interp(at, np.arange(samples), mixed).astype(np.float32)
    parts = [tuned[start : start + size] for start in range(0, PER_SONG * size, size)]
    return [Excerpt(mix.master(rng, noise, part, plain=False), key, style) for part in parts]
