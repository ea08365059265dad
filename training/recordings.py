"""Make a corpus from unlabelled recordings, with soft pseudo-labels from checkpoints.

``python -m training.recordings --out runs/real FOLDER... --teachers A.pt B.pt --held-out FOLDER``

The target of an excerpt is the mean of the teachers' probabilities for the whole track, so a track
on which they disagree or are unsure has a flatter one. Hard labels of this kind are from Lee,
"Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks"
(ICML workshop 2013).

``tracks/`` holds the result of each file, so an interrupted run resumes where it stopped;
``tracks.tsv`` holds the outcomes. The result depends only on the contents of the files.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, load_model
from keyscan.spectrogram.constant_q import FloatArray
from training.excerpts import Outlines
from training.files import write_whole
from training.processes import ProcessDied, exit_on_signals, run_all, single_threaded
from training.shards import CorpusError, Target, open_corpus, write_shards
from training.synth import SHARD_SIZE
from training.teachers import RULES_HELP, Heard, Rules, Verdict, hear, judge

_SUFFIXES = frozenset((".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"))


class Recording(NamedTuple):
    """A file; ``digest`` is the hash of its content, ``name`` starts with that of its folder."""

    digest: str
    path: Path
    name: str


def find_recordings(folders: Iterable[Path]) -> list[Recording]:
    """Every file with an audio suffix, once per content, in the order of the digests.

    Raises:
        OSError: a folder or file cannot be read.
    """
    found: dict[str, Recording] = {}
    for folder in folders:
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder}: no such folder")
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _SUFFIXES and path.is_file():
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                name = str(Path(folder.name) / path.relative_to(folder))
                found.setdefault(digest, Recording(digest, path, name))
    return sorted(found.values())


@single_threaded
def _hear_to_disk(
    recording: Recording, out: Path, teachers: tuple[Path, ...], rules: Rules
) -> None:
    """Runs in a separate process."""
    torch.set_num_threads(1)
    heard = hear(recording.path, teachers, rules)
    with write_whole(_heard_path(out, recording)) as file:
        np.savez(file, **heard._asdict())


def _heard_path(out: Path, recording: Recording) -> Path:
    return out / "tracks" / f"{recording.digest}.npz"


def _read_heard(path: Path) -> Heard:
    """Raises CorpusError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return Heard(**{name: data[name] for name in Heard._fields})
    except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: damaged, remove it: {error}") from error


def _outline(heard: Heard) -> tuple[float, FloatArray]:
    return float(heard.seconds[0]), heard.outline


def select(
    recordings: Sequence[Recording], held_out: Sequence[Recording], out: Path
) -> list[tuple[Recording, Verdict]]:
    """Judge the heard files; held-out recordings are excluded, and only the first copy is kept.

    Raises:
        CorpusError: a file of ``tracks/`` is damaged.
    """
    kept_out, kept = Outlines(), Outlines()
    for recording in held_out:
        heard = _read_heard(_heard_path(out, recording))
        if heard.outline.size:
            kept_out.add(*_outline(heard))
    verdicts = []
    for recording in recordings:
        heard = _read_heard(_heard_path(out, recording))
        verdict = judge(heard)
        if heard.outline.size:
            if kept_out.find(*_outline(heard)) is not None:
                verdict = verdict._replace(outcome="held out", excerpts=0)
            elif kept.find(*_outline(heard)) is not None:
                verdict = verdict._replace(outcome="copy", excerpts=0)
            kept.add(*_outline(heard))
        verdicts.append((recording, verdict))
    return verdicts


def _kept(
    out: Path, verdicts: Sequence[tuple[Recording, Verdict]]
) -> Iterator[tuple[npt.NDArray[np.float16], Target]]:
    """The excerpts of the kept recordings, each with the target of the whole."""
    for recording, verdict in verdicts:
        if verdict.excerpts:
            heard = _read_heard(_heard_path(out, recording))
            yield from ((excerpt, heard.target) for excerpt in heard.excerpts)


def _write(out: Path, verdicts: Sequence[tuple[Recording, Verdict]]) -> None:
    """The shards, and a line a file in ``tracks.tsv``."""
    write_shards(out, _kept(out, verdicts), SHARD_SIZE)
    with (out / "tracks.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(("file", "outcome", "seconds", "key", "probability", "excerpts", "problem"))
        for recording, v in verdicts:
            key = v.key.name("sharps") if v.key else ""
            row = (f"{v.seconds:.1f}", key, f"{v.probability:.3f}", v.excerpts, v.problem)
            table.writerow((recording.name, v.outcome, *row))


def summary(verdicts: Sequence[tuple[Recording, Verdict]]) -> str:
    """A readable summary of the outcomes."""
    outcomes = Counter(verdict.outcome for _, verdict in verdicts)
    kept = [verdict for _, verdict in verdicts if verdict.outcome == "kept"]
    modes = Counter(verdict.key.mode for verdict in kept if verdict.key)
    parts = sum(verdict.excerpts for verdict in kept)
    hours = sum(verdict.seconds for verdict in kept) / 3600
    lines = [f"{len(verdicts)} files: " + ", ".join(f"{n} {o}" for o, n in outcomes.most_common())]
    lines.append(
        f"kept: {hours:.1f} hours, {parts} excerpts of {len(kept)} tracks, "
        f"{modes['major']} major, {modes['minor']} minor"
    )
    lines += [f"failed: {r.name}: {v.problem}" for r, v in verdicts if v.outcome == "failed"]
    return "\n".join(lines)


def settings_of(
    recordings: Sequence[Recording],
    held_out: Sequence[Recording],
    folders: int,
    teachers: Sequence[Path],
    rules: Rules,
) -> dict[str, Any]:
    """The sources of the corpus without paths; stored in the checkpoints.

    Raises:
        ModelError: a teacher cannot be loaded.
    """
    content, kept_out = (
        hashlib.sha256("".join(r.digest for r in files).encode()).hexdigest()
        for files in (recordings, held_out)
    )
    return {
        "recordings": len(recordings),
        "folders": folders,
        "content": content,
        "held_out": len(held_out),
        "held_out_content": kept_out,
        "teachers": [load_model(path).info.sha256 for path in teachers],
        **asdict(rules),
    }


def label(
    folders: Sequence[Path],
    out: Path,
    teachers: Sequence[Path],
    held_out: Sequence[Path] = (),
    rules: Rules | None = None,
    jobs: int = 1,
) -> list[tuple[Recording, Verdict]]:
    """Make the corpus ``out`` from the recordings in ``folders``.

    Raises:
        CorpusError: no audio, or ``out`` has other settings or a damaged file.
        ProcessDied: a decoder crashed.
        ModelError: a teacher cannot be loaded.
        OSError: a folder cannot be read, or ``out`` cannot be written.
    """
    rules = rules or Rules()
    recordings, apart = find_recordings(folders), find_recordings(held_out)
    if not recordings:
        raise CorpusError(f"no audio in {', '.join(map(str, folders))}")
    open_corpus(out, settings_of(recordings, apart, len(folders), teachers, rules))
    (out / "tracks").mkdir(exist_ok=True)
    asked = {recording: tuple(teachers) for recording in recordings}
    labelled = {recording.digest for recording in recordings}
    asked |= {recording: () for recording in apart if recording.digest not in labelled}
    missing = [r for r in asked if not _heard_path(out, r).exists()]
    calls = [(r.name, (r, out, asked[r], rules)) for r in missing]
    run_all(_hear_to_disk, calls, total=len(asked), jobs=jobs)
    verdicts = select(recordings, apart, out)
    _write(out, verdicts)
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, help="the corpus's folder")
    parser.add_argument("--teachers", type=Path, nargs="+", default=[PACKAGED_CHECKPOINT],
                        help="checkpoints that label (default: the packaged one)")  # fmt: skip
    parser.add_argument("--held-out", type=Path, nargs="+", default=[], metavar="FOLDER",
                        help="recordings in these folders are excluded")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    for name, value in asdict(Rules()).items():
        option, text = f"--{name.replace('_', '-')}", f"{RULES_HELP[name]} (%(default)s)"
        parser.add_argument(option, type=type(value), default=value, help=text)
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs: at least 1, not {arguments.jobs}")
    try:
        rules = Rules(**{name: getattr(arguments, name) for name in asdict(Rules())})
    except ValueError as error:
        parser.error(f"--{str(error).replace('_', '-')}")
    exit_on_signals()
    try:
        print(summary(label(arguments.folders, arguments.out, arguments.teachers,
                            arguments.held_out, rules, arguments.jobs)))  # fmt: skip
    except (CorpusError, ModelError, OSError, ProcessDied) as error:
        sys.exit(f"training.recordings: {error}")


if __name__ == "__main__":
    main()
