"""ReDWeb: written from scenes, read and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.data.errors import DataError
from depthlib.data.redweb import ReDWeb
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.relative import write_redweb


def test_redweb_keeps_the_order_of_depth(streets: SceneDataset, tmp_path: Path) -> None:
    write_redweb(tmp_path, streets)
    for item, sample in zip(ReDWeb(tmp_path), streets, strict=True):
        relative, depth, valid = item["relative"], sample["depth"], sample["valid"]
        assert item["valid"].all() and (relative[~valid] == 1).all() and relative[valid].max() < 1
        order = depth[valid].argsort()
        assert (relative[valid][order].diff() >= 0).all()
        # Disparity is that of the scene up to scale and shift, but for the rounding to 8 bits.
        inverse = 1 / depth[valid]
        fit = (inverse - inverse.min()) / (inverse.max() - inverse.min()) * 254 / 255 + 1 / 255
        assert (item["disparity"][valid] - fit).abs().max() < 0.51 / 255
        assert "depth" not in item and "K" not in item
    without_sky = ReDWeb(tmp_path, sky="invalid")[0]
    assert torch.equal(without_sky["valid"], streets[0]["valid"])


def test_redweb_refuses(streets: SceneDataset, tmp_path: Path) -> None:
    write_redweb(tmp_path, streets)
    dataset, path = ReDWeb(tmp_path), tmp_path / "RDs/streets-val-000000.png"
    stored = np.asarray(Image.open(path))
    deep = stored.astype(np.uint16) * 256
    for array, message in ((deep, "16 bits"), (stored * 0 + 7, "7 everywhere"), (stored[:, :50], "50 x 48")):
        Image.fromarray(array).save(path)
        with pytest.raises(DataError, match=f"000000.png.*{message}"):
            dataset[0]
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        ReDWeb(tmp_path)
    with pytest.raises(DataError, match="Imgs"):
        ReDWeb(tmp_path / "RDs")
