"""Make a corpus from recordings with known keys, or folds of one for cross-validation.

``python -m training.labelled SOURCE... --out runs/own [--folds 5]``

``training.sources`` describes the sources. With ``--folds K``, ``fold-0`` to ``fold-(K-1)`` are
corpora, and ``fold-0.npz`` etc. the same recordings as sets of ``training.features``, whole. Copies
of a recording are left out, so that it is in one fold only; so are recordings with two keys.

``tracks/`` holds the spectrogram of each recording, so an interrupted run resumes where it stopped;
``tracks.tsv`` holds the outcomes. The shards depend only on the recordings and their keys.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from keyscan.spectrogram.constant_q import FloatArray
from keyscan.spectrogram.features import MIN_SECONDS
from training.datasets import Track, TrackSet
from training.excerpts import Outlines, cut_excerpts, frames_of, outline_of
from training.features import Labelled, write_features
from training.heard import digest_of, hear_to_disk, heard_path, read_heard
from training.processes import ProcessDied, exit_on_signals, run_all
from training.shards import CorpusError, check_corpus, open_corpus, write_shards
from training.sources import read_source
from training.synth import SECONDS, SHARD_SIZE
from training.tables import DatasetError

PER_TRACK = 6


class Item(NamedTuple):
    """A labelled recording; ``digest`` is the hash of its content."""

    source: str
    track: Track
    digest: str


class Row(NamedTuple):
    """A line of ``tracks.tsv``.

    ``outcome``: kept, copy, keys differ, too short, silent, failed, no audio, or the reason why the
    label is not used.
    """

    source: str
    file: str
    outcome: str
    key: Key | None = None
    seconds: float = 0.0
    excerpts: int = 0
    fold: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Cut:
    """How recordings are cut: ``per_track`` excerpts at most, of ``seconds``."""

    seconds: float = SECONDS
    per_track: int = PER_TRACK

    def excerpts(self, wide: FloatArray) -> list[FloatArray]:
        return cut_excerpts(wide, frames_of(self.seconds), self.per_track)


class _Examined(NamedTuple):
    """A row without label; ``original``: the digest of the first copy, None if it is unusable."""

    row: Row
    original: str | None


def _examine(digests: Iterable[str], out: Path, cut: Cut) -> dict[str, _Examined]:
    """Each heard recording; one is a copy of another before it.

    Raises:
        CorpusError: a file of ``tracks/`` is damaged.
    """
    outlines, originals, examined = Outlines(), list[str](), dict[str, _Examined]()
    for digest in digests:
        heard = read_heard(out, digest)
        outcome, message = heard.problem.tolist()
        row = Row("", "", outcome, seconds=float(heard.seconds), problem=message)
        original = None
        if not outcome:
            wide = heard.spectrogram.astype(np.float32)
            row = row._replace(outcome="kept", excerpts=len(cut.excerpts(wide)))
            outline = outline_of(wide)
            known = outlines.find(row.seconds, outline)
            original = digest if known is None else originals[known]
            outlines.add(row.seconds, outline)
            originals.append(original)
        examined[digest] = _Examined(row, original)
    return examined


def judge(items: Sequence[Item], out: Path, cut: Cut) -> list[Row]:
    """The outcome of each heard item, without folds.

    Args:
        items: in the order of their digests; the first of some copies is kept.

    Raises:
        CorpusError: a file of ``tracks/`` is damaged.
    """
    examined = _examine(dict.fromkeys(item.digest for item in items), out, cut)
    keys: dict[str | None, set[Key]] = {}
    for item in items:
        keys.setdefault(examined[item.digest].original, set()).add(item.track.key)
    rows, first = [], dict[str, str]()
    for item in items:
        row, original = examined[item.digest]
        if original is not None and len(keys[original]) > 1:
            names = " and ".join(sorted(key.name("sharps") for key in keys[original]))
            row = row._replace(outcome="keys differ", excerpts=0, problem=names)
        elif original in first:
            row = row._replace(outcome="copy", excerpts=0, problem=f"of {first[original]}")
        elif original is not None:
            first[original] = _where(item.track)
        rows.append(row._replace(source=item.source, file=_where(item.track), key=item.track.key))
    return rows


def _where(track: Track) -> str:
    return str(track.path) if track.member is None else f"{track.path}:{track.member}"


def deal(rows: Sequence[Row], folds: int) -> list[Row]:
    """Deal the kept rows to the folds, first the major ones and then the minor ones, in turn.

    The folds differ by one recording at most in size and in each mode. In the order of the
    contents' hashes, the deal does not depend on names or on the order of the sources.
    """
    kept = [number for number, row in enumerate(rows) if row.outcome == "kept"]
    dealt = list(rows)
    for turn, number in enumerate(sorted(kept, key=lambda number: _mode(rows[number]))):
        dealt[number] = rows[number]._replace(fold=turn % folds)
    return dealt


def _mode(row: Row) -> str:
    return row.key.mode if row.key else ""


def _recordings(
    out: Path, items: Sequence[Item], rows: Sequence[Row], fold: int | None
) -> Iterator[Labelled]:
    """The kept recordings of a fold, or all (None)."""
    for item, row in zip(items, rows, strict=True):
        if row.outcome == "kept" and row.fold == fold:
            spectrogram = read_heard(out, item.digest).spectrogram
            title = item.track.title or item.track.path.stem
            yield Labelled(spectrogram, item.track.key, row.seconds, title)


def _excerpts(
    recordings: Iterator[Labelled], cut: Cut
) -> Iterator[tuple[npt.NDArray[np.float16], Key]]:
    for recording in recordings:
        for excerpt in cut.excerpts(recording.spectrogram.astype(np.float32)):
            yield excerpt.astype(np.float16), recording.key


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(Row._fields)
        for row in rows:
            key = row.key.name("sharps") if row.key else ""
            seconds = f"{row.seconds:.1f}"
            table.writerow((*row[:3], key, seconds, row.excerpts, row.fold, row.problem))


def settings_of(items: Sequence[Item], cut: Cut, folds: int | None) -> dict[str, Any]:
    """The sources of the corpus without names; stored in the checkpoints."""
    content = "".join(sorted(f"{item.digest} {item.track.key.class_id}\n" for item in items))
    return {
        "labelled": len(items),
        "content": hashlib.sha256(content.encode()).hexdigest(),
        "seconds": cut.seconds,
        "per_track": cut.per_track,
        "folds": folds,
    }


def _check(out: Path, settings: Mapping[str, Any]) -> None:
    try:
        check_corpus(out, settings)
    except CorpusError as error:
        raise CorpusError(
            f"{error} (content: the hash of the recordings and their keys). Use another --out; "
            f"{out / 'tracks'} may be moved there, so that no recording is decoded again"
        ) from error


def label(
    sources: Sequence[TrackSet],
    out: Path,
    folds: int | None = None,
    cut: Cut | None = None,
    jobs: int = 1,
) -> list[Row]:
    """Make the corpus ``out``, or its folds; the rows of ``tracks.tsv``.

    Raises:
        CorpusError: too few usable recordings, or ``out`` has other settings or a damaged file.
        DatasetError: a set of spectrograms cannot be read.
        ProcessDied: a decoder crashed.
        OSError: a recording cannot be read, or ``out`` cannot be written.
    """
    cut = cut or Cut()
    items = [Item(s.name, track, digest_of(track)) for s in sources for track in s.tracks]
    items.sort(key=lambda item: (item.digest, item.source, _where(item.track)))
    settings = settings_of(items, cut, folds)
    _check(out, settings)
    paths = {heard_path(out, item.digest): item.track for item in items}
    missing = {path: track for path, track in paths.items() if not path.exists()}
    calls = [(track.name, (track, path)) for path, track in missing.items()]
    run_all(hear_to_disk, calls, total=len(paths), jobs=jobs)
    rows = judge(items, out, cut)
    if folds is not None:
        rows = deal(rows, folds)
    unheard = [
        Row(s.name, name, reason, problem=text) for s in sources for name, reason, text in s.skipped
    ]
    unheard += [Row(s.name, str(path), "no audio") for s in sources for path in s.missing]
    _write_table(out / "tracks.tsv", rows + unheard)
    kept = sum(row.outcome == "kept" for row in rows)
    if kept < (folds or 1):
        raise CorpusError(
            f"{kept} usable recordings, at least {folds or 1} needed: see {out / 'tracks.tsv'}"
        )
    open_corpus(out, settings)
    if folds is None:
        write_shards(out, _excerpts(_recordings(out, items, rows, None), cut), SHARD_SIZE)
    for fold in range(folds or 0):
        folder = out / f"fold-{fold}"
        open_corpus(folder, settings | {"fold": fold})
        write_shards(folder, _excerpts(_recordings(out, items, rows, fold), cut), SHARD_SIZE)
        write_features(folder.with_suffix(".npz"), _recordings(out, items, rows, fold))
    return rows + unheard


def summary(rows: Sequence[Row]) -> str:
    """The outcomes of each source, what is kept in all and in each fold, and the problems."""
    lines = []
    for source in dict.fromkeys(row.source for row in rows):
        outcomes = Counter(row.outcome for row in rows if row.source == source)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        lines.append(f"{source}: {outcomes.total()} labels: {counts}")
    kept = [row for row in rows if row.outcome == "kept"]
    lines.append(f"kept: {_amount(kept)}")
    folds = sorted({row.fold for row in kept if row.fold is not None})
    lines += [f"fold {n}: {_amount([row for row in kept if row.fold == n])}" for n in folds]
    lines += [f"{row.outcome}: {row.file}: {row.problem}" for row in rows if row.problem]
    return "\n".join(lines)


def _amount(rows: Sequence[Row]) -> str:
    modes = Counter(map(_mode, rows))
    return (
        f"{len(rows)} recordings, {modes['major']} major, {modes['minor']} minor, "
        f"{sum(row.seconds for row in rows) / 3600:.2f} hours, "
        f"{sum(row.excerpts for row in rows)} excerpts"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE",
                        help="a folder with labels.tsv, NAME.npz beside NAME.tsv, GiantSteps, "
                        "GiantSteps-MTG, or FMAK's table beside FMA's audio")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the corpus's folder")
    parser.add_argument("--folds", type=int, metavar="K", help="make a corpus of each fold")
    parser.add_argument("--per-track", type=int, default=PER_TRACK,
                        help="most excerpts of one recording (%(default)s)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=SECONDS,
                        help="of an excerpt (%(default)s)")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    for option, least in {"folds": 2, "per_track": 1, "jobs": 1}.items():
        value = getattr(arguments, option)
        if value is not None and value < least:
            parser.error(f"--{option.replace('_', '-')}: at least {least}, not {value}")
    if not MIN_SECONDS <= arguments.seconds < math.inf:
        parser.error(f"--seconds: at least {MIN_SECONDS:g}, not {arguments.seconds:g}")
    exit_on_signals()
    try:
        sources = [read_source(path) for path in arguments.sources]
        cut = Cut(arguments.seconds, arguments.per_track)
        print(summary(label(sources, arguments.out, arguments.folds, cut, arguments.jobs)))
    except (CorpusError, DatasetError, OSError, ProcessDied) as error:
        sys.exit(f"training.labelled: {error}")


if __name__ == "__main__":
    main()
