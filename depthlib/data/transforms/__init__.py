"""Random and fixed transforms of a Sample, on one item in a loader's worker or on a whole batch on the GPU.

A transform takes a sample (see `depthlib.scenes.SceneDataset` for its keys) and a random generator, and returns a
new sample; its input is not changed. All fields that depend on pixel positions or on the camera are transformed:
images, depth, labels, intrinsics, poses, point pairs. For example the dual networks' "augment, then down-sample":

    train = Compose((RandomFlip(), RandomScaleCrop((1, 1.15)), Resize((384, 1248), {"low": (128, 416)})))
    batch = train(batch, generators(seed, step, len(batch["image"])))         # image, K, ... and image_low, K_low, ...
"""

from depthlib.data.transforms.base import Compose, Drop, Transform
from depthlib.data.transforms.colour import ColourJitter
from depthlib.data.transforms.crop import CenterCrop, RandomCrop, RandomScaleCrop, RandomScaleDepth, crop
from depthlib.data.transforms.dataset import StepSampler, Transformed, collate
from depthlib.data.transforms.draws import generator_of, generators
from depthlib.data.transforms.flip import RandomFlip, mirror
from depthlib.data.transforms.move import RandomRotate, RandomTranslate
from depthlib.data.transforms.resize import Resize, resize

__all__ = [
    "CenterCrop",
    "ColourJitter",
    "Compose",
    "Drop",
    "RandomCrop",
    "RandomFlip",
    "RandomRotate",
    "RandomScaleCrop",
    "RandomScaleDepth",
    "RandomTranslate",
    "Resize",
    "StepSampler",
    "Transform",
    "Transformed",
    "collate",
    "crop",
    "generator_of",
    "generators",
    "mirror",
    "resize",
]
