"""Render notes to audio: MIDI files, MMA accompaniments, FluidSynth."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile

SAMPLE_RATE = 22_050
DRUMS = 9
_PACKAGES = {"mma": "mma", "fluidsynth": "fluidsynth"}


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


def add_lead(path: Path, lead: Voice, band: Band) -> None:
    """Add a voice to a MIDI file in place of its least used channel, and mix the others."""
    midi = mido.MidiFile(path)
    used = Counter(m.channel for track in midi.tracks for m in track if m.type == "note_on")
    free = min((c for c in range(16) if c != DRUMS), key=lambda channel: used[channel])
    for track in midi.tracks:
        kept, delay = [], 0
        for message in track:
            delay += message.time
            changed = _mixed(message, free, band)
            if changed is not None:
                kept.append(changed.copy(time=delay))
                delay = 0
        track[:] = kept
    midi.tracks.append(_track(lead, free, midi.ticks_per_beat))
    midi.save(path)


def _mixed(message: mido.Message, free: int, band: Band) -> mido.Message | None:
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


def render(midi: Path, soundfont: Path, audio: Path, peak: float) -> None:
    """Play a MIDI file through a soundfont into a mono 16-bit file, scaled to ``peak`` (0-1).

    Raises:
        RenderError: FluidSynth fails, or the output is silent.
    """
    wav = midi.with_suffix(".wav")
    command = ["fluidsynth", "-ni", "-q", "-g", "0.4", "-r", str(SAMPLE_RATE), "-T", "wav"]
    command += ["-O", "float", "-o", "synth.dynamic-sample-loading=1"]
    _run([*command, "-F", str(wav), str(soundfont), str(midi)])
    samples = soundfile.read(wav, dtype="float32", always_2d=True)[0].mean(axis=1)
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest < 1e-3:
        raise RenderError(f"{midi.name}: silence")
    soundfile.write(audio, samples * (peak / loudest), SAMPLE_RATE, subtype="PCM_16")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise RenderError(f"{command[0]}: {(done.stderr + done.stdout).strip()[-400:]}")
