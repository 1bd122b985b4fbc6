"""MatAE-U-Net, the nested one: a U-Net whose channel prefixes are themselves U-Nets.

Every stage's channels are ordered. Using the first 1/8, 1/4 or 1/2 of them gives a smaller network that shares
the weights of the whole (slimmable networks, Yu et al. 2019; Matryoshka representation learning, Kusupati et
al. 2022). Batch statistics cannot be shared between widths, so each width has its own batch norm; it folds into
the convolution when a width is extracted.

The picture enters folded: 2x2 pixels become four channels, and the head unfolds logits the same way (sub-pixel
convolution, Shi et al. 2016), so a 224 grid costs what a 112 grid does. Out of training the fold's imprint is taken
from the logits, see `matae.nn.unfold`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from matae.errors import ModelError
from matae.nn.autoencoder import Autoencoder, unexplained
from matae.nn.network import Network
from matae.nn.unfold import SmoothHead, smooth_logits
from matae.nn.widths import WIDTHS, format_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from matae.nn.adapter import ConvAdapter

__all__ = ["Matae", "MataeConfig", "PlainMatae"]


_RARE = -2.2  # log-odds of a class that covers a tenth of the frame, as the cavity does


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
    autoencoder
        Whether it has heads that rebuild each latent's predecessor, see `matae.nn.autoencoder`.
    own_bias
        Whether each width has its own bias of the logits. With one for all, a narrow network can get stuck where
        none of its few channels is active inside the cavity: its logits never exceed the bias.

    Raises
    ------
    ValueError
        If no network has this shape.
    """

    channels: tuple[int, ...] = (32, 48, 96, 160, 256)
    classes: int = 1
    fold: int = 2
    widths: tuple[float, ...] = WIDTHS
    autoencoder: bool = False
    own_bias: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be built, before memory is asked for it."""
        if not 1 <= len(self.channels) <= 8 or not all(1 <= c <= 4096 for c in self.channels):
            raise ValueError(f"channels {self.channels} must be 1 to 8 numbers of 1 to 4096")
        if not 1 <= self.classes <= 255 or not 1 <= self.fold <= 16:
            raise ValueError(f"{self.classes} classes and fold {self.fold} are not possible")
        if not self.widths or self.widths[-1] != 1 or self.widths[0] <= 0 or list(self.widths) != sorted(self.widths):
            raise ValueError(f"widths {self.widths} must rise to 1")

    @property
    def divisor(self) -> int:
        """Number that both sides of the input must be a multiple of."""
        return self.fold * int(2 ** (len(self.channels) - 1))

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
            # Cards of before 2026-11-21 do not know these.
            autoencoder=bool(values.get("autoencoder", False)),
            own_bias=bool(values.get("own_bias", False)),
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
        self.adapter: ConvAdapter | None = None  # while one is trained, see `matae.nn.adapter`

    def sliced(self, outputs: int, inputs: int) -> Tensor:
        """Return the weight of the prefix with `outputs` and (per joined map) `inputs` channels."""
        # An adapter changes the whole weight; slices of it are taken afterwards.
        weight = self.weight if self.adapter is None else self.weight + self.adapter()
        parts = [weight[:outputs, i * self.inputs : i * self.inputs + inputs] for i in range(self.joined)]
        return parts[0] if self.joined == 1 else torch.cat(parts, 1)

    def folded(self, outputs: int, inputs: int, index: int) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the prefix with the batch norm of a width folded into them.

        Convolution and batch norm are one affine map at inference: the filters are scaled, the mean moves into the
        bias. In double precision, since a channel that hardly varies has a large scale, which amplifies rounding.
        """
        norm = cast("nn.BatchNorm2d", self.norms[index])
        mean, variance = cast("Tensor", norm.running_mean).double(), cast("Tensor", norm.running_var).double()
        scale = norm.weight.double() / torch.sqrt(variance + norm.eps)
        weight = self.sliced(outputs, inputs) * scale[:, None, None, None]
        return weight.to(self.weight.dtype), (norm.bias - mean * scale).to(self.weight.dtype)

    def forward(self, x: Tensor, outputs: int, index: int) -> Tensor:
        inputs = x.shape[1] // self.joined
        if not self.training:
            # As an extracted network computes it, so that the two agree to the last bits.
            weight, bias = self.folded(outputs, inputs, index)
            return F.relu(F.conv2d(x, weight, bias, padding=1), inplace=True)
        normed: Tensor = self.norms[index](F.conv2d(x, self.sliced(outputs, inputs), padding=1))
        return F.relu(normed, inplace=True)


class _Block(nn.ModuleList):
    """Convolutions one after the other; a list, so that the checkpoint's names are those of its items."""

    def forward(self, x: Tensor, outputs: int, index: int) -> Tensor:
        for conv in self:
            x = conv(x, outputs, index)
        return x

    def convolutions(self) -> Iterator[_NestedConv]:
        return (cast("_NestedConv", conv) for conv in self)


class _Ups(nn.ModuleList):
    """The transposed convolutions, shallow to deep."""

    def at(self, stage: int) -> nn.ConvTranspose2d:
        return cast("nn.ConvTranspose2d", self[stage])


class Matae(Network):
    """The nested MatAE-U-Net.

    Parameters
    ----------
    config
        Channels, classes and widths.
    """

    def __init__(self, config: MataeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MataeConfig()
        self.widths, self.divisor, self.classes = config.widths, config.divisor, config.classes
        channels, folded = config.channels, config.fold**2
        self.encoder = nn.ModuleList(
            _Block([_NestedConv(inputs, outputs), _NestedConv(outputs, outputs)])
            for inputs, outputs in zip((folded, *channels[:-1]), channels, strict=True)
        )
        self.up = _Ups(nn.ConvTranspose2d(deep, shallow, 2, stride=2) for shallow, deep in pairwise(channels))
        self.decoder = nn.ModuleList(_Block([_NestedConv(c, c, joined=2), _NestedConv(c, c)]) for c in channels[:-1])
        self.head = nn.Conv2d(channels[0], config.classes * folded, 1)
        # Start from how rare a class is. From 0 the first steps push every weight of the head down to quiet the
        # background, and the few channels of a narrow network may then never be active inside the cavity again.
        nn.init.constant_(self._bias, _RARE)
        self.offsets = nn.Parameter(torch.zeros(len(config.widths), len(self._bias))) if config.own_bias else None
        self.autoencoder = Autoencoder(channels, folded) if config.autoencoder else None
        for width in config.widths:
            narrow = config.at(width)
            for block, outputs in zip(self._blocks(), narrow + narrow[:-1], strict=True):
                for conv in block.convolutions():
                    conv.norms.append(nn.BatchNorm2d(outputs))

    def nested(self) -> list[_NestedConv]:
        """Return the nested convolutions, encoder first."""
        return [conv for block in self._blocks() for conv in block.convolutions()]

    def _blocks(self) -> list[_Block]:
        return [cast("_Block", block) for block in (*self.encoder, *self.decoder)]

    @property
    def _bias(self) -> Tensor:
        return cast("Tensor", self.head.bias)

    def _bias_at(self, index: int) -> Tensor:
        return self._bias if self.offsets is None else self._bias + self.offsets[index]

    def _head_at(self, width: float) -> tuple[Tensor, Tensor]:
        return self.head.weight[:, : self.config.at(width)[0]], self._bias_at(self._index(width))

    def _index(self, width: float) -> int:
        for i, known in enumerate(self.widths):
            if abs(known - width) < 1e-6:
                return i
        have = ", ".join(format_width(w) for w in self.widths)
        raise ModelError(f"This model has no width {format_width(width)}; it has {have}.")

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W) of the network at `width`; see `Network.forward`."""
        stages = self.encode(x, width)
        if self.training:
            return self.decode(stages, width)
        return smooth_logits(self.features(stages, width), *self._head_at(width), self.config.fold)

    def encode(self, x: Tensor, width: float = 1.0) -> list[Tensor]:
        """Return the folded picture and the latent of every stage at `width`, shallow to deep."""
        index, channels = self._index(width), self.config.at(width)
        stages = [F.pixel_unshuffle(x, self.config.fold)]
        for stage, (block, outputs) in enumerate(zip(self.encoder, channels, strict=True)):
            x = F.max_pool2d(stages[-1], 2) if stage else stages[-1]
            stages.append(block(x, outputs, index))
        return stages

    def decode(self, stages: list[Tensor], width: float = 1.0) -> Tensor:
        """Return the logits (N, classes, H, W) of what `encode` returned at the same width, as they are trained."""
        return self.logits(self.features(stages, width), width)

    def features(self, stages: list[Tensor], width: float = 1.0) -> Tensor:
        """Return the decoder's last maps (N, channels, H / fold, W / fold), which the logits are read from."""
        index, channels = self._index(width), self.config.at(width)
        skips, x = stages[1:-1], stages[-1]
        for stage in reversed(range(len(channels) - 1)):
            up, outputs = self.up.at(stage), channels[stage]
            bias = None if up.bias is None else up.bias[:outputs]
            x = F.conv_transpose2d(x, up.weight[: x.shape[1], :outputs], bias, stride=2)
            x = self.decoder[stage](torch.cat([x, skips[stage]], 1), outputs, index)
        return x

    def logits(self, features: Tensor, width: float = 1.0) -> Tensor:
        """Return the logits (N, classes, H, W) of what `features` returned at the same width, as they are trained."""
        return F.pixel_shuffle(F.conv2d(features, *self._head_at(width)), self.config.fold)

    def rebuild(self, stages: list[Tensor], prefix: float = 1.0) -> Tensor:
        """Return the share of the latents' variance that a prefix of each cannot rebuild of the one before it.

        Parameters
        ----------
        stages
            What `encode` returned.
        prefix
            Share of the channels of width 1 that may be used; all of the width in use if that has fewer.

        Returns
        -------
        Tensor
            One value a frame, (N,); low for pictures like those it was trained on.

        Raises
        ------
        ModelError
            If the network has no autoencoder heads.
        """
        if self.autoencoder is None:
            raise ModelError("This model has no autoencoder heads; train it with them, or do without the check.")
        return unexplained(stages, self.autoencoder(stages, self.config.at(prefix)))

    def plain(self, width: float = 1.0) -> Network:
        """Return the network at `width` alone; see `extract`."""
        return self.extract(width)

    def extract(self, width: float = 1.0) -> PlainMatae:
        """Return the network at `width` as a plain one: sliced weights, batch norm folded, nothing nested."""
        index, channels = self._index(width), self.config.at(width)
        plain = PlainMatae(replace(self.config, channels=channels, widths=(1.0,), autoencoder=False, own_bias=False))
        with torch.no_grad():
            for block, convolutions in zip(self._blocks(), plain.blocks(), strict=True):
                for nested, conv in zip(block.convolutions(), convolutions, strict=True):
                    weight, bias = nested.folded(conv.out_channels, conv.in_channels // nested.joined, index)
                    conv.weight.copy_(weight)
                    cast("Tensor", conv.bias).copy_(bias)
            for stage in range(len(plain.up)):
                _copy(self.up.at(stage), plain.up.at(stage))
            _copy(self.head, plain.head)
            cast("Tensor", plain.head.bias).copy_(self._bias_at(index))
            plain.smooth_head.follow(plain.head)
        plain.regions = self.regions
        return plain.eval()


def _copy(nested: nn.Conv2d | nn.ConvTranspose2d, plain: nn.Conv2d | nn.ConvTranspose2d) -> None:
    first, second = plain.weight.shape[:2]
    plain.weight.copy_(nested.weight[:first, :second])
    if plain.bias is not None and nested.bias is not None:
        plain.bias.copy_(nested.bias[: len(plain.bias)])


class PlainMatae(Network):
    """One doll alone: what `Matae.extract` returns, with plain convolutions that any runtime takes.

    Parameters
    ----------
    config
        Its own channels (already narrowed) and classes.

    Attributes
    ----------
    rectified
        What a convolution followed by a ReLU is computed by; a backend may have something quicker.
    """

    def __init__(self, config: MataeConfig) -> None:
        super().__init__()
        self.config = config
        self.rectified: Callable[[nn.Conv2d, Tensor], Tensor] = _rectified
        self.widths, self.divisor, self.classes = (1.0,), config.divisor, config.classes
        channels, folded = config.channels, config.fold**2

        def block(inputs: int, outputs: int) -> nn.ModuleList:
            return nn.ModuleList([nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)])

        self.encoder = nn.ModuleList(
            block(inputs, outputs) for inputs, outputs in zip((folded, *channels[:-1]), channels, strict=True)
        )
        self.up = _Ups(nn.ConvTranspose2d(deep, shallow, 2, stride=2) for shallow, deep in pairwise(channels))
        self.decoder = nn.ModuleList(block(2 * c, c) for c in channels[:-1])
        self.head = nn.Conv2d(channels[0], config.classes * folded, 1)
        self.smooth_head = SmoothHead(self.head, config.fold)

    def blocks(self) -> list[list[nn.Conv2d]]:
        """Return the convolutions of each block, encoder first."""
        blocks = [cast("nn.ModuleList", block) for block in (*self.encoder, *self.decoder)]
        return [[cast("nn.Conv2d", conv) for conv in block] for block in blocks]

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W); `width` is there for the common interface and must be 1."""
        if width != 1:
            raise ModelError("An extracted network has one width; take the whole model to choose another.")
        return cast("Tensor", self.smooth_head(self.features(x)))

    def features(self, x: Tensor) -> Tensor:
        """Return the decoder's last maps of a picture, (N, channels, H / fold, W / fold); see `Matae.features`."""
        x = F.pixel_unshuffle(x, self.config.fold)
        stages, skips = self.blocks(), []
        depth = len(self.encoder)
        for stage, block in enumerate(stages[:depth]):
            x = self._through(block, F.max_pool2d(x, 2) if stage else x)
            skips.append(x)
        for stage in reversed(range(depth - 1)):
            x = self._through(stages[depth + stage], torch.cat([self.up.at(stage)(x), skips[stage]], 1))
        return x

    def _through(self, block: list[nn.Conv2d], x: Tensor) -> Tensor:
        for conv in block:
            x = self.rectified(conv, x)
        return x

    def logits(self, features: Tensor) -> Tensor:
        """Return the logits (N, classes, H, W) of what `features` returned, as they are trained: prompts read those."""
        return F.pixel_shuffle(self.head(features), self.config.fold)

    def plain(self, width: float = 1.0) -> Network:
        """Return the network itself."""
        if width != 1:
            raise ModelError("An extracted network has one width; take the whole model to choose another.")
        return self


def _rectified(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.relu(conv(x), inplace=True)
