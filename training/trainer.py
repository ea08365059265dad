"""The network, its average, the optimiser and the schedule of a training run, epoch by epoch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from keyscan.model.checkpoint import CHECKPOINT_FORMAT
from keyscan.model.network import EquivariantNetwork, NetworkSettings
from keyscan.model.tuning import normalise
from training.batches import batches
from training.checkpoints import Checkpoint
from training.settings import TrainingSettings
from training.shards import Corpus


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


def has_bfloat16(device: str) -> bool:
    """Whether the device computes in bfloat16; elsewhere that is emulated, and 8 times slower."""
    found = torch.cpu.get_capabilities()
    return device == "cuda" or bool(found.get("avx512_bf16") or found.get("amx_bf16"))


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
        self._bfloat16 = has_bfloat16(device)
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
            with torch.autocast(self.device, torch.bfloat16, enabled=self._bfloat16):
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
