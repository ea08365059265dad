"""FFmpeg: the sound from a later second on, to the sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
from av.container import InputContainer

from keyscan.audio.decoder import Refused

_PREROLL = Fraction(1, 2)  # seconds: frames of MP3 use bits of up to nine before them

_PACKETS_BETWEEN_QUESTIONS = 1000  # some milliseconds


@dataclass(frozen=True, eq=False)
class Start:
    """The first frames that are wanted, of which the first ``surplus`` samples are not."""

    frames: list[av.AudioFrame]
    surplus: int


def start_at(
    stream: av.AudioStream,
    packets: Iterator[Any],
    second: int,
    index: InputContainer | None,
    should_stop: Callable[[], bool],
) -> Start:
    """Take packets up to the one that ``second`` lies in, and decode those shortly before it.

    ``index``: the container if it knows where its packets lie. Seeking in an MP3 goes by its mean
    bit rate, and lands anywhere: there, all packets before are read, and not decoded.
    ``should_stop`` is asked meanwhile: the packets of hours take seconds.

    Raises:
        Refused: the time stamps do not count samples, there is no sound at ``second``, or
            ``should_stop()`` was true.
    """
    if not stream.time_base or not stream.rate:
        raise Refused("the packets have no time stamps")
    ticks_per_sample = 1 / (stream.time_base * stream.rate)
    if ticks_per_sample.denominator != 1:
        raise Refused("the time stamps are too coarse")
    context = stream.codec_context
    begin = _first_tick(context, packets) + second / stream.time_base
    context.flush_buffers()
    preroll = int(begin - _PREROLL / stream.time_base)
    if index is not None:
        index.seek(preroll, stream=stream)
    frames: list[av.AudioFrame] = []
    samples = 0
    starts: Counter[int] = Counter()
    for count, packet in enumerate(packets):
        if packet.pts is None:
            raise Refused("a packet has no time stamp")
        if packet.pts < preroll:
            if count % _PACKETS_BETWEEN_QUESTIONS == 0 and should_stop():
                raise Refused("nobody wants it any more")
            continue
        for frame in _decoded(context, packet):
            starts[_tick(frame) - samples * int(ticks_per_sample)] += 1
            samples += frame.samples
            frames.append(frame)
        # of Ogg Vorbis, single frames have a wrong time stamp
        [(start, _)] = starts.most_common(1) or [(0, 0)]
        surplus = (begin - start) / ticks_per_sample
        if frames and surplus < samples:
            return _start(frames, surplus)
    raise Refused(f"the sound ends before second {second}")


def _start(frames: list[av.AudioFrame], surplus: Fraction) -> Start:
    if surplus < 0 or surplus.denominator != 1:
        raise Refused("the time stamps do not count samples")
    count = int(surplus)
    while count >= frames[0].samples:
        count -= frames.pop(0).samples
    return Start(frames, count)


def _first_tick(context: Any, packets: Iterator[Any]) -> int:
    """The time stamp of the first sample that decoding the whole file gives."""
    for packet in packets:
        for frame in _decoded(context, packet):
            return _tick(frame)
    raise Refused("there is no sound")


def _decoded(context: Any, packet: Any) -> list[av.AudioFrame]:
    """The frames of a packet; none of one that needs what was not decoded."""
    try:
        frames: list[av.AudioFrame] = context.decode(packet)
    except av.error.FFmpegError:
        return []
    return frames


def _tick(frame: av.AudioFrame) -> int:
    if frame.pts is None:
        raise Refused("a frame has no time stamp")
    return frame.pts
