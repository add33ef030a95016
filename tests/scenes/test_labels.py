"""Classes of scenes in tables of several sizes."""

import pytest
import torch

from depthlib.scenes.classes import NYU4_OF_NYU13
from depthlib.scenes.labels import class_names, scene_labels


def test_classes_of_scenes():
    rooms = torch.arange(13)
    assert torch.equal(scene_labels(rooms, 13), rooms)
    assert [class_names(4)[k] for k in scene_labels(rooms, 4)] == [NYU4_OF_NYU13[name] for name in class_names(13)]
    with pytest.raises(ValueError, match="found 40, expected one of 4, 8, 13"):
        scene_labels(rooms, 40)
