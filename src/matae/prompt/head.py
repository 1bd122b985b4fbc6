"""The prompt head: a small network that outlines one structure from prompts and what a frozen network saw.

It reads the last maps of the nested network's decoder at the width in use, the network's own logits, the mask so far
and the prompts as maps (`matae.prompt.encode`), and gives new logits of one structure with the Dice it expects of them:
the network's own logits and the mean shapes at the prompts, each weighted pixel by pixel as the head trusts it, what is
clicked, and a change that the head adds.
A convolution a width brings the maps of that width to one number of channels; everything after is shared. It works at a
quarter of the grid's resolution and gives its logits at the full one (sub-pixel convolution, Shi et al. 2016).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from matae.errors import ModelError
from matae.nn.widths import format_width
from matae.prompt.encode import CHANNELS, CLICKED, FOLD, SHAPES, TEMPLATE, encode

if TYPE_CHECKING:
    from typing import Any

    from matae.prompt.encode import PromptTensors

__all__ = ["HeadConfig", "PromptHead"]

_SIGNS = torch.tensor([1.0, -1.0])

_SQUASH = 4.0  # log odds beyond which the network's own logits say no more: a prompt can overrule it
_TRUSTED = 3  # the network's logits, the mean shape along the axis, the one in the box
_CLICK = 6.0  # log odds that a click adds where it is, to begin with: more than any logits can hold against it
_TRUST = (0.0, -1.0, -1.0)  # log odds of the trust to begin with: half, and a quarter
_HALF = 2  # the network's last maps are at half the resolution of the grid


@dataclass(frozen=True)
class HeadConfig:
    """Shape of a prompt head.

    Parameters
    ----------
    features
        Channels of the decoder's last maps, one number a width.
    widths
        Those widths, narrowest first.
    regions
        Logits of the network; each is a structure that can be outlined.
    channels
        Channels of each stage, at a quarter of the grid's resolution and halving on.
    stem
        Channels that the maps of every width are brought to.
    """

    features: tuple[int, ...]
    widths: tuple[float, ...]
    regions: int
    channels: tuple[int, ...] = (16, 24, 32)
    stem: int = 12

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> HeadConfig:
        """Rebuild a configuration."""
        return cls(
            features=tuple(int(n) for n in values["features"]),
            widths=tuple(float(w) for w in values["widths"]),
            regions=int(values["regions"]),
            channels=tuple(int(n) for n in values["channels"]),
            stem=int(values["stem"]),
        )


class _Block(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        def conv(n: int) -> list[nn.Module]:
            return [nn.Conv2d(n, outputs, 3, padding=1, bias=False), nn.GroupNorm(4, outputs), nn.ReLU(inplace=True)]

        super().__init__(*conv(inputs), *conv(outputs))


class PromptHead(nn.Module):
    """Outlines one structure of a frame from prompts.

    Parameters
    ----------
    config
        Its shape.

    Attributes
    ----------
    axis_shapes, box_shapes
        Mean shape of each structure as log odds, (regions, TEMPLATE, TEMPLATE); see `matae.prompt.encode`.
    """

    axis_shapes: Tensor
    box_shapes: Tensor
    calibration: Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.stems = nn.ModuleList(nn.Conv2d(n, config.stem, _HALF, stride=_HALF) for n in config.features)
        inputs = config.stem + 2 * _HALF**2 + config.regions + CHANNELS
        self.structure = nn.Embedding(config.regions, first)
        self.enter = nn.Conv2d(inputs, first, 3, padding=1)
        self.down = nn.ModuleList(
            _Block(a, b) for a, b in zip((first, *config.channels[:-1]), config.channels, strict=True)
        )
        self.up = nn.ModuleList(
            _Block(deep + shallow, shallow)
            for shallow, deep in zip(config.channels[:-1], config.channels[1:], strict=True)
        )
        self.leave = nn.Conv2d(first, FOLD**2 + _TRUSTED, 1)
        self.click = nn.Parameter(torch.full((2,), _CLICK))
        nn.init.normal_(self.structure.weight, std=0.1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(cast("Tensor", self.leave.bias))
        self.judge = nn.Sequential(nn.Linear(config.channels[-1] + 3, 24), nn.ReLU(), nn.Linear(24, 1))
        for name in ("axis_shapes", "box_shapes"):
            self.register_buffer(name, torch.zeros(config.regions, TEMPLATE, TEMPLATE))
        # Of the log odds of the expected Dice: scale and shift, see `matae.prompt.calibration`.
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))

    @property
    def parameters_count(self) -> int:
        """Number of trained values."""
        return sum(p.numel() for p in self.parameters())

    @property
    def is_calibrated(self) -> bool:
        """Whether the Dice it expects was fitted on patients of their own."""
        return self.calibration.tolist() != [1.0, 0.0]

    def forward(  # noqa: PLR0917 - the parts of one input
        self,
        features: Tensor,
        logits: Tensor,
        region: Tensor,
        prompts: PromptTensors,
        previous: Tensor | None = None,
        width: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of a structure, (N, grid, grid), and the Dice that is expected of them, (N,).

        Parameters
        ----------
        features, logits
            Of the network at `width`: (N, channels, grid / 2, grid / 2) and (N, regions, grid, grid).
        region
            Index of the logit that outlines the structure, (N,) int64.
        prompts
            In pixels of the grid.
        previous
            The mask so far, 1 inside and -1 outside, 0 where there is none, (N, grid, grid); none if None.
        width
            One of the head's widths.

        Raises
        ------
        ModelError
            If the head has no such width.
        """
        grid, count = logits.shape[-1], len(logits)
        own = _SQUASH * torch.tanh(logits / _SQUASH)
        mine = own[torch.arange(count), region]
        before = torch.zeros_like(mine) if previous is None else previous
        given = encode(prompts, grid, self.axis_shapes[region], self.box_shapes[region])
        x = torch.cat(
            [
                self.stems[self._index(width)](features),
                F.pixel_unshuffle(F.avg_pool2d(torch.stack([mine / _SQUASH, before], 1), FOLD // _HALF), _HALF),
                F.avg_pool2d(own / _SQUASH, FOLD),
                given,
            ],
            1,
        )  # fmt: skip
        x = F.relu(self.enter(x) + self.structure(region)[:, :, None, None], inplace=True)
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if i else x)
            skips.append(x)
        deep = skips.pop()
        x = deep
        for block in reversed(self.up):
            skip = skips.pop()
            x = block(torch.cat([F.interpolate(x, skip.shape[-2:], mode="nearest"), skip], 1))
        left = self.leave(x)
        found = self._together(mine, given, left[:, FOLD**2 :]) + F.pixel_shuffle(left[:, : FOLD**2], FOLD)[:, 0]
        return found, self._expected(found.detach(), deep.detach())

    def _together(self, mine: Tensor, given: Tensor, trust: Tensor) -> Tensor:
        """Return what is known of each pixel, as far as it is trusted, (N, grid, grid)."""
        share = 2 * torch.sigmoid(trust + torch.tensor(_TRUST)[:, None, None])
        # The mean shapes and the clicks among the maps; where they are not given they are 0.
        drawn = torch.cat(
            [_SQUASH * given[:, SHAPES], given[:, CLICKED] * (self.click * _SIGNS)[:, None, None], share], 1
        )
        axis, box, inside, outside, *shares = F.interpolate(
            drawn, mine.shape[-2:], mode="bilinear", align_corners=False
        ).unbind(1)
        return shares[0] * mine + shares[1] * axis + shares[2] * box + inside + outside

    def _index(self, width: float) -> int:
        for i, known in enumerate(self.config.widths):
            if abs(known - width) < 1e-6:
                return i
        have = ", ".join(format_width(w) for w in self.config.widths)
        raise ModelError(f"The prompt head has no width {format_width(width)}; it has {have}.")

    def _expected(self, found: Tensor, deep: Tensor) -> Tensor:
        p = torch.sigmoid(found)
        hard = (p > 0.5).float()
        own = (2 * (p * hard).sum((1, 2)) + 1) / (p.sum((1, 2)) + hard.sum((1, 2)) + 1)
        edge = ((p > 0.1) & (p < 0.9)).float().sum((1, 2)) / (hard.sum((1, 2)) + 50).sqrt() / 10
        size = (hard.mean((1, 2)) + 1e-3).log() / 3
        judged = self.judge(torch.cat([deep.mean((2, 3)), torch.stack([10 * (own - 0.9), edge, size], 1)], 1))[:, 0]
        scale, shift = self.calibration
        return torch.sigmoid(judged * scale + shift)
