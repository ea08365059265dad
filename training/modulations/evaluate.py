"""Evaluate key timelines on tracks with known key changes.

``python -m training.modulations.evaluate SET... [--change-cost X ...] [--model FILE] [--tracks]``

A ``SET`` is a folder of ``training.modulations.make``. The command prints a table for each set, and
for each kind of track in it: precision, recall and F-measure of the boundaries, over tracks that
have any; the share of time in the right key, exact and by MIREX's weights; the changes found per
track, and the share of tracks with the right number. In tracks with one key all changes are false
alarms. The tolerance for boundaries is 3 seconds; figures other than changes are per cent; brackets
hold 95 % bootstrap intervals over tracks. There is a row for each change cost, and three baselines:
the key of the whole track, the keys of the true segments, and the key of each block alone.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from keyscan.analysis import Segment
from keyscan.errors import ModelError
from keyscan.keys import KEYS, Key
from keyscan.model.blocks import Blocks
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.timeline import CHANGE_COST, find_parts, to_timeline
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, FloatArray
from training.modulations.make import KnownTrack, read_tracks
from training.modulations.scoring import TrackScores, score_track, summarise
from training.scoring import Interval
from training.shards import CorpusError

_COLUMNS = (
    "precision",
    "recall",
    "F-measure",
    "time in key",
    "MIREX weighted",
    "changes",
    "as many",
)
_WHOLE, _INFORMED, _BLOCKS = "whole track", "true boundaries", "block by block"

Timelines = Mapping[str, Sequence[Segment]]
"""Results by row of the table."""


def timelines_of(model: KeyModel, track: KnownTrack, costs: Sequence[float]) -> Timelines:
    """The compared timelines of a track, by row of the table."""
    frames = track.spectrogram.shape[1]
    x = model.to_input(track.spectrogram)
    inference = model(x)
    blocks = Blocks(model, x, inference, frames)
    whole = Segment(0.0, track.segments[-1].end, _likeliest(inference.logits), 1.0)
    informed = [
        replace(segment, key=_likeliest(model.logits(_part(track.spectrogram, segment))))
        for segment in track.segments
    ]
    found: dict[str, Sequence[Segment]] = {_WHOLE: [whole], _INFORMED: informed}
    ends = [*(blocks.edges[1:-1] / FRAMES_PER_SECOND).tolist(), whole.end]
    likeliest = [KEYS[key] for key in blocks.log_probabilities().argmax(axis=1)]
    found[_BLOCKS] = [
        Segment(start, end, key, 1.0)
        for start, end, key in zip([0.0, *ends], ends, likeliest, strict=False)
    ]
    for cost in costs:
        timeline = to_timeline(find_parts(blocks, cost), blocks, 0.0, 0, whole.end)
        found[f"change cost {cost:g}"] = _in_keys(timeline.segments)
    return found


def _in_keys(segments: Sequence[Segment]) -> Sequence[Segment]:
    """What is not tonal gets the key before it, at the start the one after it, as in the truth."""
    key = next((segment.key for segment in segments if segment.key), KEYS[0])
    result = []
    for segment in segments:
        key = segment.key or key
        result.append(replace(segment, key=key))
    return result


def _likeliest(logits: FloatArray) -> Key:
    return KEYS[int(logits.argmax())]


def _part(spectrogram: FloatArray, segment: Segment) -> FloatArray:
    first, end = (round(t * FRAMES_PER_SECOND) for t in (segment.start, segment.end))
    return spectrogram[:, first:end]


def report(
    name: str, tracks: Sequence[KnownTrack], scores: Mapping[str, Sequence[TrackScores]]
) -> str:
    """The table of a set, or of one kind of track in it; ``scores``: of the tracks, by row."""
    changes = sum(len(track.segments) - 1 for track in tracks) / len(tracks)
    header = "".join(f"{column:>21}" for column in _COLUMNS)
    lines = [f"{name} ({len(tracks)} tracks, {changes:.2f} changes a track)", f"  {'':18}{header}"]
    for row, values in scores.items():
        found = summarise(values)
        shares = (found.precision, found.recall, found.f, found.exact, found.weighted)
        cells = [*map(_share, shares), _interval(found.changes, 1, 2), _share(found.as_many)]
        lines.append(f"  {row:18}" + "".join(f"{cell:>21}" for cell in cells))
    return "\n".join(lines) + "\n"


def _share(interval: Interval | None) -> str:
    return "-" if interval is None else _interval(interval, 100, 1)


def _interval(interval: Interval, times: float, digits: int) -> str:
    mean, low, high = (
        f"{times * value:.{digits}f}" for value in (interval.mean, interval.low, interval.high)
    )
    return f"{mean} [{low}, {high}]"


def _track_lines(track: KnownTrack, timelines: Timelines) -> list[str]:
    """A line for the truth, and one for each row: the keys and their starts in seconds."""
    return [
        f"{track.name}\t{row}\t"
        + " ".join(f"{s.start:.0f}:{s.key.camelot}" for s in segments if s.key)
        for row, segments in {"truth": track.segments, **timelines}.items()
    ]


def _cost(text: str) -> float:
    cost = float(text)
    if not 0 <= cost < math.inf:
        raise ValueError(text)
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET")
    parser.add_argument("--change-cost", type=_cost, nargs="+", default=[CHANGE_COST],
                        metavar="X", help="in nats (%(default)s)")  # fmt: skip
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--tracks", action="store_true", help="list every timeline")
    arguments = parser.parse_intermixed_args()
    try:
        model = load_model(arguments.model)
        sets = {folder.name: read_tracks(folder) for folder in arguments.sets}
    except (CorpusError, ModelError) as error:
        sys.exit(f"training.modulations.evaluate: {error}")
    torch.set_num_threads(1)  # a single track is too little work for more threads
    for name, tracks in sets.items():
        scores: list[dict[str, TrackScores]] = []
        for track in tqdm(tracks, desc=name, unit="track", disable=None, leave=False):
            found = timelines_of(model, track, arguments.change_cost)
            scores.append({row: score_track(track.segments, value) for row, value in found.items()})
            if arguments.tracks:
                print("\n".join(_track_lines(track, found)))
        for kind in (None, *sorted({track.kind for track in tracks})):
            of_kind = [n for n, track in enumerate(tracks) if kind in (None, track.kind)]
            columns = {row: [scores[n][row] for n in of_kind] for row in scores[0]}
            title = name if kind is None else f"{name}, {kind}"
            print(report(title, [tracks[n] for n in of_kind], columns), flush=True)


if __name__ == "__main__":
    main()
