"""How many real tracks get the right key.

``python -m training.evaluate FOLDER... [--giantsteps CHECKOUT [--audio FOLDER]] [--tracks]``

Each folder holds ``labels.tsv`` (a header ``file<TAB>key``). Every track goes through the front end
and the model as in the server. The tables have a column for all tracks and one for each mode;
figures are per cent; brackets hold 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from keyscan.analysis.errors import AnalysisError
from keyscan.analysis.estimate import estimate_key
from keyscan.analysis.model import KeyModel, ModelError, load_model
from keyscan.keys import Relation
from training.datasets import (
    DatasetError,
    Track,
    TrackSet,
    load_spectrogram,
    read_folder,
    read_giantsteps,
    read_votes,
)
from training.scoring import Answer, Interval, Scores, score, score_modes

_MISTAKES: tuple[Relation, ...] = ("fifth_up", "fifth_down", "relative", "parallel", "other")
_ROWS = (
    "exact",
    *(relation.replace("_", " ") for relation in _MISTAKES),
    "MIREX weighted",
    "MIREX weighted, fifth up only",
)


@dataclass(frozen=True)
class Result:
    """The answers of a set, and the files that could not be analysed, each with the reason."""

    name: str
    answers: tuple[tuple[Track, Answer], ...]
    missing: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def run(model: KeyModel, tracks: TrackSet, cache: Path | None = None) -> Result:
    """Estimate the key of every track whose audio is there.

    Raises:
        OSError: the cache cannot be written.
    """
    answers, failed = [], []
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            estimate = estimate_key(model, load_spectrogram(track, cache))
        except (AnalysisError, ValueError) as error:
            failed.append((track.path, str(error)))
            continue
        answers.append((track, Answer(track.key, estimate.key)))
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
    ]


def report(name: str, answers: Sequence[Answer]) -> str:
    """The table of one set, by the mode of the true key; "no answers" if there are none."""
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
    return "\n".join([name, *(line.rstrip() for line in lines)]) + "\n"


def _track_lines(result: Result) -> list[str]:
    return [
        f"{result.name}\t{track.path.name}\t{answer.reference.name('sharps')}\t"
        f"{answer.estimate.name('sharps')}\t{answer.relation}"
        for track, answer in result.answers
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--giantsteps", type=Path, metavar="CHECKOUT")
    parser.add_argument("--audio", type=Path, help="GiantSteps audio, if not in CHECKOUT/audio")
    parser.add_argument("--votes", type=Path, nargs=2, metavar=("TABLE", "AUDIO"))
    parser.add_argument("--agree", type=int, default=5, help="votes that an excerpt needs")
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cache", type=Path, help="keep spectrograms here between runs")
    parser.add_argument("--tracks", action="store_true", help="list every track")
    arguments = parser.parse_args()
    if not (arguments.folders or arguments.giantsteps or arguments.votes):
        parser.error("nothing to evaluate: give a FOLDER, --giantsteps or --votes")
    try:
        sets = [read_folder(folder) for folder in arguments.folders]
        if arguments.giantsteps:
            sets.append(read_giantsteps(arguments.giantsteps, arguments.audio))
        if arguments.votes:
            table, audio = arguments.votes
            sets.append(read_votes(table, audio, arguments.agree))
        model = load_model(arguments.model, arguments.device)
    except (DatasetError, ModelError) as error:
        sys.exit(f"training.evaluate: {error}")
    everything: list[Answer] = []
    for tracks in sets:
        try:
            result = run(model, tracks, arguments.cache)
        except OSError as error:  # what a track's own file does wrong is in the result
            sys.exit(f"training.evaluate: {error}")
        answers = [answer for _, answer in result.answers]
        everything += answers
        if arguments.tracks:
            print("\n".join(_track_lines(result)))
        print(report(result.name, answers))
        for path in result.missing:
            print(f"{result.name}: no such file: {path}", file=sys.stderr)
        for path, reason in result.failed:
            print(f"{result.name}: {path}: {reason}", file=sys.stderr)
        if result.missing or result.failed:
            print(f"  audio missing {len(result.missing)}, failed {len(result.failed)}\n")
    if len(sets) > 1:
        print(report("all", everything))
    if not everything:
        sys.exit("training.evaluate: no track could be answered")


if __name__ == "__main__":
    main()
