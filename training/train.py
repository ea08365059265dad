"""Train the network on synthetic music and monitor it on recordings.

``python -m training.train --corpus runs/corpus --out runs/first --dev FOLDER --epochs 8``

After every epoch ``last.pt`` (for ``--resume``) and ``epoch-NN.pt`` (the averaged weights, as the
analyser loads them) are written to ``--out``, with a line in ``log.jsonl``. An epoch has
``--epoch-size`` excerpts; passes over the corpora repeat in a seeded random order. ``--start
CHECKPOINT`` begins with the weights of a checkpoint, in its architecture.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import KEYS, Key
from keyscan.model.network import EquivariantNetwork, NetworkSettings
from keyscan.model.tuning import in_tune, normalise
from training.checkpoints import read_checkpoint
from training.datasets import DatasetError, TrackSet, load_spectrogram, read_votes
from training.files import write_whole
from training.processes import exit_on_signals
from training.scoring import Answer, score, score_modes
from training.settings import HELP, TrainingSettings
from training.shards import Corpus, CorpusError
from training.sources import read_source
from training.trainer import Trainer, load_state


def evaluate(
    network: EquivariantNetwork, tracks: Sequence[tuple[npt.NDArray[np.float32], Key]], device: str
) -> dict[str, float]:
    """Exact and weighted shares over whole tracks, and exact shares by mode."""
    network.eval()
    answers = []
    with torch.inference_mode():
        for spectrogram, key in tracks:
            x = normalise(in_tune(torch.from_numpy(spectrogram))[None].to(device))
            answers.append(Answer(key, KEYS[int(network(x).argmax())]))
    scores = score(answers)
    figures = {"exact": scores.exact.mean, "weighted": scores.weighted.mean}
    figures |= {f"exact_{mode}": part.exact.mean for mode, part in score_modes(answers).items()}
    return {name: round(value, 4) for name, value in figures.items()}


def load_dev(
    sets: Sequence[TrackSet], cache: Path | None
) -> dict[str, list[tuple[npt.NDArray[np.float32], Key]]]:
    """The features and keys of every track, by set.

    Raises:
        DatasetError: a set has no audio, or a file cannot be analysed.
    """
    loaded = {}
    for tracks in sets:
        if not tracks.tracks:
            raise DatasetError(f"{tracks.name}: none of its audio is there")
        try:
            loaded[tracks.name] = [(load_spectrogram(t, cache), t.key) for t in tracks.tracks]
        except AnalysisError as error:
            raise DatasetError(f"{tracks.name}: {error}") from error
    return loaded


def train(
    trainer: Trainer,
    out: Path,
    dev: Sequence[TrackSet],
    cache: Path | None,
    stop_after: int | None = None,
) -> None:
    """Run the remaining epochs; write a checkpoint and a log line after each.

    ``stop_after``: the last epoch to run; None: all of the schedule.

    Raises:
        DatasetError: see ``load_dev``.
        OSError: ``out`` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        sets = load_dev(dev, cache)
        while trainer.epoch < min(trainer.settings.epochs, stop_after or math.inf):
            loss, accuracy = trainer.run_epoch()
            figures: dict[str, Any] = {"loss": round(loss, 4), "train_exact": round(accuracy, 4)}
            for name, tracks in sets.items():
                figures[name] = evaluate(trainer.average, tracks, trainer.device)
            line = json.dumps({"epoch": trainer.epoch} | figures)
            print(line, flush=True)
            with write_whole(out / f"epoch-{trainer.epoch:02d}.pt") as file:
                torch.save(trainer.checkpoint(figures), file)
            with write_whole(out / "last.pt") as file:
                torch.save(trainer.state(), file)
            print(line, file=log, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--recordings", type=Path, nargs="+",
        help="corpora with a share of their own in every batch; see --recorded",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dev", type=Path, nargs="*", default=[], metavar="SOURCE",
                        help="folders with labels.tsv, or others of training.sources")  # fmt: skip
    parser.add_argument("--votes", type=Path, nargs=2, metavar=("TABLE", "AUDIO"))
    parser.add_argument("--agree", type=int, default=5, help="votes needed for a dev excerpt")
    parser.add_argument("--cache", type=Path, help="cache for the features of recordings")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--start", type=Path, metavar="CHECKPOINT",
                        help="begin with its weights, in its architecture")  # fmt: skip
    parser.add_argument("--stop-after", type=int, metavar="EPOCH",
                        help="the last epoch to run (default: all)")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="resume from last.pt in --out")
    numbers = asdict(NetworkSettings())
    del numbers["harmonics"]
    for name, value in (asdict(TrainingSettings()) | numbers).items():
        option, text = f"--{name.replace('_', '-')}", f"{HELP[name]} (%(default)s)"
        parser.add_argument(option, type=type(value), default=value, help=text)
    arguments = parser.parse_args()
    if bool(arguments.recordings) != bool(arguments.recorded):
        parser.error("--recordings and --recorded need each other")
    if arguments.stop_after is not None and arguments.stop_after < 1:
        parser.error(f"--stop-after: at least 1, not {arguments.stop_after}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: no CUDA device")
    try:
        settings = TrainingSettings(
            **{name: getattr(arguments, name) for name in asdict(TrainingSettings())}
        )
        architecture = NetworkSettings(**{name: getattr(arguments, name) for name in numbers})
    except ValueError as error:
        parser.error(f"--{str(error).replace('_', '-')}")
    if arguments.start and architecture != NetworkSettings():
        parser.error(f"--start has its own architecture: no --{', --'.join(numbers)}")
    if (arguments.out / "last.pt").exists() and not arguments.resume:
        parser.error(f"--out: {arguments.out} holds a run: --resume continues it")
    exit_on_signals()
    try:
        start = read_checkpoint(arguments.start) if arguments.start else None
        dev = [read_source(source) for source in arguments.dev]
        if arguments.votes:
            table, audio = arguments.votes
            dev.append(read_votes(table, audio, agree=arguments.agree))
        trainer = Trainer(
            start.architecture if start else architecture,
            settings,
            Corpus(arguments.corpus),
            arguments.device,
            Corpus(arguments.recordings) if arguments.recordings else None,
            start,
        )
        if arguments.resume:
            trainer.resume(load_state(arguments.out / "last.pt"))
        train(trainer, arguments.out, dev, arguments.cache, arguments.stop_after)
    except (CorpusError, DatasetError, ModelError, OSError, ValueError) as error:
        sys.exit(f"training.train: {error}")


if __name__ == "__main__":
    main()
