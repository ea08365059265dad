"""A checkpoint becomes a model that tells 24 logits from a spectrogram of any length."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyscan.errors import ModelError
from keyscan.model.keynet import KeyNet, MapSum
from keyscan.model.network import EquivariantNetwork, NetworkSettings, Summary
from keyscan.model.preparation import Preparation
from keyscan.model.temperature import Temperature
from keyscan.model.tonality import Tonality
from keyscan.model.tuning import Tuning, estimate_tuning
from keyscan.spectrogram.constant_q import N_BINS

PACKAGED_CHECKPOINT = Path(__file__).parent.parent / "data" / "keyscan.pt"
CHECKPOINT_FORMAT = "keyscan-1"
MIN_FRAMES = 8  # KeyNet halves the frames three times
BLOCK_FRAMES = 16  # a multiple of every network's stride
_CHUNK = 100 * BLOCK_FRAMES  # frames worked on at once: five minutes, so that memory is bounded


@dataclass(frozen=True)
class ModelInfo:
    """What a model is: for the ``ready`` message, the environment report, bug reports."""

    name: str
    parameters: int
    sha256: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Inference:
    """``logits``: shape ``(24,)``, in the order of ``class_id``.

    ``traits``: what the network sees in the track whatever its key is, ``(2 * channels,)``; None
    for a KeyNet. ``blocks``, where they were asked for: what the network summed up over each
    ``BLOCK_FRAMES`` frames, for ``KeyModel.conclude``.
    """

    logits: npt.NDArray[np.float32]
    tuning: Tuning
    traits: npt.NDArray[np.float32] | None = None
    blocks: Summary | MapSum | None = None


class KeyModel:
    """A network on a device, ready to infer.

    ``temperature``: what the logits have to be divided by for their softmax to be honest;
    ``tonality``: what tells music from drums, speech and noise, None if it was not trained.
    """

    def __init__(
        self,
        network: EquivariantNetwork | KeyNet,
        info: ModelInfo,
        temperature: Temperature,
        tonality: Tonality | None = None,
        device: str = "cpu",
    ) -> None:
        self.info = info
        self.temperature = temperature
        self.tonality = tonality
        self.device = torch.device(device)
        self._network = network.to(self.device).eval()

    def to_input(self, spectrogram: npt.NDArray[np.float32]) -> Tensor:
        """``log1p`` magnitudes ``(105, frames)`` -> a tensor ``(1, 105, frames)`` on the device.

        Raises:
            ValueError: another shape, or fewer than ``MIN_FRAMES`` frames.
        """
        if spectrogram.ndim != 2 or spectrogram.shape[0] != N_BINS:
            raise ValueError(f"a spectrogram of {N_BINS} bins is needed, not {spectrogram.shape}")
        if spectrogram.shape[1] < MIN_FRAMES:
            raise ValueError(f"at least {MIN_FRAMES} frames are needed, not {spectrogram.shape[1]}")
        array = np.asarray(spectrogram, np.float32)
        return torch.from_numpy(array).unsqueeze(0).to(self.device)

    def __call__(self, x: Tensor, *, blocks: bool = False) -> Inference:
        """What the network says of what ``to_input`` gives; of every block of it too, if asked.

        Long tracks are worked through in chunks that overlap by as much as the network looks
        around, so that memory is bounded and the result is that of the whole.
        """
        network = self._network
        with torch.inference_mode():
            frames = x.shape[-1]
            part_of = _slice_of(x)
            if isinstance(network, EquivariantNetwork):
                preparation = Preparation(x[0], _CHUNK)
                tuning, part_of = preparation.tuning, preparation.part
            else:
                tuning = estimate_tuning(x[0])
            total: Any = None
            found: list[Any] = []
            for start in range(0, frames, _CHUNK):
                low = max(0, start - network.halo)
                last_chunk = start + _CHUNK + network.halo >= frames
                high = frames if last_chunk else start + _CHUNK + network.halo
                first = (start - low) // network.stride
                kept = None if last_chunk else first + _CHUNK // network.stride
                features = network.features(part_of(low, high))[..., first:kept]
                part = network.summarise(features)
                total = part if total is None else total.plus(part)
                if blocks:
                    found.append(_block_sums(network, features))
                if last_chunk:
                    break
            traits = None
            if isinstance(network, EquivariantNetwork):
                traits = np.asarray(network.traits(total)[0].cpu().numpy(), np.float32)
            sums = _batch(found) if blocks else None
            return Inference(self.conclude(total)[0], tuning, traits, sums)

    def conclude(self, sums: Summary | MapSum) -> npt.NDArray[np.float32]:
        """The logits, shape ``(batch, 24)``, for a batch of sums."""
        with torch.inference_mode():
            logits: Tensor = self._network.conclude(sums)  # type: ignore[arg-type]
        return np.asarray(logits.cpu().numpy(), np.float32)

    def logits(self, spectrogram: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """``(105, frames)`` -> 24 logits in the order of ``class_id``; see ``to_input``."""
        return self(self.to_input(spectrogram)).logits


def _block_sums(network: EquivariantNetwork | KeyNet, features: Tensor) -> Summary | MapSum:
    """The sums over each ``BLOCK_FRAMES`` frames of a track, or of what is left at its end."""
    frames = BLOCK_FRAMES // network.stride
    if isinstance(network, EquivariantNetwork):
        return network.summarise_blocks(features, frames)
    return _batch([network.summarise(part) for part in torch.split(features, frames, dim=-1)])


def _batch(sums: list[Any]) -> Summary | MapSum:
    """Batches of sums -> one batch of them all."""
    batch: Summary | MapSum = type(sums[0])(*map(torch.cat, zip(*sums, strict=True)))
    return batch


def _slice_of(x: Tensor) -> Callable[[int, int], Tensor]:
    return lambda first, end: x[..., first:end]


def load_model(path: Path | None = None, device: str = "cpu") -> KeyModel:
    """Read a checkpoint of ``training.train``, or a plain state_dict of the 9-layer KeyNet.

    ``path`` None is the packaged checkpoint. Nothing in the file is executed (``weights_only``).

    Raises:
        ModelError: the file cannot be read, is neither of the two, or does not fit the device.
    """
    path = PACKAGED_CHECKPOINT if path is None else path
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: cannot be read: not a file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets
        raise ModelError(
            f"{path}: not a PyTorch file of plain weights ({type(error).__name__}): expected a "
            "checkpoint of training.train or a state_dict of KeyNet"
        ) from error
    network, name, settings = _build(path, loaded)
    try:
        temperature = Temperature.from_checkpoint(settings)
        tonality = Tonality.from_checkpoint(settings)
        if tonality is not None and isinstance(network, EquivariantNetwork):
            tonality.check(2 * network.settings.ring)
    except ValueError as error:
        raise ModelError(f"{path}: damaged checkpoint: {error}") from error
    info = ModelInfo(
        name=name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        sha256=hashlib.sha256(content).hexdigest(),
        settings=settings,
    )
    if isinstance(network, EquivariantNetwork):
        network.fold()
    try:
        return KeyModel(network, info, temperature, tonality, device)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise ModelError(f"{path}: cannot be put on device {device!r}: {first_line}") from error


def _build(path: Path, loaded: object) -> tuple[EquivariantNetwork | KeyNet, str, dict[str, Any]]:
    """The network with its weights, its name, and the settings it was trained with."""
    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: holds a {type(loaded).__name__}, not a checkpoint or state_dict")
    if loaded.get("format") == CHECKPOINT_FORMAT:
        try:
            network = EquivariantNetwork(NetworkSettings.from_dict(loaded["architecture"]))
            weights = loaded["state_dict"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{path}: damaged checkpoint: {error!r}") from error
        _fill(path, network, weights)
        return network, "keyscan", {k: v for k, v in loaded.items() if k != "state_dict"}
    weights = loaded.get("state_dict", loaded)
    if isinstance(weights, dict) and "conv1.conv.weight" in weights:
        keynet = KeyNet()
        _fill(path, keynet, weights)
        return keynet, "keynet", {}
    raise ModelError(
        f"{path}: neither a checkpoint of training.train (format {CHECKPOINT_FORMAT!r}) nor a "
        "state_dict of the 9-layer KeyNet (conv1.conv.weight ... conv9.bn.running_var)"
    )


def _fill(path: Path, network: EquivariantNetwork | KeyNet, weights: object) -> None:
    """Load ``weights`` strictly, checking names, shapes and that every number is one."""
    if not isinstance(weights, dict):
        raise ModelError(f"{path}: its state_dict is a {type(weights).__name__}, not a dict")
    expected = network.state_dict()
    # BatchNorm's step counter has no part in inference, and older state_dicts lack it.
    needed = {name for name in expected if not name.endswith("num_batches_tracked")}
    missing, unknown = sorted(needed - set(weights)), sorted(set(weights) - set(expected), key=str)
    if missing:
        raise ModelError(f"{path}: lacks the parameter {missing[0]} ({len(missing)} missing)")
    if unknown:
        raise ModelError(f"{path}: unknown parameter {unknown[0]!r} ({len(unknown)} too many)")
    for name in needed:
        value = weights[name]
        if not isinstance(value, Tensor) or value.shape != expected[name].shape:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ModelError(f"{path}: {name} is {found}, not {tuple(expected[name].shape)}")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"{path}: {name} holds values that are not finite")
    network.load_state_dict(weights, strict=False)
