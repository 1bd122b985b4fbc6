"""A small nested network with a prompt head, and a picture that has a bright ring around a dark cavity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from matae.cine import Cine, Spacing
from matae.measure import Landmarks
from matae.nn.card import ModelCard
from matae.nn.matae import Matae, MataeConfig
from matae.nn.regions import Regions
from matae.prompt.training import new_head
from matae.segment.sector import sector_from_polygon

if TYPE_CHECKING:
    from matae.prompt.head import PromptHead
    from matae.segment.sector import Sector

CLASSES = ("left ventricular cavity", "left ventricular myocardium", "left atrium")
GRID = 32
SHAPE = (60, 80)
MARKS = Landmarks((12.0, 40.0), (45.0, 30.0), (45.0, 50.0))


def tiny() -> tuple[Matae, ModelCard]:
    torch.manual_seed(0)
    network = Matae(MataeConfig(channels=(8, 8, 16), classes=3)).eval()
    network.regions = Regions.nested(CLASSES)
    card = ModelCard(
        name="tiny", family="matae", architecture=network.config.to_json(), grid=GRID, classes=CLASSES,
        regions=network.regions.names, data="none", licence="BSD-3-Clause", sha256="ab" * 32,
    )  # fmt: skip
    return network, card


def head_of(network: Matae) -> PromptHead:
    """A head that outlines the mean shape it is given, an ellipse along the axis, whatever the picture shows."""
    torch.manual_seed(1)
    head = new_head(network).eval()
    line = torch.linspace(-1, 1, head.axis_shapes.shape[-1])
    # Along the axis the middle of what is covered lies at 0.2, and half of the span is 1.2 lengths.
    along, across = line[:, None] * 1.2 + 0.2, line[None, :] * 0.9
    head.axis_shapes[:] = 8 * (1 - ((along - 0.5) / 0.55) ** 2 - (across / 0.3) ** 2).clamp(-1, 1)
    head.box_shapes[:] = 8 * (1 - (line[:, None] * 1.3) ** 2 - (line[None, :] * 1.3) ** 2).clamp(-1, 1)
    with torch.no_grad():
        head.leave.bias[-3:] = torch.tensor([-6.0, 4.0, 4.0])  # trusts the mean shapes, not the network
    return head


def cine(n_frames: int = 4) -> Cine:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ring = np.abs(np.hypot((rows - 28) / 1.6, columns - 40) - 11) < 3
    frames = np.stack([np.where(ring, 180, 40) + t for t in range(n_frames)]).astype(np.uint8)
    return Cine(frames, np.arange(n_frames) / 50, Spacing(0.5, 0.5), Path("ring.avi"))


def whole() -> Sector:
    corners = np.array([[0, 0], [0, SHAPE[1] - 1], [SHAPE[0] - 1, SHAPE[1] - 1], [SHAPE[0] - 1, 0]], float)
    return sector_from_polygon(corners)
