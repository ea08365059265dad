"""MIDI files, MMA (https://www.mellowood.ca/mma) and FluidSynth: from notes to audio."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile

DRUMS = 9
MMA_LIBRARY = Path("/usr/share/mma/lib")
_NOT_A_SECTION = re.compile(r"(?i:(?:intro|end|ending|fill|break)[a-d0-9]*$)|F[AB]$|[a-z0-9]E$")
_PACKAGES = {"mma": "mma", "fluidsynth": "fluidsynth"}
_PIANO = 0
_KINDS = (  # substitutes for each group of eight General MIDI programs
    (0, 1, 2, 4, 5, 7),
    (8, 11, 12, 14),
    (16, 17, 18, 19, 21),
    (24, 25, 26, 27, 28, 29, 30),
    (32, 33, 34, 35, 36, 38, 39),
    (40, 42, 45, 46, 48),
    (48, 49, 50, 51, 52, 54),
    (56, 57, 60, 61, 62, 63),
    (64, 65, 66, 71),
    (72, 73, 75, 79),
    (80, 81, 82, 84, 87),
    (88, 89, 90, 91, 94),
    (88, 89, 91, 99),
    (104, 105, 106, 107),
    (112, 114),
    (120, 122),
)


class RenderError(Exception):
    """A program that is missing or fails; the message says which, and what to install."""


@dataclass(frozen=True)
class Note:
    """``start`` and ``length`` in quarter notes, ``pitch`` and ``velocity`` as in MIDI."""

    start: float
    length: float
    pitch: int
    velocity: int = 90


@dataclass(frozen=True)
class Voice:
    """Notes for one General MIDI program."""

    notes: tuple[Note, ...]
    program: int
    volume: int = 100


def require_programs(*programs: str) -> None:
    """
    Raises:
        RenderError: one of them is not installed.
    """
    for program in programs:
        if shutil.which(program) is None:
            package = _PACKAGES[program]
            raise RenderError(f"{program} is not installed: apt-get install {package}")


def _track(voice: Voice, channel: int, ticks: int) -> mido.MidiTrack:
    events: list[tuple[int, int, mido.Message]] = []
    for note in voice.notes:
        start, end = round(note.start * ticks), round((note.start + note.length) * ticks)
        keys = {"channel": channel, "note": note.pitch}
        events.append((start, 1, mido.Message("note_on", velocity=note.velocity, **keys)))
        events.append((max(end, start + 1), 0, mido.Message("note_off", **keys)))
    track = mido.MidiTrack()
    track.append(mido.Message("program_change", channel=channel, program=voice.program))
    track.append(mido.Message("control_change", channel=channel, control=7, value=voice.volume))
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track


def write_midi(voices: Iterable[Voice], tempo: float, path: Path) -> None:
    """Write voices to one file; ``tempo`` in quarter notes per minute."""
    midi = mido.MidiFile(ticks_per_beat=480)
    midi.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))]))
    channels = [channel for channel in range(16) if channel != DRUMS]
    for channel, voice in zip(channels, voices, strict=False):
        midi.tracks.append(_track(voice, channel, midi.ticks_per_beat))
    midi.save(path)


def read_grooves(library: Path, name: str) -> tuple[str, ...]:
    """The grooves of a library file suitable for a verse: no intros, fills or endings.

    Raises:
        RenderError: the library file is missing or has none.
    """
    try:
        text = (library / f"{name}.mma").read_text(encoding="latin-1")
    except OSError as error:
        raise RenderError(f"MMA's library: {error}: apt-get install mma") from error
    grooves = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.I | re.M)
    sections = tuple(groove for groove in grooves if not _NOT_A_SECTION.search(groove))
    if not sections:
        raise RenderError(f"{library / name}.mma: no groove")
    return sections


def accompany(chart: str, path: Path) -> None:
    """Have MMA play a chart into a MIDI file.

    Raises:
        RenderError: MMA rejects the chart; the message is MMA's.
    """
    source = path.with_suffix(".mma")
    source.write_text(chart, encoding="utf-8")
    _run(["mma", "-w", "-f", str(path), str(source)])


@dataclass(frozen=True)
class Band:
    """Changes to an accompaniment: a map of its ``programs``, and ``loudness`` by channel.

    ``loudness``: a factor for the velocities of each of the 16 channels, 0 for silence.
    """

    programs: tuple[int, ...]
    loudness: tuple[float, ...]


def draw_band(rng: random.Random) -> Band:
    """Programs, MMA's or similar ones, and a mix; one in five without drums."""
    programs = list(range(128))
    if rng.random() < 0.1:
        programs = [_PIANO] * 128
    elif rng.random() < 0.5:
        programs = [rng.choice(kind) for kind in _KINDS for _ in range(8)]
    loudness = [rng.uniform(0.55, 1.15) for _ in range(16)]
    if rng.random() < 0.2 or programs[-1] == _PIANO:
        loudness[DRUMS] = 0.0
    return Band(tuple(programs), tuple(loudness))


def mix(path: Path, band: Band, lead: Voice | None = None) -> None:
    """Apply ``band`` to a MIDI file; ``lead`` takes the place of its least used channel."""
    midi = mido.MidiFile(path)
    used = Counter(m.channel for track in midi.tracks for m in track if m.type == "note_on")
    channels = [channel for channel in range(16) if channel != DRUMS]
    free = min(channels, key=lambda channel: used[channel]) if lead else None
    for track in midi.tracks:
        kept, delay = [], 0
        for message in track:
            delay += message.time
            changed = _mixed(message, free, band)
            if changed is not None:
                kept.append(changed.copy(time=delay))
                delay = 0
        track[:] = kept
    if lead and free is not None:
        midi.tracks.append(_track(lead, free, midi.ticks_per_beat))
    midi.save(path)


def _mixed(message: mido.Message, free: int | None, band: Band) -> mido.Message | None:
    """None: the message belongs to a silent channel."""
    channel = getattr(message, "channel", None)
    if channel is None:
        return message
    loudness = 0 if channel == free else band.loudness[channel]
    if not loudness:
        return None
    if message.type == "program_change" and channel != DRUMS:
        return message.copy(program=band.programs[message.program])
    if message.type == "note_on" and message.velocity:
        return message.copy(velocity=min(127, max(1, round(message.velocity * loudness))))
    return message


def render(midi: Path, soundfont: Path, rate: int, *, room: bool = True) -> npt.NDArray[np.float32]:
    """Play a MIDI file through a soundfont: mono samples ``(n,)`` at ``rate``.

    ``room``: with FluidSynth's reverberation and chorus.

    Raises:
        RenderError: FluidSynth fails, or the output is silent, as with a damaged soundfont.
    """
    wav = midi.with_suffix(".wav")
    command = ["fluidsynth", "-ni", "-q", "-g", "0.4", "-r", str(rate), "-T", "wav"]
    command += ["-O", "float", "-o", "synth.dynamic-sample-loading=1"]
    command += ["-o", "synth.default-soundfont="]  # it would replace one that cannot be read
    command += [] if room else ["-R", "0", "-C", "0"]
    _run([*command, "-F", str(wav), str(soundfont), str(midi)])
    samples = soundfile.read(wav, dtype="float32", always_2d=True)[0].mean(axis=1)
    if float(np.abs(samples).max(initial=0.0)) < 1e-3:
        raise RenderError(f"silence: is {soundfont} a soundfont that FluidSynth can read?")
    return np.asarray(samples, np.float32)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise RenderError(f"{command[0]}: {(done.stderr + done.stdout).strip()[-400:]}")
