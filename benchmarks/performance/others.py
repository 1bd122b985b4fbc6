"""The networks that are compared with, run as the paper ran its own: eager, in fp32, one frame a pass.

Decoding, the network's grid, the threshold, going back to the size of the frame, and two XVID videos at the size of the
clip: the steps of the paper's Table 1. The weights are random: none of these networks is judged here, only timed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

NETWORKS = ("unet-published", "matae-published", "basic-unet", "nnunet-2d")


def build(name: str, grid: int) -> nn.Module:
    """Return a network with random weights, in inference mode.

    Parameters
    ----------
    name
        One of `NETWORKS`.
    grid
        Side of its input; nnU-Net plans its depth by it.
    """
    torch.manual_seed(0)
    if name in {"unet-published", "matae-published"}:
        from matae.nn.published import PUBLISHED

        return PUBLISHED[name]().eval()
    if name == "basic-unet":
        from monai.networks.nets import BasicUNet

        return BasicUNet(spatial_dims=2, in_channels=1, out_channels=1).eval()
    return nnunet_2d(grid).eval()


def nnunet_2d(grid: int, classes: int = 1, *, deep_supervision: bool = False) -> nn.Module:
    """Return what nnU-Net's planner makes of 2-D pictures: stages until a side is 4 to 7, 32 to 512 channels."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from dynamic_network_architectures.initialization.weight_init import InitWeights_He
    from torch import nn

    stages = 1
    while grid / 2**stages >= 4 and stages < 8:
        stages += 1
    made: nn.Module = PlainConvUNet(
        input_channels=1, n_stages=stages, features_per_stage=[min(512, 32 * 2**k) for k in range(stages)],
        conv_op=nn.Conv2d, kernel_sizes=3, strides=[1] + [2] * (stages - 1), n_conv_per_stage=2, num_classes=classes,
        n_conv_per_stage_decoder=2, conv_bias=True, norm_op=nn.InstanceNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
        deep_supervision=deep_supervision,
    )  # fmt: skip
    made.apply(InitWeights_He(1e-2))
    return made


def run(network: nn.Module, grid: int, clip: Path, out: Path, *, device: str, limit: float) -> dict[str, float]:
    """Do the paper's job on a clip, frame by frame, and return the seconds of each stage.

    Parameters
    ----------
    network
        On the device.
    grid
        Side of its input.
    clip
        A video.
    out
        Folder for the two videos.
    device
        Where the network is.
    limit
        Seconds after which no further frame begins; the figures say how many were done.

    Returns
    -------
    dict
        ``decode``, ``network``, ``place``, ``write`` in seconds, and ``frames``.
    """
    import av

    spent = dict.fromkeys(("decode", "place", "network", "write"), 0.0)
    frames = 0
    start = time.perf_counter()
    with av.open(str(clip)) as source, torch.inference_mode():
        video = source.streams.video[0]
        height, width = video.height, video.width
        writers = [_Writer(out / f"{name}.avi", width, height) for name in ("mask", "overlay")]
        decoded = source.decode(video)
        while time.perf_counter() - start < limit or not frames:
            with _Timed(spent, "decode"):
                frame = next(decoded, None)
                grey = None if frame is None else frame.to_ndarray(format="gray")
            if grey is None:
                break
            with _Timed(spent, "place"):
                image = torch.from_numpy(grey).float()[None, None] / 255
                image = F.interpolate(image, (grid, grid), mode="bilinear", align_corners=False).to(device)
            with _Timed(spent, "network"):
                logits = _first(network(image))
                found = (torch.sigmoid(logits) > 0.5).float().cpu()
            with _Timed(spent, "place"):
                mask = F.interpolate(found, (height, width), mode="nearest")[0, 0].numpy().astype(np.uint8)
            with _Timed(spent, "write"):
                writers[0].add(np.repeat(255 * mask[..., None], 3, -1))
                writers[1].add(np.stack((np.maximum(grey, 255 * mask), grey, grey), -1))
            frames += 1
        with _Timed(spent, "write"):
            for writer in writers:
                writer.close()
    return spent | {"frames": frames}


def _first(found: Tensor | list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return found if isinstance(found, torch.Tensor) else found[0]


class _Timed:
    """Add what a block takes to the time of a stage."""

    def __init__(self, spent: dict[str, float], stage: str) -> None:
        self._spent, self._stage = spent, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._stage] += time.perf_counter() - self._start


class _Writer:
    """An XVID (MPEG-4 part 2) video in an AVI."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        import av

        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("mpeg4", rate=50)
        self._stream.codec_tag = "XVID"
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"

    def add(self, picture: np.ndarray) -> None:
        import av

        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()
