"""Points of one picture found again in another, and what a turning camera or a rigid scene explains of their motion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.geometry.camera import viewing_rays
from depthlib.geometry.warp import sample_pixels

WIDTH = 160  # pixels; pictures are made as small before points are followed
CELL = 10  # pixels; one point of each cell, where its surroundings differ from those beside it
COARSE, FINE = 12, 2  # pixels of the search at half size, and around what was found at full size
PATCH = 4  # half the side of what is compared, less half a pixel
LEAST = 0.02  # contrast of a patch: standard deviation of its grey levels in [0, 1]
SAMPLES = 200  # sets of eight points tried for a rigid scene
RIGID = 1.0  # pixels from the line on which a point of a rigid scene must lie
BORDER = COARSE  # pixels; points nearer to the edge may leave the picture


@dataclass(frozen=True)
class Tracks:
    """Points [N,2] (u, v) of the first picture and where they are in the second, float32, in pixels of `size`."""

    points: Tensor
    found: Tensor
    size: tuple[int, int]

    @property
    def flow(self) -> Tensor:
        return self.found - self.points


def grey(image: Tensor) -> Tensor:
    """[3,H,W] in [0,1] -> [h, WIDTH], the mean of the colours."""
    height = max(48, round(WIDTH * image.shape[1] / image.shape[2]))
    small = F.interpolate(image.mean(0)[None, None], (height, WIDTH), mode="bilinear", antialias=True)
    return small[0, 0]


def follow(first: Tensor, second: Tensor) -> Tracks:
    """Points with contrast of `first` [h,w], each at its best match in `second`, by normalised correlation of patches.

    Kept are points whose match, followed back, ends within a pixel of them, and that correlate by more than 0.8.
    """
    points = _corners(first)
    found, score = _matched(first, second, points)
    back, _ = _matched(second, first, found.round().long())
    home = (back - points + (found - found.round())).norm(dim=1) <= 1.0
    kept = home & (score > 0.8)
    height, width = first.shape
    return Tracks(points[kept].float(), found[kept], (height, width))


def _corners(image: Tensor) -> Tensor:
    """[N,2] (u, v), int64: of each cell the pixel with the largest smaller eigenvalue of the structure tensor."""
    du, dv = _slopes(image)
    xx, yy, xy = (F.avg_pool2d(p[None, None], 5, 1, 2)[0, 0] for p in (du * du, dv * dv, du * dv))
    corner = (xx + yy) / 2 - ((xx - yy) ** 2 / 4 + xy**2).sqrt()
    inner = torch.zeros_like(corner)
    inner[BORDER:-BORDER, BORDER:-BORDER] = corner[BORDER:-BORDER, BORDER:-BORDER]
    best, where = F.max_pool2d(inner[None, None], CELL, return_indices=True)
    kept = where[best > 1e-5]
    return torch.stack((kept % image.shape[1], kept // image.shape[1]), dim=1)


def _matched(first: Tensor, second: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where `points` (int64) are in `second`, with a fraction of a pixel, and the correlation there."""
    halves = [F.avg_pool2d(picture[None, None], 2, ceil_mode=True)[0, 0] for picture in (first, second)]
    rough, _ = _search(halves[0], halves[1], points // 2, points // 2, COARSE // 2 + 2)
    at, scores = _search(first, second, points, rough * 2, FINE)
    return _refined(first, second, points, at.float()), scores.amax(dim=(1, 2))


def _search(first: Tensor, second: Tensor, points: Tensor, around: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The best of the places within `radius` of `around` [N,2], and the correlations [N,2r+1,2r+1] around it."""
    own = _patches(first, points[:, None, None])
    steps = torch.arange(-radius, radius + 1)
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    scores = torch.einsum(
        "nijp,nijp->nij", _patches(second, around[:, None, None] + offsets), own.expand(-1, len(steps), len(steps), -1)
    )
    best = scores.flatten(1).argmax(dim=1)
    return around + offsets.reshape(-1, 2)[best], scores


def _patches(image: Tensor, at: Tensor) -> Tensor:
    """Patches around `at` [...,2] as unit vectors without their mean, [...,P]; borders repeated."""
    steps = torch.arange(-PATCH, PATCH + 1)
    u = (at[..., 0, None, None] + steps).clamp(0, image.shape[1] - 1)
    v = (at[..., 1, None, None] + steps[:, None]).clamp(0, image.shape[0] - 1)
    values = image[v, u].flatten(-2)
    values = values - values.mean(dim=-1, keepdim=True)
    return values / values.norm(dim=-1, keepdim=True).clamp_min(LEAST * values.shape[-1] ** 0.5)


def _refined(first: Tensor, second: Tensor, points: Tensor, at: Tensor) -> Tensor:
    """`at` [N,2] after Gauss-Newton steps on the difference of the patches, at most a pixel away (Lucas and Kanade)."""
    steps = torch.arange(-PATCH, PATCH + 1.0)
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).view(1, -1, 2)
    slopes = _slopes(first)

    def patch(picture: Tensor, centre: Tensor) -> Tensor:
        pixels = (centre[:, None] + offsets).permute(2, 0, 1)[None]
        found: Tensor = sample_pixels(picture[None], pixels)[0]
        return found - found.mean(dim=-1, keepdim=True)

    own, slope = patch(first[None], points.float())[0], patch(slopes, points.float()).permute(1, 2, 0)
    normal = slope.mT @ slope + 1e-6 * torch.eye(2)
    moved = at
    for _ in range(3):
        rest = patch(second[None], moved)[0] - own
        moved = moved - torch.linalg.solve(normal, (slope.mT @ rest[..., None]))[..., 0]
    near = (moved - at).norm(dim=1, keepdim=True) <= 1.0
    return torch.where(near, moved, at)


def _slopes(image: Tensor) -> Tensor:
    """Central differences to the right and down, [2,H,W]."""
    padded = F.pad(image[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    return torch.stack((padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1])) / 2


def without_rotation(tracks: Tracks, K: Tensor) -> Tensor:
    """The flow [N,2] that no turn of the camera explains: what remains is parallax, or things that move.

    The turn is fitted by least absolute deviations to the motion field of a small rotation (Longuet-Higgins and
    Prazdny 1980). K [3,3] in pixels of `tracks.size`.
    """
    height, width = tracks.size
    rays = viewing_rays(K[None].float(), height, width)[0]
    u, v = tracks.points.round().long().unbind(1)
    x, y = rays[0, v, u], rays[1, v, u]
    across = torch.stack((x * y, -(1 + x**2), y), dim=1) * K[0, 0]
    down = torch.stack((1 + y**2, -x * y, -x), dim=1) * K[1, 1]
    A, b = torch.cat((across, down)).double(), torch.cat(tracks.flow.unbind(1)).double()
    weight = torch.ones_like(b)
    for _ in range(10):
        solution = torch.linalg.lstsq(A * weight[:, None], (b * weight)[:, None]).solution
        rest = b - (A @ solution)[:, 0]
        weight = rest.abs().clamp_min(0.1).rsqrt()
    return torch.stack(rest.chunk(2), dim=1).float()


def not_rigid(tracks: Tracks) -> Tensor:
    """Which points [N] bool do not move as those of one rigid scene, whatever its depth and the camera's motion.

    That is: farther than `RIGID` pixels from their epipolar line (Sampson distance), under the fundamental matrix of
    eight points that most points fit. Things that move along their epipolar line, as cars ahead do, are not noticed.
    """
    count = len(tracks.points)
    if count < 16:
        return torch.zeros(count, dtype=torch.bool)
    scale = max(tracks.size) / 2
    one, two = ((p.double() - torch.tensor(tracks.size[::-1]) / 2) / scale for p in (tracks.points, tracks.found))
    ones = torch.ones(count, 1, dtype=torch.float64)
    a, b = torch.cat((one, ones), dim=1), torch.cat((two, ones), dim=1)
    rows = (b[:, :, None] * a[:, None]).flatten(1)  # b F a = 0
    generator = torch.Generator().manual_seed(0)
    chosen = torch.rand(SAMPLES, count, generator=generator).argsort(dim=1)[:, :8]
    distance = _sampson(_fundamental(rows[chosen]), a, b) * scale
    inside = distance <= RIGID
    best = inside[inside.sum(dim=1).argmax()]
    refined = _sampson(_fundamental(rows[best][None]), a, b)[0] * scale
    return refined > RIGID


def _fundamental(rows: Tensor) -> Tensor:
    """[...,N,9] -> [...,3,3] of rank two, the least squares solution of rows . F = 0."""
    F_ = torch.linalg.eigh(rows.mT @ rows).eigenvectors[..., 0].unflatten(-1, (3, 3))
    U, S, V = torch.linalg.svd(F_)
    S = S * torch.tensor([1.0, 1.0, 0.0], dtype=S.dtype)
    return U @ torch.diag_embed(S) @ V


def _sampson(F_: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """First-order distance [...,N] of pairs to the epipolar constraint b F a = 0."""
    lines, back = a @ F_.mT, b @ F_
    error = (lines * b).sum(dim=-1).abs()
    return error / (lines[..., :2].square().sum(-1) + back[..., :2].square().sum(-1)).sqrt().clamp_min(1e-12)
