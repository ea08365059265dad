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
from torch import nn
from tqdm import tqdm

from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import CHECKPOINT_FORMAT
from keyscan.model.network import EquivariantNetwork, NetworkSettings
from keyscan.model.tuning import in_tune, normalise
from training.batches import batches
from training.checkpoints import Checkpoint, read_checkpoint
from training.datasets import DatasetError, TrackSet, load_spectrogram, read_votes
from training.files import write_whole
from training.processes import exit_on_signals
from training.scoring import Answer, score, score_modes
from training.settings import HELP, TrainingSettings
from training.shards import Corpus, CorpusError
from training.sources import read_source


def load_state(path: Path) -> dict[str, Any]:
    """Load a state of ``Trainer.state``.

    Raises:
        OSError: the file is missing.
        ValueError: the file is damaged or holds something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch passes on any error of its unpickler
        raise ValueError(f"{path}: damaged: {type(error).__name__}") from error
    if not isinstance(state, dict) or "optimiser" not in state:
        raise ValueError(f"{path}: not the state of a training run")
    return state


class Trainer:
    """Network, averaged network, optimiser and schedule; the state that ``--resume`` restores."""

    def __init__(
        self,
        architecture: NetworkSettings,
        settings: TrainingSettings,
        corpus: Corpus,
        device: str,
        recordings: Corpus | None = None,
        start: Checkpoint | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.corpus, self.device = settings, corpus, device
        self.recordings = recordings
        self.start = start.sha256 if start else None
        self._temperature = start.temperature.to_checkpoint() if start else {}
        self.network = EquivariantNetwork(architecture).to(device)
        if start:
            weights = start.content["state_dict"]
            self.network.load_state_dict(weights, strict=False)  # as load_model does
        self.average = EquivariantNetwork(architecture).to(device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = settings.epochs * (settings.epoch_size // settings.batch)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, settings.learning_rate, total_steps=steps + 1, pct_start=0.2
        )
        self.epoch = 0
        self._loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self._steps = 0

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epoch": self.epoch,
            "steps": self._steps,
            "torch_rng": torch.get_rng_state(),
            "settings": asdict(self.settings),
            "corpora": self._corpora(),
            "start": self.start,
        }

    def _corpora(self) -> list[Any]:
        """The settings of all corpora, recordings last."""
        corpora = [self.corpus, self.recordings] if self.recordings else [self.corpus]
        return [settings for corpus in corpora for settings in corpus.settings]

    def resume(self, state: dict[str, Any]) -> None:
        """Raises ValueError if the state is damaged, or of other settings or corpora."""
        if state.get("settings") != asdict(self.settings):
            raise ValueError(f"begun with other settings: {state.get('settings')}")
        if state.get("corpora") != self._corpora():
            raise ValueError(f"begun with other corpora: {state.get('corpora')}")
        if state.get("start") != self.start:
            raise ValueError(f"begun with another --start: SHA-256 {state.get('start')}")
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.epoch, self._steps = int(state["epoch"]), int(state["steps"])
            torch.set_rng_state(state["torch_rng"])
        except (AttributeError, KeyError, RuntimeError, TypeError) as error:
            raise ValueError(f"damaged state of a training run: {error!r}") from error

    def run_epoch(self) -> tuple[float, float]:
        """Train for an epoch; returns (mean loss, share of exact answers during training)."""
        self.network.train()
        total, right, seen = 0.0, 0, 0
        count = self.settings.epoch_size // self.settings.batch
        progress = tqdm(
            batches(self.corpus, self.settings, self.epoch, self.recordings),
            total=count, desc=f"epoch {self.epoch + 1}", disable=None, leave=False,
        )  # fmt: skip
        for spectrograms, targets in progress:
            targets = targets.to(self.device)
            with torch.autocast(self.device, torch.bfloat16):
                logits = self.network(normalise(spectrograms.to(self.device))).float()
            loss = self._loss(logits, targets)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            self.schedule.step()
            self._average()
            total += float(loss.detach()) * len(targets)
            right += int((logits.argmax(1) == targets.argmax(1)).sum())
            seen += len(targets)
        self.epoch += 1
        return total / seen, right / seen

    def _average(self) -> None:
        """Exponential moving average of the weights and of batch norm's statistics."""
        self._steps += 1
        keep = min(self.settings.ema, self._steps / (self._steps + 10))
        with torch.no_grad():
            for mean, value in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def checkpoint(self, figures: dict[str, Any]) -> dict[str, Any]:
        """The averaged network as the analyser loads it, with the temperature it started with."""
        return self._temperature | {
            "format": CHECKPOINT_FORMAT,
            "architecture": self.network.settings.to_dict(),
            "state_dict": {name: t.cpu().clone() for name, t in self.average.state_dict().items()},
            "training": asdict(self.settings)
            | {"epoch": self.epoch, "corpora": self._corpora(), "start": self.start},
            "figures": figures,
        }


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
