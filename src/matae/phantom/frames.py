"""Synthetic labelled frames to train on: many hearts, a few instants of each, written like any data folder."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from matae.files import write_atomic, writing_to
from matae.phantom.draw import random_heart
from matae.phantom.make import make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.phantom.make import Phantom

__all__ = ["LICENCE", "write_phantom_frames"]

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
                picture, mask, spacing = _as_seen(phantom, size)
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
                        "spacing_mm": f"{spacing:.6f}",
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


def _as_seen(phantom: Phantom, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    """Return picture, mask (0 and 255) and mm a pixel of the sector alone, padded to a square, at a size.

    What the network sees of a cine: nothing outside the sector, and the sector as large as it fits.
    """
    from PIL import Image

    sector = np.argwhere(phantom.sector)
    (top, left), (bottom, right) = sector.min(0), sector.max(0) + 1
    side = int(max(bottom - top, right - left))
    corner = ((side - (right - left)) // 2, (side - (bottom - top)) // 2)

    def placed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        square = Image.new("L", (side, side))
        square.paste(Image.fromarray((pixels * phantom.sector)[top:bottom, left:right]), corner)
        return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))

    mask = np.where(placed(phantom.masks[0] * np.uint8(255)) > 127, 255, 0).astype(np.uint8)
    spacing = phantom.cine.spacing
    return placed(phantom.cine.frames[0]), mask, float("nan") if spacing is None else spacing.y * side / size


def _starts(heart: int) -> tuple[float, float]:
    # Phase 0 is end-diastole; systole ends at about a third of the cycle.
    rng = np.random.default_rng([heart, 7])
    return float(rng.uniform(-0.12, 0.12) % 1.0), float(rng.uniform(0.22, 0.5))
