"""Targets beside the keys of a corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from keyscan.keys import KEYS
from training.shards import WIDE_BINS, Corpus, CorpusError, open_corpus, write_shards

EXCERPT = np.ones((WIDE_BINS, 20), np.float16)


def test_a_shard_without_targets_has_one_hot_rows(tmp_path: Path) -> None:
    """Beside one with targets, in the order of the folders."""
    soft, hard = tmp_path / "soft", tmp_path / "hard"
    for folder in (soft, hard):
        open_corpus(folder, {})
    target = np.zeros(24, np.float16)
    target[[3, 20]] = 0.25, 0.75
    write_shards(soft, [(EXCERPT, target)], 2)
    write_shards(hard, [(EXCERPT, key) for key in KEYS[:3]], 2)
    corpus = Corpus([soft, hard])
    assert corpus.keys.tolist() == [20, 0, 1, 2]
    assert (corpus.targets == np.stack([target, *np.eye(24)[:3]])).all()


@pytest.mark.parametrize(
    "damage",
    [
        np.full((3, 24), 1 / 24, np.float16),
        np.full((2, 12), 1 / 12, np.float16),
        np.full((2, 24), 1 / 24),
        np.full((2, 24), 1, np.float16),
        np.full((2, 24), np.nan, np.float16),
        np.eye(24, dtype=np.float16)[:2] * 2 - np.eye(24, k=1, dtype=np.float16)[:2],
        np.array("none"),
        b"",
        b"half a file",
    ],
    ids=["rows", "columns", "type", "sums", "nan", "negative", "text", "empty", "bytes"],
)
def test_damaged_targets_are_an_error_that_names_the_file(
    damage: npt.NDArray[np.generic] | bytes, tmp_path: Path
) -> None:
    open_corpus(tmp_path, {})
    write_shards(tmp_path, [(EXCERPT, np.eye(24, dtype=np.float16)[0])] * 2, 2)
    assert len(Corpus([tmp_path])) == 2
    path = tmp_path / "shard-00000.targets.npy"
    path.write_bytes(damage) if isinstance(damage, bytes) else np.save(path, damage)
    with pytest.raises(CorpusError, match=r"shard-00000\.targets\.npy: damaged shard"):
        Corpus([tmp_path])
