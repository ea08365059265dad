"""The network, the checkpoints it is loaded from, and what the committed one hears."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from keyscan.errors import ModelError
from keyscan.keys import KEYS, Key
from keyscan.model import checkpoint
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.network import EquivariantNetwork, NetworkSettings
from keyscan.model.tuning import normalise
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank
from tests.cadences import cadences

RATE = load_filter_bank().sample_rate
Spectrogram = npt.NDArray[np.float32]


def rotated(logits: npt.NDArray[np.float32], semitones: int) -> npt.NDArray[np.float32]:
    """The logits that the same music, so much higher, should have."""
    return np.array(
        [logits[Key((key.tonic - semitones) % 12, key.mode).class_id] for key in KEYS], np.float32
    )


def features(samples: npt.NDArray[np.float32]) -> Spectrogram:
    return constant_q(samples, load_filter_bank())


def test_rolling_by_a_semitone_rotates_the_answer_exactly(model: KeyModel) -> None:
    """Bins 24 to 81 have all their harmonics and subharmonics on the ring: there it is exact."""
    rng = np.random.default_rng(1)
    spectrogram = np.zeros((105, 60), np.float32)
    spectrogram[26:56] = rng.random((30, 60), np.float32)
    logits = model.logits(spectrogram)
    assert np.ptp(logits) > 0.5
    for semitones in (1, 2, -1, 7, 12):
        rolled = np.roll(spectrogram, 2 * semitones, axis=0)
        difference = np.abs(model.logits(rolled) - rotated(logits, semitones))
        assert difference.max() < 1e-4, semitones


def test_music_that_reaches_the_edges_loses_little(model: KeyModel) -> None:
    """What leaves the 105 bins at one end is missing: probabilities move by less than 0.15."""
    spectrogram = features(cadences(Key(9, "minor"), 12, RATE))
    shifted = np.zeros_like(spectrogram)
    shifted[2:] = spectrogram[:-2]
    expected = rotated(model.logits(spectrogram), 1)
    found = model.logits(shifted)
    softmax = [np.exp(x) / np.exp(x).sum() for x in (expected, found)]
    assert expected.argmax() == found.argmax()
    assert np.abs(softmax[0] - softmax[1]).max() < 0.15


def test_an_untrained_network_is_equivariant_too() -> None:
    torch.manual_seed(0)
    network = EquivariantNetwork(NetworkSettings(stem=4, pitch=6, ring=8, head=8)).eval()
    x = torch.zeros(1, 105, 30)
    x[:, 30:70] = torch.rand(1, 40, 30)
    with torch.inference_mode():
        logits, moved = network(normalise(x))[0], network(normalise(x.roll(6, dims=1)))[0]
    assert np.allclose(moved.numpy(), rotated(logits.numpy(), 3), atol=1e-5)
    assert float(logits.std()) > 1e-3


@pytest.mark.parametrize("minor", [False, True])
def test_the_committed_checkpoint_hears_plain_cadences_in_every_key(
    model: KeyModel, minor: bool
) -> None:
    wrong = []
    for tonic in range(12):
        key = Key(tonic, "minor" if minor else "major")
        found = KEYS[int(model.logits(features(cadences(key, 12, RATE))).argmax())]
        if found != key:
            wrong.append((key, found))
    assert not wrong


def test_loudness_does_not_matter(model: KeyModel) -> None:
    samples = cadences(Key(4, "major"), 12, RATE)
    loud, quiet = model.logits(features(samples)), model.logits(features(samples * 0.01))
    assert np.abs(loud - quiet).max() < 0.1


@pytest.mark.parametrize("seconds", [3.0, 3.3, 5.0, 30.0])
def test_any_length_from_three_seconds(model: KeyModel, seconds: float) -> None:
    logits = model.logits(features(cadences(Key(2, "minor"), seconds, RATE)))
    assert logits.shape == (24,)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize(("frames", "chunk"), [(399, 40), (441, 104), (400, 104), (803, 400)])
def test_a_long_track_in_chunks_gives_what_the_whole_gives(
    model: KeyModel, keynet: KeyModel, frames: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spectrogram = np.random.default_rng(2).random((105, frames), np.float32) * 2
    for either in (model, keynet):
        whole = either.logits(spectrogram)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "_CHUNK", chunk)
            assert np.abs(either.logits(spectrogram) - whole).max() < 1e-4


@pytest.mark.parametrize("shape", [(104, 50), (105, 0), (105,), (1, 105, 50)])
def test_another_shape_is_refused(model: KeyModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needed"):
        model.logits(np.zeros(shape, np.float32))


def test_silence_gets_finite_logits(model: KeyModel) -> None:
    assert np.isfinite(model.logits(np.zeros((105, 50), np.float32))).all()


def test_info_tells_what_was_loaded(model: KeyModel) -> None:
    assert model.info.name == "keyscan"
    assert 60_000 < model.info.parameters < 300_000
    assert len(model.info.sha256) == 64
    assert PACKAGED_CHECKPOINT.stat().st_size < 1_000_000


# KeyNet, once more, from the description alone.


def reference_keynet() -> nn.Sequential:
    def layer(inputs: int, outputs: int, kernel: int) -> list[tuple[str, nn.Module]]:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        return [("conv", convolution), ("bn", nn.BatchNorm2d(outputs)), ("elu", nn.ELU())]

    plan: list[tuple[int, int, int] | str] = [
        (1, 20, 5), (20, 20, 3), "pool", (20, 40, 3), (40, 40, 3), "pool", (40, 80, 3),
        (80, 80, 3), "pool", (80, 160, 3), (160, 160, 3), (160, 24, 1),
    ]  # fmt: skip
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for step in plan:
        if isinstance(step, str):
            modules[f"pool{number}"] = nn.MaxPool2d(2)
        else:
            number += 1
            modules[f"conv{number}"] = nn.Sequential(OrderedDict(layer(*step)))
    return nn.Sequential(modules)


@pytest.fixture(scope="module")
def keynet_reference() -> nn.Sequential:
    torch.manual_seed(4)
    reference = reference_keynet()
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.normal_(module.bias, 0, 0.3)
            nn.init.normal_(module.running_mean, 0, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.3, 1.0)  # type: ignore[arg-type]
    return reference.eval()


@pytest.fixture(scope="module")
def keynet(keynet_reference: nn.Sequential, tmp_path_factory: pytest.TempPathFactory) -> KeyModel:
    path = tmp_path_factory.mktemp("keynet") / "keynet.pt"
    torch.save(keynet_reference.state_dict(), path)
    return load_model(path)


def test_a_keynet_state_dict_answers_as_its_architecture_does(
    keynet: KeyModel, keynet_reference: nn.Sequential
) -> None:
    assert keynet.info.name == "keynet"
    for frames in (14, 50, 333):
        spectrogram = np.random.default_rng(frames).random((105, frames), np.float32)
        with torch.inference_mode():
            maps = keynet_reference(torch.from_numpy(spectrogram)[None, None])
        expected = maps.mean(dim=(2, 3))[0].numpy()
        assert np.abs(expected).max() > 0.01
        assert np.allclose(keynet.logits(spectrogram), expected, atol=1e-5)


def test_a_keynet_wrapped_in_a_checkpoint_is_found(
    keynet_reference: nn.Sequential, tmp_path: Path
) -> None:
    weights = keynet_reference.state_dict()
    for name in [name for name in weights if name.endswith("num_batches_tracked")]:
        del weights[name]
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "wrapped.pt")
    assert load_model(tmp_path / "wrapped.pt").info.name == "keynet"


def without(state: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != name}


OURS = {"format": "keyscan-1", "state_dict": {}}
DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing": (lambda s: without(s, "conv5.bn.weight"), "lacks the parameter conv5.bn.weight"),
    "unknown": (lambda s: s | {"dense.weight": torch.ones(2)}, "unknown parameter 'dense.weight'"),
    "shape": (lambda s: s | {"conv9.conv.weight": torch.ones(12, 160, 1, 1)}, r"conv9\.conv.* is"),
    "type": (lambda s: s | {"conv1.bn.bias": [0.0] * 20}, "conv1.bn.bias is list"),
    "nan": (lambda s: s | {"conv1.bn.bias": torch.full((20,), np.nan)}, "not finite"),
    "list": (lambda _: [1, 2, 3], "holds a list"),
    "other": (lambda _: {"weight": torch.ones(3)}, "neither a checkpoint"),
    "ours": (lambda _: {"format": "keyscan-1"}, "damaged checkpoint"),
    "settings": (lambda _: OURS | {"architecture": {"harmonics": [0], "x": 1}}, "damaged check"),
    "empty": (lambda _: OURS | {"architecture": NetworkSettings().to_dict()}, "lacks the param"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_checkpoint_that_does_not_fit_is_an_error_that_names_it(
    case: str, keynet_reference: nn.Sequential, tmp_path: Path
) -> None:
    damage, message = DAMAGE[case]
    path = tmp_path / "wrong.pt"
    torch.save(damage(dict(keynet_reference.state_dict())), path)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


class Malicious:
    """Would touch a file on loading, if the loader ran what a pickle says."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.touched,)


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    with pytest.raises(ModelError, match=r"file\.pt: cannot be read"):
        load_model(path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(tmp_path)
    for content in (b"", b"not a model", PACKAGED_CHECKPOINT.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"file\.pt: not a PyTorch file"):
            load_model(path)
    torch.save({"format": "keyscan-1", "x": Malicious(tmp_path / "touched")}, path)
    with pytest.raises(ModelError, match="not a PyTorch file of plain weights"):
        load_model(path)
    assert not (tmp_path / "touched").exists()


def test_a_device_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModelError, match="cannot be put on device 'nonsense'"):
        load_model(device="nonsense")
