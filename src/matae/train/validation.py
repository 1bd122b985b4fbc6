"""Validation of a run: predictions on held-out frames, their figures, and the table they are kept in."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from matae.files import write_atomic
from matae.metrics import dice, iou
from matae.nn.widths import format_width
from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["METRICS", "StepReport", "append", "forget_after", "predict", "validate"]

METRICS = "metrics.csv"
_BATCH = 16


@dataclass(frozen=True)
class StepReport:
    """What a validation found.

    Parameters
    ----------
    step, loss, seconds
        Step reached, mean training loss since the last report (NaN before the first step), seconds of training so
        far, over all resumptions.
    dice, iou
        Frame-mean Dice and IoU on the validation frames at each width.
    best
        Step whose weights are the best so far; -1 where the run does not keep the best.
    """

    step: int
    loss: float
    seconds: float
    dice: dict[float, float]
    iou: dict[float, float] = field(default_factory=dict)
    best: int = -1


@torch.no_grad()
def predict(model: Network, frames: LabelledFrames, width: float, grid: int, batch: int = _BATCH) -> NDArray[np.uint8]:
    """Return masks (N, Y, X) uint8 at the frames' own size, classes numbered from 1.

    Parameters
    ----------
    model
        Network in inference mode.
    frames
        Square frames.
    width
        Width to run at.
    grid
        Side of the network's input; frames are resized with antialiasing and logits brought back.
    batch
        Frames a pass.
    """
    device = next(model.parameters()).device
    size, masks = frames.images.shape[1:], []
    for start in range(0, len(frames), batch):
        images = torch.tensor(frames.images[start : start + batch], device=device)[:, None].float() / 255
        images = F.interpolate(images, (grid, grid), mode="bilinear", antialias=True)
        logits = F.interpolate(model(images, width).float(), size, mode="bilinear")
        masks.append(model.regions.labels(logits).cpu().numpy())
    return np.concatenate(masks)


def validate(
    model: Network, frames: LabelledFrames, grid: int, should_stop: Callable[[], bool] = never
) -> tuple[dict[float, float], dict[float, float]]:
    """Return frame-mean Dice and IoU at each width.

    Raises
    ------
    StoppedError
        If `should_stop` said so between two passes.
    """
    found: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for width in model.widths:
        scores: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
        for start in range(0, len(frames), _BATCH):
            if should_stop():
                raise StoppedError
            some = frames.take(range(start, min(start + _BATCH, len(frames))))
            masks = predict(model, some, width, grid)
            for each, overlap in zip(scores, (dice, iou), strict=True):
                each.append(_of_annotated(overlap, masks, some, model.regions.values))
        for values, each in zip(found, scores, strict=True):
            values[width] = float(np.concatenate(each).mean())
    return found


def _of_annotated(
    overlap: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float64]],
    masks: NDArray[np.uint8],
    frames: LabelledFrames,
    classes: Sequence[int],
) -> NDArray[np.float64]:
    """Return the mean overlap of the classes that were outlined in each frame; 1 where none was."""
    scores = np.array([overlap(masks == c, frames.masks == c) for c in classes], np.float64)
    known = np.array([frames.is_annotated([c]) for c in classes])
    return np.where(known.any(0), (scores * known).sum(0) / np.maximum(known.sum(0), 1), 1.0)


def forget_after(path: Path, step: int) -> None:
    """Take the rows beyond a step out of the table: a run killed before the state was saved measures them again."""
    if path.is_file():
        header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
        kept = [row for row in rows if row.split(",")[0].isdigit() and int(row.split(",")[0]) <= step]
        write_atomic(path, "".join(f"{line}\n" for line in (header, *kept) if line).encode())


def append(path: Path, report: StepReport) -> None:
    """Add a validation to the table."""
    header = ["step", "loss", "seconds", *(f"dice_{format_width(w)}" for w in report.dice)]
    new = not path.exists() or not path.stat().st_size
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(header)
        values = [f"{report.loss:.5f}", f"{report.seconds:.1f}", *(f"{d:.5f}" for d in report.dice.values())]
        writer.writerow([report.step, *values])
