"""Synthetic labelled frames to train on: many hearts, a few instants of each, written like any data folder."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Box
from matae.files import write_atomic, writing_to
from matae.phantom.draw import random_heart
from matae.phantom.make import make_phantom
from matae.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.phantom.make import Phantom

__all__ = ["LICENCE", "placement_of", "write_phantom_frames"]

LICENCE = "BSD-3-Clause; synthetic frames of the napari-matae phantom, no patient data."


def write_phantom_frames(
    out: Path,
    hearts: int,
    *,
    held_out: int = 50,
    size: int = 224,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> None:
    """Write two frames each of `hearts` synthetic hearts, with masks, as a folder that ``train`` reads.

    Parameters
    ----------
    out
        Folder for ``index.csv``, ``images/``, ``masks/`` and ``LICENCE.txt``; made if missing. Frames that are there
        already are made again.
    hearts
        Number of hearts.
    held_out
        How many of them, the last ones, are for validation.
    size
        Rows and columns of the frames.
    seed
        Number of the first heart: other hearts from another seed.
    report
        Called after each heart with the number made so far.

    Raises
    ------
    PhantomError
        If the size makes no frame.
    OutputError
        If the folder cannot be written.
    """
    from PIL import Image

    rows = []
    with writing_to(out):
        for kind in ("images", "masks"):
            (out / kind).mkdir(parents=True, exist_ok=True)
        for number in range(hearts):
            heart = seed + number
            for phase, start in zip(("ED", "ES"), _starts(heart), strict=True):
                phantom = make_phantom(
                    heart, n_frames=1, shape=(256, 256), config=random_heart(heart, start_phase=start)
                )
                name = f"phantom{heart:06d}-{phase}"
                place = placement_of(phantom, size)
                picture, mask = place.image(phantom.cine.frames[0]), place.mask(phantom.masks[0]) * np.uint8(255)
                spacing = place.pixel_size(phantom.cine.spacing) or (math.nan, math.nan)
                for kind, pixels in (("images", picture), ("masks", mask)):
                    buffer = io.BytesIO()
                    Image.fromarray(pixels).save(buffer, "PNG")
                    write_atomic(out / kind / f"{name}.png", buffer.getvalue())
                rows.append(
                    {
                        "frame": name,
                        "patient": f"phantom{heart:06d}",
                        "split": "val" if number >= hearts - held_out else "train",
                        "phase": phase,
                        "spacing_y_mm": f"{spacing[0]:.6f}",
                        "spacing_x_mm": f"{spacing[1]:.6f}",
                        "placed": "1",
                    }
                )
            if report is not None:
                report(number + 1)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["frame"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(out / "LICENCE.txt", f"{LICENCE}\n".encode())
        # Last, so that a folder with an index is whole.
        write_atomic(out / "index.csv", text.getvalue().encode())


def placement_of(phantom: Phantom, size: int) -> Placement:
    """Return where the frames of a phantom lie on a grid of `size` pixels a side: its sector is not looked for."""
    return Placement.of(phantom.cine, _Sector(phantom.sector), size)


@dataclass(frozen=True)
class _Sector:
    """The phantom's own sector, which is known exactly."""

    pixels: NDArray[np.bool_]
    apex_down: bool = False

    def box(self, shape: tuple[int, int]) -> Box:  # noqa: ARG002 - what a sector answers
        rows, columns = np.nonzero(self.pixels)
        return Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:  # noqa: ARG002
        return self.pixels


def _starts(heart: int) -> tuple[float, float]:
    # Phase 0 is end-diastole; systole ends at about a third of the cycle.
    rng = np.random.default_rng([heart, 7])
    return float(rng.uniform(-0.12, 0.12) % 1.0), float(rng.uniform(0.22, 0.5))
