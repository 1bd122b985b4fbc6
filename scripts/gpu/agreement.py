"""Stage: whether the GPU in every precision, and the runtimes for the CPU, give the masks of PyTorch on the CPU."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import autocast, model_source, ready
from pictures import pictures
from stage import Stage, run_stage

from matae.nn.widths import format_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 32


def logits_of(network: Any, images: NDArray[np.uint8], device: str, precision: str) -> NDArray[np.float32]:
    """Return the logits of pictures, a batch at a time."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            x = torch.from_numpy(images[start : start + BATCH]).to(device)[:, None].float() / 255
            with autocast(device, precision):
                parts.append(network(x.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(parts)


def compare(reference: NDArray[np.float32], found: NDArray[np.float32]) -> dict[str, Any]:
    """Return how far logits differ: in probability, and in the masks they make."""
    p, q = (1 / (1 + np.exp(-each.astype(np.float64))) for each in (reference, found))
    a, b = reference > 0, found > 0
    axes = tuple(range(2, a.ndim))
    both, sizes = (a & b).sum(axes), a.sum(axes) + b.sum(axes)
    dice = np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), 1.0)
    finite = np.isfinite(found)
    return {
        "largest_difference": float(np.abs(p - q).max()) if finite.all() else None,
        "mean_difference": float(np.abs(p - q).mean()) if finite.all() else None,
        "dice_mean": float(dice.mean()), "dice_least": float(dice.min()), "not_finite": int((~finite).sum()),
    }  # fmt: skip


def work(stage: Stage) -> None:
    """Compare every width."""
    from matae.segment.backends import choose_backend, installed_backends

    source = model_source(stage)
    images = pictures(stage.frames, 4 if stage.dry else 64, source.card.grid)
    stage.say(frames=len(images), reference="torch on the CPU, fp32", grid=source.card.grid)
    for width in sorted(source.card.widths, reverse=True):
        if stage.left < 0.1 * stage.seconds:
            stage.leave_out(f"width {format_width(width)}")
            continue
        plain = source.plain(width)
        begun = stage.left
        reference = logits_of(plain, images, "cpu", "fp32")
        on_device = ready(plain, stage.device)
        if begun - stage.left > 0.2 * stage.seconds:  # a slow processor: the GPU's own rows matter most
            images, reference = images[:4], reference[:4]
        for precision in ("fp32", "bf16", *(("fp16",) if stage.device.startswith("cuda") else ())):
            found = compare(reference, logits_of(on_device, images, stage.device, precision))
            stage.row("rows", width=format_width(width), backend=f"torch, {stage.device}", precision=precision, **found)
        for name in installed_backends():
            if stage.left < 0.1 * stage.seconds:
                stage.leave_out(f"{name}, width {format_width(width)}")
                continue
            where = torch.device(stage.device) if name == "torch" else None
            try:
                backend = choose_backend(name, source, width, device=where)
                backend.begin()
                step = backend.batch
                logits = np.concatenate([backend(images[i : i + step]) for i in range(0, len(images), step)])
            except Exception as error:  # noqa: BLE001 - a runtime that is half installed may raise anything
                stage.leave_out(f"{name}, width {format_width(width)}", f"{type(error).__name__}: {str(error)[:200]}")
                continue
            place = stage.device if name == "torch" else "cpu"
            stage.row("rows", width=format_width(width), backend=f"{name} as segment runs it, {place}",
                      precision=backend.precision, **compare(reference, logits))  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_stage("agreement", work))
