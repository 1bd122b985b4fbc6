"""A frame-interpolation teacher after REHRSeg (arXiv 2410.10097), for `benchmarks/fill_between.py --network`.

Slices become frames: a network sees four frames of a clip, two before a frame and two after it, with the signed
distances of their masks where these are known, and says what the frame between looks like, its mask, and how far off it
is. It learns from the clip itself by leaving frames out. Head and loss are the published ones: 16 hypotheses of picture
and mask, weighed by attention; the uncertainty comes from the attention, and learns from the Laplace likelihood of the
picture and from its own error. Three things differ. The network is two-dimensional and small, for a CPU and a minute.
Its hypotheses begin as the blend in time of the two pictures and of the two signed distances. And since nobody knows
masks between labelled frames, the mask is taught on labelled frames that are left out, and on labelled frames that were
deformed: pulled one way before, the other way after, so that the frame itself lies between.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import matae  # noqa: F401 - it settles how threads wait, before torch is loaded

# isort: split
import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

HYPOTHESES = 16
REACH = 6.0  # pixels: distances beyond are all alike
EDGE = 2.0  # pixels for which the logit of a signed distance rises by one
CHANNELS = 11  # four pictures, four distances, their blend, the share of the way, the frame itself


@dataclass(frozen=True)
class Settings:
    """How the teacher is trained.

    Parameters
    ----------
    seconds
        Of processor time for each clip.
    grid
        Side of the square around the masks that the network looks at.
    channels, batch, lr, seed
        First stage of the network, samples a step, peak learning rate, seed of every random number.
    sees
        Whether the network may look at the frame it is asked about, which a clip has and a stack of slices has not.
        The mask is learnt with it then, the picture without it.
    """

    seconds: float = 30.0
    grid: int = 80
    channels: int = 16
    batch: int = 4
    lr: float = 2e-3
    seed: int = 1
    sees: bool = False


class Said(NamedTuple):
    """What the network says of frames: picture in 0-1, logit of the mask, uncertainty in 0-1, (N, 1, H, W) each."""

    picture: Tensor
    mask: Tensor
    doubt: Tensor


class Interpolator(nn.Module):
    """A small U-Net on the halved picture, with the uncertainty-aware head on the whole one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = (channels, 2 * channels, 4 * channels)

        def block(inside: int, outside: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(inside, outside, 3, padding=1), nn.GroupNorm(4, outside), nn.LeakyReLU(0.1),
                nn.Conv2d(outside, outside, 3, padding=1), nn.GroupNorm(4, outside), nn.LeakyReLU(0.1),
            )  # fmt: skip

        self.down = nn.ModuleList([block(a, b) for a, b in zip((CHANNELS, *wide), wide, strict=False)])
        self.up = nn.ModuleList([block(wide[2] + wide[1], wide[1]), block(wide[1] + wide[0], wide[0])])
        self.hypotheses = nn.Conv2d(wide[0] + CHANNELS, 2 * HYPOTHESES, 1)
        self.attention = nn.Conv2d(wide[0] + CHANNELS, HYPOTHESES, 1)
        self.doubt = nn.Conv2d(HYPOTHESES, 1, 1)
        nn.init.normal_(self.hypotheses.weight, std=1e-2)
        nn.init.zeros_(self.hypotheses.bias)

    def forward(self, x: Tensor) -> Said:
        """Return what is said of (N, CHANNELS, H, W); the share of the way is the last channel but one."""
        kept = []
        features = x
        for block in self.down:
            features = block(F.avg_pool2d(features, 2))
            kept.append(features)
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            features = block(torch.cat([F.interpolate(features, skip.shape[-2:], mode="bilinear"), skip], 1))
        features = torch.cat([F.interpolate(features, x.shape[-2:], mode="bilinear"), x], 1)
        share = x[:, 9:10]
        blend = ((1 - share) * x[:, 1:2] + share * x[:, 2:3]).clamp(0.02, 0.98)
        pictures, masks = self.hypotheses(features).chunk(2, 1)
        # (tanh + 1) / 2, as published, of a step away from the blend.
        pictures = (torch.tanh(pictures + torch.logit(blend) / 2) + 1) / 2
        masks = masks + x[:, 8:9] * (REACH / EDGE)
        weights = self.attention(features).softmax(1)
        doubt = self.doubt(weights).sigmoid().clamp_min(1e-3)
        return Said((weights * pictures).sum(1, keepdim=True), (weights * masks).sum(1, keepdim=True), doubt)


def loss_of(said: Said, picture: Tensor, mask: Tensor, has_picture: Tensor, has_mask: Tensor) -> Tensor:
    """Return the published loss; pictures and masks of the samples that have none (N,) add nothing."""
    off = (said.picture - picture).abs()
    each = off + off / said.doubt + said.doubt.log() + (said.doubt - off.detach()).abs()
    loss = (each.mean((1, 2, 3)) * has_picture).sum() / has_picture.sum().clamp_min(1)
    cross_entropy = F.binary_cross_entropy_with_logits(said.mask, mask, reduction="none").mean((1, 2, 3))
    probability = said.mask.sigmoid()
    dice = (2 * (probability * mask).sum((1, 2, 3)) + 1) / ((probability + mask).sum((1, 2, 3)) + 1)
    return loss + ((cross_entropy + 1 - dice) * has_mask).sum() / has_mask.sum().clamp_min(1)


def signed(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return signed distances in -1 to 1, positive inside."""
    from scipy import ndimage

    if not mask.any() or mask.all():
        return np.full(mask.shape, 1.0 if mask.all() else -1.0, np.float32)
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return np.clip((np.where(mask, inside - 0.5, 0.5 - outside)) / REACH, -1, 1).astype(np.float32)


class Teacher:
    """The network of one clip.

    Parameters
    ----------
    images
        Grey frames, (T, Y, X) uint8.
    keys
        Masks of the labelled frames by frame, two at least.
    settings
        How it is trained.
    """

    def __init__(
        self, images: NDArray[np.uint8], keys: Mapping[int, NDArray[np.uint8]], settings: Settings | None = None
    ) -> None:
        self.settings = settings or Settings()
        self._shape, self._where = images.shape[1:], self._square(keys)
        self._pictures = [self._cut(image).astype(np.float32) / 255 for image in images]
        self._masks = {t: self._cut((mask == 1).astype(np.uint8) * 255) > 127 for t, mask in sorted(keys.items())}
        self._distances = {t: signed(mask) for t, mask in self._masks.items()}
        self._random = np.random.default_rng(self.settings.seed)
        torch.manual_seed(self.settings.seed)
        self.network = Interpolator(self.settings.channels)
        self.steps = 0
        self._train()

    @staticmethod
    def _square(keys: Mapping[int, NDArray[np.uint8]]) -> tuple[int, int, int]:
        rows, columns = np.nonzero(np.logical_or.reduce([mask == 1 for mask in keys.values()]))
        side = int(1.5 * max(np.ptp(rows), np.ptp(columns))) + 8
        top, left = (int(v.min() + v.max() - side) // 2 for v in (rows, columns))
        return top, left, side

    def _cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        top, left, side = self._where
        box = (left, top, left + side, top + side)
        cut = Image.fromarray(picture).crop(box).resize((self.settings.grid,) * 2, Image.Resampling.BILINEAR)
        return np.asarray(cut)

    def _restore(self, values: NDArray[np.float32], around: float) -> NDArray[np.float32]:
        """Return what lies in the square, in the clip's pixels, and a value around it."""
        from PIL import Image

        top, left, side = self._where
        native = np.asarray(Image.fromarray(values).resize((side, side), Image.Resampling.BILINEAR))
        out = np.full(self._shape, around, np.float32)
        rows, columns = (
            slice(max(0, at), min(at + side, most)) for at, most in zip((top, left), self._shape, strict=True)
        )
        out[rows, columns] = native[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return out

    def _inputs(
        self, pictures: Sequence[NDArray], distances: Sequence[NDArray | None], share: float, seen: NDArray | None
    ) -> NDArray[np.float32]:
        nothing = np.zeros((self.settings.grid,) * 2, np.float32)
        known = [nothing if each is None else each for each in distances]
        blend = (1 - share) * known[1] + share * known[2]
        itself = nothing if seen is None else seen
        return np.stack([*pictures, *known, blend, np.full_like(nothing, share), itself]).astype(np.float32)

    def _around(self, first: int, last: int) -> tuple[list[NDArray], list[NDArray | None]]:
        """Return four pictures and their distances: both ends, and as far again beyond; black beyond the clip."""
        gap, n = last - first, len(self._pictures)
        places = (first - gap, first, last, last + gap)
        nothing = np.zeros((self.settings.grid,) * 2, np.float32)
        pictures = [self._pictures[t] if 0 <= t < n else nothing for t in places]
        return pictures, [self._distances.get(t) for t in places]

    def _left_out(self, frame: int | None = None) -> tuple[NDArray, NDArray, NDArray, float, float]:
        """Return a sample whose frame was left out of the clip: inputs, picture, mask, and which of both is known."""
        corrected, n = list(self._masks), len(self._pictures)
        longest = max(np.diff(corrected))
        if frame is None:
            gap = int(self._random.integers(2, min(longest, n - 1) + 1))
            first = int(self._random.integers(0, n - gap))
            last, frame = first + gap, first + int(self._random.integers(1, gap))
        else:
            place = corrected.index(frame)
            first, last = corrected[place - 1], corrected[place + 1]
        pictures, distances = self._around(first, last)
        if self._random.random() < 0.1:  # as published: the ends of a stack have no neighbour
            pictures[0 if self._random.random() < 0.5 else 3] = np.zeros_like(pictures[0])
        has_mask = frame in self._masks and first in self._masks and last in self._masks
        # With its picture before it, a network would only copy it.
        shown = self.settings.sees and has_mask
        seen = self._pictures[frame] if shown else None
        x = self._inputs(pictures, distances, (frame - first) / (last - first), seen)
        mask = self._masks[frame] if has_mask else np.zeros_like(self._masks[corrected[0]])
        return x, self._pictures[frame], mask, float(not shown), float(has_mask)

    def _deformed(self) -> tuple[NDArray, NDArray, NDArray, float, float]:
        """Return a sample around a labelled frame: pulled one way before it and the other way after it."""
        from scipy import ndimage

        corrected = list(self._masks)
        frame = corrected[int(self._random.integers(len(corrected)))]
        picture, mask, side = self._pictures[frame], self._masks[frame], self.settings.grid
        share = float(self._random.uniform(0.1, 0.9))
        knots = self._random.normal(0, 0.03 * side, (2, 4, 4))
        bend = np.stack([ndimage.zoom(part, side / 4, order=3) for part in knots])
        y, x = np.mgrid[:side, :side].astype(np.float64)
        centre = np.argwhere(mask).mean(0)
        offset = np.stack([y - centre[0], x - centre[1]])
        spread = np.sqrt(mask.sum() / np.pi)
        near = np.exp(-0.5 * (np.sqrt((offset**2).sum(0)) / (1.3 * spread)) ** 2)
        pull = bend + self._random.uniform(-0.4, 0.4) * offset * near
        pictures, distances = [], []
        for way in (-share - 1, -share, 1 - share, 2 - share):
            at = [y + way * pull[0], x + way * pull[1]]
            beyond = way in {-share - 1, 2 - share}
            pictures.append(ndimage.map_coordinates(picture, at, order=1, mode="nearest"))
            moved = ndimage.map_coordinates(mask.astype(np.float32), at, order=1, mode="nearest") > 0.5
            distances.append(None if beyond else signed(moved))
        shown = self.settings.sees
        # Speckle is never the same twice: what is seen of the frame is not what was pulled.
        noise = self._random.normal(0, 0.05, picture.shape) if shown else 0.0
        x_ = self._inputs(pictures, distances, share, np.clip(picture + noise, 0, 1) if shown else None)
        return x_, picture, mask, 0.0, 1.0

    def _sample(self) -> tuple[NDArray, NDArray, NDArray, float, float]:
        inner = list(self._masks)[1:-1]
        drawn = self._random.random()
        if inner and drawn < 0.15:
            found = self._left_out(inner[int(self._random.integers(len(inner)))])
        else:
            found = self._left_out() if drawn < 0.5 else self._deformed()
        x, picture, mask, has_picture, has_mask = found
        if self._random.random() < 0.5:  # time runs backwards as well
            x = x[[3, 2, 1, 0, 7, 6, 5, 4, 8, 9, 10]]
            x[9] = 1 - x[9]
        if self._random.random() < 0.5:
            x, picture, mask = x[:, :, ::-1], picture[:, ::-1], mask[:, ::-1]
        return x, picture, mask, has_picture, has_mask

    def _train(self) -> None:
        settings = self.settings
        optimiser = torch.optim.Adam(self.network.parameters(), settings.lr, betas=(0.9, 0.99))
        start, self.network = time.process_time(), self.network.train()
        while (spent := time.process_time() - start) < settings.seconds:
            # One cycle over the time there is: how many steps fit is not known before.
            part = spent / settings.seconds
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * min(part / 0.1 + 0.1, 1.0) * (1 - part) ** 0.9
            drawn = [self._sample() for _ in range(settings.batch)]
            x, picture, mask = (torch.tensor(np.stack([one[i] for one in drawn]).astype(np.float32)) for i in range(3))
            has_picture, has_mask = (torch.tensor([one[i] for one in drawn]) for i in (3, 4))
            loss = loss_of(self.network(x), picture[:, None], mask[:, None], has_picture, has_mask)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            optimiser.step()
            self.steps += 1
        self.network.eval()

    @torch.no_grad()
    def fill(self, frame: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Return the mask of a frame, and how uncertain each pixel of it is: by the head, and by the mask's logit."""
        first = max(t for t in self._masks if t < frame)
        last = min(t for t in self._masks if t > frame)
        pictures, distances = self._around(first, last)
        seen = self._pictures[frame] if self.settings.sees else None
        x = self._inputs(pictures, distances, (frame - first) / (last - first), seen)
        said = self.network(torch.from_numpy(x)[None])
        logit = self._restore(said.mask[0, 0].numpy().clip(-20, 20), -20.0)
        return (logit > 0).astype(np.uint8), self._restore(said.doubt[0, 0].numpy(), 0.0), -np.abs(logit)
