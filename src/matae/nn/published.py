"""The two networks of the paper, exactly as its authors published them.

Kept for parity and comparison: layer for layer and name for name, so that the authors' checkpoints load.
They differ from the paper's claims: there is no nesting and no reconstruction in them. Facts from the public
repository of the paper's first author (arXiv 2502.08988); the code here is our own.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from matae.errors import ModelError
from matae.nn.network import Network

__all__ = ["PUBLISHED", "MataePublished", "UNetPublished"]


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    # Positions 0, 1, 3 and 4 carry the parameters: the authors' checkpoints name them so.
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _check_width(width: float) -> None:
    if width != 1:
        raise ModelError("The published networks have one width; choose width 1 or the model family 'matae'.")


def _as_rgb(x: Tensor, width: float) -> Tensor:
    _check_width(width)
    return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x


class UNetPublished(Network):
    """The paper's baseline U-Net: 7,702,977 parameters with 3 input channels and 1 class.

    Parameters
    ----------
    classes
        Number of foreground classes (one logit each).
    """

    widths = (1.0,)
    divisor = 8

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.classes = classes
        self.enc1, self.enc2 = _double_conv(3, 64), _double_conv(64, 128)
        self.enc3, self.enc4 = _double_conv(128, 256), _double_conv(256, 512)
        self.pool = nn.MaxPool2d(2)
        self.upconv3, self.dec3 = nn.ConvTranspose2d(512, 256, 2, stride=2), _double_conv(512, 256)
        self.upconv2, self.dec2 = nn.ConvTranspose2d(256, 128, 2, stride=2), _double_conv(256, 128)
        self.upconv1, self.dec1 = nn.ConvTranspose2d(128, 64, 2, stride=2), _double_conv(128, 64)
        self.out = nn.Conv2d(64, classes, 1)

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W) for grey or RGB input in 0-1; sides a multiple of 8."""
        e1 = self.enc1(_as_rgb(x, width))
        e2 = self.enc2(self.pool(e1))
        e3 = self.enc3(self.pool(e2))
        d = self.enc4(self.pool(e3))
        d = self.dec3(torch.cat([self.upconv3(d), e3], 1))
        d = self.dec2(torch.cat([self.upconv2(d), e2], 1))
        d = self.dec1(torch.cat([self.upconv1(d), e1], 1))
        logits: Tensor = self.out(d)
        return logits

    def plain(self, width: float = 1.0) -> Network:
        """Return the network itself."""
        _check_width(width)
        return self


class _Encoders(nn.Module):
    """The four single-convolution stages, named as in the authors' checkpoints (``mae.encoders``)."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, 16, 32, 64, 128)
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
            for i, o in pairwise(channels)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.encoders:
            x = stage(x)
            maps.append(x)
        return maps


class MataePublished(Network):
    """The published MatAE-U-Net: 286,401 parameters with 3 input channels and 1 class.

    The last map is half the input and is brought back by bilinear interpolation.

    Parameters
    ----------
    classes
        Number of foreground classes (one logit each).
    """

    widths = (1.0,)
    divisor = 16

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.classes = classes
        self.mae = _Encoders()
        self.upconv3, self.dec3 = nn.ConvTranspose2d(128, 64, 2, stride=2), _double_conv(128, 64)
        self.upconv2, self.dec2 = nn.ConvTranspose2d(64, 32, 2, stride=2), _double_conv(64, 32)
        self.upconv1, self.dec1 = nn.ConvTranspose2d(32, 16, 2, stride=2), _double_conv(32, 16)
        self.out_conv = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W) for grey or RGB input in 0-1; sides a multiple of 16."""
        e1, e2, e3, d = self.mae(_as_rgb(x, width))
        d = self.dec3(torch.cat([self.upconv3(d), e3], 1))
        d = self.dec2(torch.cat([self.upconv2(d), e2], 1))
        d = self.dec1(torch.cat([self.upconv1(d), e1], 1))
        d = F.interpolate(d, scale_factor=2.0, mode="bilinear", align_corners=True)
        logits: Tensor = self.out_conv(d)
        return logits

    def plain(self, width: float = 1.0) -> Network:
        """Return the network itself."""
        _check_width(width)
        return self


PUBLISHED: dict[str, type[UNetPublished | MataePublished]] = {
    "unet-published": UNetPublished,
    "matae-published": MataePublished,
}
"""The families that have one shape each."""
