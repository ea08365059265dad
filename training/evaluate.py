"""Evaluate a checkpoint on recordings with known keys.

``python -m training.evaluate SOURCE... [--giantsteps CHECKOUT [--audio FOLDER]] [--features FILE]
[--reliability]``

A source is a folder with ``labels.tsv`` (a header ``file<TAB>key``), or another of
``training.sources``; ``--features`` takes sets of ``training.features``. The front end and the
model are those of the server. The tables have a column for all tracks and one for each mode;
figures are per cent; brackets hold 95 % bootstrap intervals. ``--tracks`` lists every answer,
``--reliability`` prints the accuracy of the answers by tenths of confidence. ``--clips`` judges
clips of every track by the key of the track; as they are alike, the intervals are too narrow.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import Mode, Relation
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, FloatArray
from keyscan.spectrogram.features import MIN_SECONDS
from training.calibration import (
    chance_calibration_error,
    expected_calibration_error,
    reliability,
)
from training.datasets import DatasetError, Track, TrackSet, load_spectrogram
from training.scoring import Answer, Interval, Scores, recall_gap, score, score_modes
from training.sets import add_features_option, add_set_options, read_sets

CLIPS = 5
_MISTAKES: tuple[Relation, ...] = ("fifth_up", "fifth_down", "relative", "parallel", "other")
_ROWS = (
    "exact",
    *(relation.replace("_", " ") for relation in _MISTAKES),
    "MIREX weighted",
    "MIREX weighted, fifth up only",
    "expected calibration error",
)


@dataclass(frozen=True)
class Result:
    """The answers of a set, and the files that cannot be analysed, each with the reason."""

    name: str
    answers: tuple[tuple[Track, Answer], ...]
    missing: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def clips_of(spectrogram: FloatArray, seconds: float | None) -> list[FloatArray]:
    """``CLIPS`` evenly spread clips of so many seconds; the whole if it is shorter, or for None."""
    frames = spectrogram.shape[1] if seconds is None else round(seconds * FRAMES_PER_SECOND)
    free = spectrogram.shape[1] - frames
    if seconds is None or free < 0:
        return [spectrogram]
    starts = np.linspace(0, free, CLIPS + 2)[1:-1].astype(int)
    return [spectrogram[:, start : start + frames] for start in starts]


def run(
    model: KeyModel, tracks: TrackSet, cache: Path | None = None, seconds: float | None = None
) -> Result:
    """Estimate the key of every track with audio, or those of clips of it (``clips_of``).

    Raises:
        DatasetError: an array of a set cannot be read.
        OSError: the cache cannot be written.
    """
    answers, failed = [], []
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            clips = clips_of(load_spectrogram(track, cache), seconds)
            estimates = [estimate_key(model, clip) for clip in clips]
        except (AnalysisError, ValueError) as error:
            failed.append((track.path, str(error)))
            continue
        answers += [(track, Answer(track.key, e.key, max(e.probabilities))) for e in estimates]
    return Result(tracks.name, tuple(answers), tracks.missing, tuple(failed))


def _interval(interval: Interval) -> str:
    low, high = f"{100 * interval.low:.1f}", f"{100 * interval.high:.1f}"
    return f"{100 * interval.mean:5.1f} [{low}, {high}]"


def _column(title: str, scores: Scores | None) -> list[str]:
    """The header with the number of tracks, then a cell for each of ``_ROWS``."""
    if scores is None:
        return [f"{title} (0)", *["    -"] * len(_ROWS)]
    return [
        f"{title} ({scores.tracks})",
        _interval(scores.exact),
        *(f"{100 * scores.shares[relation]:5.1f}" for relation in _MISTAKES),
        _interval(scores.weighted),
        _interval(scores.weighted_fifth_up_only),
        "    -" if scores.calibration_error is None else f"{100 * scores.calibration_error:5.1f}",
    ]


def _recall(answers: Sequence[Answer], modes: dict[Mode, Scores]) -> str:
    """One line: the recall of each mode present, and the difference."""
    parts = [f"{mode} {100 * scores.exact.mean:.1f}" for mode, scores in modes.items()]
    gap = recall_gap(answers)
    if gap is not None:
        low, high = f"{100 * gap.low:+.1f}", f"{100 * gap.high:+.1f}"
        parts.append(f"major minus minor {100 * gap.mean:+.1f} points [{low}, {high}]")
    return f"  recall: {', '.join(parts)}"


def reliability_table(answers: Sequence[Answer]) -> str:
    """Accuracy by tenths of confidence; answers without a confidence are skipped."""
    judged = [(a.confidence, a.relation == "exact") for a in answers if a.confidence is not None]
    if not judged:
        return "  no confidences\n"
    confidences, exact = [c for c, _ in judged], [right for _, right in judged]
    lines = ["  confidence     tracks    mean confidence    exact"]
    for row in reliability(confidences, exact):
        means = (
            f"{100 * row.confidence:15.1f}    {100 * row.accuracy:5.1f}"
            if row.count
            else f"{'-':>15}"
        )
        lines.append(f"  {100 * row.low:3.0f} - {100 * row.high:3.0f} {row.count:12}    {means}")
    found = 100 * expected_calibration_error(confidences, exact)
    chance = 100 * chance_calibration_error(confidences)
    lines.append(f"  expected calibration error {found:.1f}; by chance if calibrated {chance:.1f}")
    return "\n".join(lines) + "\n"


def report(name: str, answers: Sequence[Answer]) -> str:
    """The table of one set by the mode of the true key, with the recall of each mode; "no answers"
    for an empty set.
    """
    if not answers:
        return f"{name}: no answers\n"
    modes = score_modes(answers)
    columns = [
        _column("all tracks", score(answers)),
        _column("major", modes.get("major")),
        _column("minor", modes.get("minor")),
    ]
    rows = zip(("", *_ROWS), *columns, strict=True)
    lines = [f"  {row:31}" + "".join(f"{cell:22}" for cell in cells) for row, *cells in rows]
    return "\n".join([name, *(line.rstrip() for line in lines), _recall(answers, modes)]) + "\n"


def _track_lines(result: Result) -> list[str]:
    return [
        f"{result.name}\t{track.name}\t{answer.reference.name('sharps')}\t"
        f"{answer.estimate.name('sharps')}\t{answer.relation}"
        for track, answer in result.answers
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_set_options(parser)
    add_features_option(parser)
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--clips", type=float, metavar="SECONDS",
                        help=f"{CLIPS} clips of each track instead of the whole")  # fmt: skip
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cache", type=Path, help="keep spectrograms here between runs")
    parser.add_argument("--tracks", action="store_true", help="list every track")
    parser.add_argument("--reliability", action="store_true", help="confidence against accuracy")
    arguments = parser.parse_intermixed_args()
    if arguments.clips is not None and not MIN_SECONDS <= arguments.clips < math.inf:
        parser.error(f"--clips: at least {MIN_SECONDS:g}, not {arguments.clips:g}")
    try:
        sets = read_sets(parser, arguments)
        model = load_model(arguments.model, arguments.device)
    except (DatasetError, ModelError) as error:
        sys.exit(f"training.evaluate: {error}")
    everything: list[Answer] = []
    for tracks in sets:
        try:
            result = run(model, tracks, arguments.cache, arguments.clips)
        except (DatasetError, OSError) as error:  # the result holds the errors of single files
            sys.exit(f"training.evaluate: {error}")
        answers = [answer for _, answer in result.answers]
        everything += answers
        if arguments.tracks:
            print("\n".join(_track_lines(result)))
        print(report(result.name, answers))
        if arguments.reliability:
            print(reliability_table(answers))
        for path in result.missing:
            print(f"{result.name}: no such file: {path}", file=sys.stderr)
        for path, reason in result.failed:
            print(f"{result.name}: {path}: {reason}", file=sys.stderr)
        if result.missing or result.failed:
            print(f"  audio missing {len(result.missing)}, failed {len(result.failed)}\n")
    if len(sets) > 1:
        print(report("all", everything))
        if arguments.reliability:
            print(reliability_table(everything))
    if not everything:
        sys.exit("training.evaluate: no track could be answered")


if __name__ == "__main__":
    main()
