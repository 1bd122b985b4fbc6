"""MatAE-U-Net, the nested one: a U-Net whose channel prefixes are themselves U-Nets.

Every stage's channels are ordered. Using the first 1/8, 1/4 or 1/2 of them gives a smaller network that shares
the weights of the whole (slimmable networks, Yu et al. 2019; Matryoshka representation learning, Kusupati et
al. 2022). Batch statistics cannot be shared between widths, so each width has its own batch norm; it folds into
the convolution when a width is extracted.

The picture enters folded: 2x2 pixels become four channels, and the head unfolds logits the same way (sub-pixel
convolution, Shi et al. 2016), so a 224 grid costs what a 112 grid does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from matae.errors import ModelError
from matae.nn.widths import WIDTHS, format_width

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Matae", "MataeConfig", "PlainMatae"]


@dataclass(frozen=True)
class MataeConfig:
    """Shape of a nested network.

    Parameters
    ----------
    channels
        Channels of each stage at width 1, shallow to deep.
    classes
        Number of foreground classes, one logit each.
    fold
        Side of the pixel block that becomes channels at the input and is unfolded at the output.
    widths
        The widths it is trained at, narrowest first; the last is 1.
    """

    channels: tuple[int, ...] = (32, 48, 96, 160, 256)
    classes: int = 1
    fold: int = 2
    widths: tuple[float, ...] = WIDTHS

    def at(self, width: float) -> tuple[int, ...]:
        """Return the channels of each stage at `width`."""
        return tuple(max(1, round(c * width)) for c in self.channels)

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as JSON values, for the model card."""
        return asdict(self) | {"channels": list(self.channels), "widths": list(self.widths)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> MataeConfig:
        """Rebuild a configuration from a model card."""
        return cls(
            channels=tuple(int(c) for c in values["channels"]),
            classes=int(values["classes"]),
            fold=int(values["fold"]),
            widths=tuple(float(w) for w in values["widths"]),
        )


class _NestedConv(nn.Module):
    """3x3 convolution, batch norm of the width in use, ReLU; any prefix of its channels works.

    `joined` counts the maps concatenated at the input: the prefix is taken of each of them.
    """

    def __init__(self, inputs: int, outputs: int, joined: int = 1) -> None:
        super().__init__()
        self.inputs, self.joined = inputs, joined
        self.weight = nn.Parameter(torch.empty(outputs, inputs * joined, 3, 3))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        self.norms = nn.ModuleList()

    def sliced(self, outputs: int, inputs: int) -> Tensor:
        """Return the weight of the prefix with `outputs` and (per joined map) `inputs` channels."""
        parts = [self.weight[:outputs, i * self.inputs : i * self.inputs + inputs] for i in range(self.joined)]
        return parts[0] if self.joined == 1 else torch.cat(parts, 1)

    def forward(self, x: Tensor, outputs: int, index: int) -> Tensor:
        x = F.conv2d(x, self.sliced(outputs, x.shape[1] // self.joined), padding=1)
        normed: Tensor = self.norms[index](x)
        return F.relu(normed, inplace=True)


class Matae(nn.Module):
    """The nested MatAE-U-Net.

    Parameters
    ----------
    config
        Channels, classes and widths.
    """

    def __init__(self, config: MataeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MataeConfig()
        self.widths = config.widths
        self.divisor = config.fold * 2 ** (len(config.channels) - 1)
        channels = config.channels
        folded = config.fold**2
        self.encoder = nn.ModuleList()
        for stage, outputs in enumerate(channels):
            inputs = folded if stage == 0 else channels[stage - 1]
            self.encoder.append(nn.ModuleList([_NestedConv(inputs, outputs), _NestedConv(outputs, outputs)]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(channels[i + 1], channels[i], 2, stride=2) for i in range(len(channels) - 1)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleList([_NestedConv(c, c, joined=2), _NestedConv(c, c)]) for c in channels[:-1]
        )
        self.head = nn.Conv2d(channels[0], config.classes * folded, 1)
        for width in config.widths:
            for block, outputs in zip([*self.encoder, *self.decoder], self._block_channels(width), strict=True):
                for conv in block:
                    conv.norms.append(nn.BatchNorm2d(outputs))

    def _block_channels(self, width: float) -> tuple[int, ...]:
        channels = self.config.at(width)
        return channels + channels[:-1]

    def _index(self, width: float) -> int:
        for i, known in enumerate(self.widths):
            if abs(known - width) < 1e-6:
                return i
        have = ", ".join(format_width(w) for w in self.widths)
        raise ModelError(f"This model has no width {format_width(width)}; it has {have}.")

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W) of the network at `width`.

        Parameters
        ----------
        x
            Grey frames (N, 1, H, W) in 0-1; sides a multiple of `divisor`.
        width
            One of `widths`.

        Raises
        ------
        ModelError
            If the network has no such width.
        """
        index, channels = self._index(width), self.config.at(width)
        x = F.pixel_unshuffle(x, self.config.fold)
        skips: list[Tensor] = []
        for stage, outputs in enumerate(channels):
            if stage:
                x = F.max_pool2d(x, 2)
            for conv in self.encoder[stage]:  # type: ignore[attr-defined]
                x = conv(x, outputs, index)
            skips.append(x)
        for stage in reversed(range(len(channels) - 1)):
            up, outputs = self.up[stage], channels[stage]
            x = F.conv_transpose2d(x, up.weight[: x.shape[1], :outputs], up.bias[:outputs], stride=2)
            x = torch.cat([x, skips[stage]], 1)
            for conv in self.decoder[stage]:  # type: ignore[attr-defined]
                x = conv(x, outputs, index)
        logits = F.conv2d(x, self.head.weight[:, : x.shape[1]], self.head.bias)
        return F.pixel_shuffle(logits, self.config.fold)

    def extract(self, width: float = 1.0) -> PlainMatae:
        """Return the network at `width` as a plain one: sliced weights, batch norm folded, nothing nested."""
        index, channels = self._index(width), self.config.at(width)
        plain = PlainMatae(replace(self.config, channels=channels, widths=(1.0,)))
        with torch.no_grad():
            for ours, theirs in zip([*self.encoder, *self.decoder], [*plain.encoder, *plain.decoder], strict=True):
                for nested, conv in zip(ours, theirs, strict=True):  # type: ignore[call-overload]
                    _fold(nested, conv, nested.norms[index])
            for nested_up, up in zip(self.up, plain.up, strict=True):
                up.weight.copy_(nested_up.weight[: up.in_channels, : up.out_channels])
                up.bias.copy_(nested_up.bias[: up.out_channels])
            plain.head.weight.copy_(self.head.weight[:, : channels[0]])
            plain.head.bias.copy_(self.head.bias)  # type: ignore[arg-type, union-attr]
        return plain.eval()


def _fold(nested: _NestedConv, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    # conv then batch norm at inference is one affine map: scale the filters, move the mean into the bias.
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator]
    weight = nested.sliced(conv.out_channels, conv.in_channels // nested.joined)
    conv.weight.copy_(weight * scale[:, None, None, None])
    conv.bias.copy_(norm.bias - norm.running_mean * scale)  # type: ignore[operator, union-attr]


class PlainMatae(nn.Module):
    """One doll alone: what `Matae.extract` returns, with plain convolutions that any runtime takes.

    Parameters
    ----------
    config
        Its own channels (already narrowed) and classes.
    """

    def __init__(self, config: MataeConfig) -> None:
        super().__init__()
        self.config, self.widths = config, (1.0,)
        self.divisor = config.fold * 2 ** (len(config.channels) - 1)
        channels, folded = config.channels, config.fold**2

        def block(inputs: int, outputs: int) -> nn.ModuleList:
            return nn.ModuleList([nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)])

        self.encoder = nn.ModuleList(
            block(inputs, outputs) for inputs, outputs in zip((folded, *channels[:-1]), channels, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(channels[i + 1], channels[i], 2, stride=2) for i in range(len(channels) - 1)
        )
        self.decoder = nn.ModuleList(block(2 * c, c) for c in channels[:-1])
        self.head = nn.Conv2d(channels[0], config.classes * folded, 1)

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W); `width` is there for the common interface and must be 1."""
        if width != 1:
            raise ModelError("An extracted network has one width; take the whole model to choose another.")
        x = F.pixel_unshuffle(x, self.config.fold)
        skips: list[Tensor] = []
        for stage, block in enumerate(self.encoder):
            if stage:
                x = F.max_pool2d(x, 2)
            x = _convolve(block, x)
            skips.append(x)
        for stage in reversed(range(len(self.up))):
            x = torch.cat([self.up[stage](x), skips[stage]], 1)
            x = _convolve(self.decoder[stage], x)
        return F.pixel_shuffle(self.head(x), self.config.fold)


def _convolve(block: nn.Module, x: Tensor) -> Tensor:
    for conv in block:  # type: ignore[attr-defined]
        x = F.relu(conv(x), inplace=True)
    return x
