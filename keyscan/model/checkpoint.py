"""A checkpoint becomes a model that gives 24 logits for a spectrogram of any length."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from keyscan.errors import ModelError
from keyscan.model.confidence import Temperature, Tonality
from keyscan.model.network import EquivariantNetwork, KeyNet, Network, NetworkSettings, Pooled
from keyscan.model.tuning import Prepared, Tuning
from keyscan.options import ModelOptions
from keyscan.spectrogram.constant_q import N_BINS

PACKAGED_CHECKPOINT = Path(__file__).parent.parent / "data" / "keyscan.pt"
CHECKPOINT_FORMAT = "keyscan-1"
BLOCK_FRAMES = 16  # a multiple of every network's stride
_CHUNK = 100 * BLOCK_FRAMES  # frames processed at once: five minutes, so that memory is bounded
_WARM_UP_FRAMES = 300  # a minute of music


@dataclass(frozen=True)
class ModelInfo:
    """Identifies a model, in the ``ready`` message and the environment report."""

    name: str
    parameters: int
    sha256: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Inference:
    """What a network gives for a track."""

    logits: npt.NDArray[np.float32]  # (24,), in the order of ``class_id``
    tuning: Tuning
    embedding: npt.NDArray[np.float32] | None  # (2 * channels,); None for a KeyNet
    blocks: Pooled  # of every ``BLOCK_FRAMES`` frames, for ``classify`` and ``embed``


@dataclass(frozen=True, eq=False)
class KeyModel:
    """A network on a device, ready to infer.

    ``network`` is on ``device``, in evaluation mode. ``temperature`` calibrates the softmax of its
    logits; ``tonality`` tells music in a key from other sounds, None if it was not trained.
    """

    network: Network
    info: ModelInfo
    temperature: Temperature
    tonality: Tonality | None
    device: torch.device

    @property
    def mean_only(self) -> bool:
        """Whether it expects the mean of the channels even where they cancel: KeyNet does."""
        return self.info.name == "keynet"

    def to_input(self, spectrogram: npt.NDArray[np.float32]) -> Tensor:
        """``log1p`` magnitudes ``(105, frames)`` -> a tensor ``(1, 105, frames)`` on the device.

        A track of fewer than ``Network.least_frames`` frames is repeated up to that.

        Raises:
            ValueError: another shape, or no frames.
        """
        if spectrogram.ndim != 2 or spectrogram.shape[0] != N_BINS:
            raise ValueError(f"a spectrogram of {N_BINS} bins is needed, not {spectrogram.shape}")
        if not spectrogram.shape[1]:
            raise ValueError("frames are needed")
        array = np.asarray(spectrogram, np.float32)
        if (missing := self.network.least_frames - array.shape[1]) > 0:
            array = np.pad(array, ((0, 0), (0, missing)), mode="wrap")
        return torch.from_numpy(array).unsqueeze(0).to(self.device)

    def __call__(self, x: Tensor) -> Inference:
        """Run the network on the result of ``to_input``.

        Long tracks are processed in chunks, so that memory is bounded.
        """
        network = self.network
        total: Pooled = ()  # not a list of sums: between large tensors, small ones waste memory
        block_sums: list[Pooled] = []
        with torch.inference_mode():
            prepared = network.prepare(x[0], _CHUNK)
            for features in self._features(prepared, x.shape[-1]):
                pooled = network.pool(features, features.shape[-1])
                total = tuple(map(torch.add, total, pooled)) if total else pooled
                block_sums.append(network.pool(features, BLOCK_FRAMES // network.stride))
            embedding = network.embed(total)
            return Inference(
                self.classify(total)[0],
                prepared.tuning,
                None if embedding is None else embedding[0].cpu().numpy(),
                tuple(map(torch.cat, zip(*block_sums, strict=True))),
            )

    def _features(self, prepared: Prepared, frames: int) -> Iterator[Tensor]:
        """The features of a track, a chunk at a time, as the whole track would give them."""
        network = self.network
        for start in range(0, frames, _CHUNK):
            low = max(0, start - network.context)
            high = start + _CHUNK + network.context
            first = (start - low) // network.stride
            if high >= frames:
                yield network.features(prepared.part(low, frames))[..., first:]
                return
            features = network.features(prepared.part(low, high))
            yield features[..., first : first + _CHUNK // network.stride]

    def classify(self, pooled: Pooled) -> npt.NDArray[np.float32]:
        """The logits of each row, shape ``(rows, 24)``."""
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.network.classify(pooled).cpu().numpy()
        return logits

    def logits(self, spectrogram: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """``(105, frames)`` -> 24 logits in the order of ``class_id``; see ``to_input``."""
        return self(self.to_input(spectrogram)).logits

    def warm_up(self) -> None:
        """Spend the time that only the first call takes.

        Raises:
            ModelError: the device cannot run the network.
        """
        try:
            self.logits(np.zeros((N_BINS, _WARM_UP_FRAMES), np.float32))
        except (RuntimeError, NotImplementedError, ImportError) as error:  # the exe has no compiler
            reason = str(error).partition("\n")[0]
            raise ModelError(f"the model does not run on {str(self.device)!r}: {reason}") from error


def load_model(path: Path | None = None, device: str = "cpu") -> KeyModel:
    """Read a checkpoint of ``training.train``, or a plain state_dict of the 9-layer KeyNet.

    ``path`` None is the packaged checkpoint. Nothing in the file is executed (``weights_only``).

    Raises:
        ModelError: the file cannot be read, is neither of the two, or does not fit the device.
    """
    advice = "" if path else ": install the analyzer again"
    path = PACKAGED_CHECKPOINT if path is None else path
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: cannot be read: not a file{advice}")
    try:
        return _model_of(path.read_bytes(), device)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}{advice}") from error
    except _WrongDevice:
        raise
    except ModelError as error:
        raise ModelError(f"{path}: {error}{advice}") from error


def configure_torch(options: ModelOptions) -> None:
    """Set threads and precision, before torch computes: its pools stay as they are."""
    torch.set_num_threads(options.threads)
    with contextlib.suppress(RuntimeError):  # torch has worked in this process before
        torch.set_num_interop_threads(options.interop_threads)
    torch.set_float32_matmul_precision(options.precision)


def torch_facts(device: str) -> dict[str, Any]:
    """What decides the model's speed, for the environment report.

    ``build``: what is linked into torch; ``mkl_threads``: None where its BLAS is not MKL.
    """
    lines = [line.strip() for line in torch.__config__.parallel_info().splitlines()]
    mkl = [line for line in lines if line.startswith("mkl_get_max_threads")]
    libraries = ("OpenMP", "Intel(R)", "ATen parallel backend")
    return {
        "version": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "mkl_threads": int(mkl[0].rpartition(":")[2]) if mkl else None,
        "precision": torch.get_float32_matmul_precision(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "build": tuple(line for line in lines if line.startswith(libraries)),
    }


def _model_of(content: bytes, device: str) -> KeyModel:
    """Raises ModelError, saying what is wrong with the file."""
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises errors of many classes
        raise ModelError(
            f"not a PyTorch file of plain weights ({type(error).__name__}): expected a "
            "checkpoint of training.train or a state_dict of KeyNet"
        ) from error
    if not isinstance(loaded, dict):
        raise ModelError(f"holds a {type(loaded).__name__}, not a checkpoint or state_dict")
    weights = loaded.get("state_dict", loaded)
    network: EquivariantNetwork | KeyNet
    if loaded.get("format") == CHECKPOINT_FORMAT:
        name, settings = "keyscan", {k: v for k, v in loaded.items() if k != "state_dict"}
        try:
            network = EquivariantNetwork(NetworkSettings.from_dict(loaded["architecture"]))
            weights = loaded["state_dict"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"damaged checkpoint: {error!r}") from error
    elif isinstance(weights, dict) and "conv1.conv.weight" in weights:
        name, settings, network = "keynet", {}, KeyNet()
    else:
        raise ModelError(
            f"neither a checkpoint of training.train (format {CHECKPOINT_FORMAT!r}) nor a "
            "state_dict of the 9-layer KeyNet (conv1.conv.weight ... conv9.bn.running_var)"
        )
    _fill(network, weights)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    info = ModelInfo(name, parameters, hashlib.sha256(content).hexdigest(), settings)
    if isinstance(network, EquivariantNetwork):
        network.optimise_for_inference()
    try:
        temperature = Temperature.from_checkpoint(settings)
        tonality = Tonality.from_checkpoint(settings)
        if tonality is not None:
            tonality.check(network.embedding_size)
    except ValueError as error:
        raise ModelError(f"damaged checkpoint: {error}") from error
    try:
        network = network.to(device).eval()
        return KeyModel(network, info, temperature, tonality, torch.device(device))
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).strip().split("\n")[0]
        text = f"the model cannot be put on device {device!r}: {first_line}"
        raise _WrongDevice(text) from error


class _WrongDevice(ModelError):
    """The checkpoint is not to blame."""


def _fill(network: nn.Module, weights: object) -> None:
    """Load ``weights`` strictly, checking names, shapes and that all values are finite."""
    if not isinstance(weights, dict):
        raise ModelError(f"its state_dict is a {type(weights).__name__}, not a dict")
    expected = network.state_dict()
    # Inference does not use BatchNorm's step counter, and older state_dicts lack it.
    needed = {name for name in expected if not name.endswith("num_batches_tracked")}
    missing, unknown = sorted(needed - set(weights)), sorted(set(weights) - set(expected), key=str)
    if missing:
        raise ModelError(f"lacks the parameter {missing[0]} ({len(missing)} missing)")
    if unknown:
        raise ModelError(f"unknown parameter {unknown[0]!r} ({len(unknown)} too many)")
    for name in needed:
        value = weights[name]
        if not isinstance(value, Tensor) or value.shape != expected[name].shape:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ModelError(f"{name} is {found}, not {tuple(expected[name].shape)}")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"{name} holds values that are not finite")
    network.load_state_dict(weights, strict=False)
