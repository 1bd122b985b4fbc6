"""Synthetic labelled frames to train on: many hearts, a few instants of each, written like any data folder."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Box
from matae.files import write_atomic, writing_to
from matae.phantom.draw import random_heart
from matae.phantom.make import make_phantom
from matae.phantom.style import in_style, measure_style
from matae.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.phantom.config import PhantomConfig
    from matae.phantom.make import Phantom
    from matae.phantom.style import Style

__all__ = ["LICENCE", "fit_speckle", "placement_of", "write_phantom_frames"]

LICENCE = "BSD-3-Clause; synthetic frames of the napari-matae phantom, no patient data."

_TRIED, _TRIED_FROM, _TRIES = 24, 900_000, 3
_TRUST = 2.0  # measured grains grow by the third root of the point spread; less than that, so that no try overshoots
_NATIVE = (256, 256)


def write_phantom_frames(
    out: Path,
    hearts: int,
    *,
    held_out: int = 50,
    size: int = 224,
    seed: int = 0,
    style: Style | None = None,
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
    style
        Of the site whose pictures they shall look like: its grey levels, and speckle of its size (`fit_speckle`). The
        masks are the same with any. The phantom's own if None.
    report
        Called after each heart with the number made so far.

    Raises
    ------
    PhantomError
        If the size makes no frame.
    OutputError
        If the folder cannot be written.
    """
    speckle = (1.0, 1.0) if style is None else fit_speckle(style)
    rows, pictures, sectors = [], [], []
    with writing_to(out):
        for kind in ("images", "masks"):
            (out / kind).mkdir(parents=True, exist_ok=True)
        for number in range(hearts):
            heart = seed + number
            for phase, start in zip(("ED", "ES"), _starts(heart), strict=True):
                phantom = make_phantom(heart, n_frames=1, shape=_NATIVE, config=_heart(heart, start, speckle))
                name = f"phantom{heart:06d}-{phase}"
                place = placement_of(phantom, size)
                picture, mask = place.image(phantom.cine.frames[0]), place.mask(phantom.masks[0]) * np.uint8(255)
                spacing = place.pixel_size(phantom.cine.spacing) or (math.nan, math.nan)
                write_atomic(out / "masks" / f"{name}.png", _png(mask))
                if style is None:
                    write_atomic(out / "images" / f"{name}.png", _png(picture))
                else:  # the curve of grey levels is known when all are there
                    pictures.append(picture)
                    sectors.append(place.mask(phantom.sector.astype(np.uint8)) > 0)
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
        if style is not None and pictures:
            styled = in_style(np.stack(pictures), style, np.stack(sectors))
            for row, picture in zip(rows, styled, strict=True):
                write_atomic(out / "images" / f"{row['frame']}.png", _png(picture))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["frame"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(out / "LICENCE.txt", f"{LICENCE}\n".encode())
        # Last, so that a folder with an index is whole.
        write_atomic(out / "index.csv", text.getvalue().encode())


def fit_speckle(style: Style) -> tuple[float, float]:
    """Return how many times as wide as its own the phantom's point spread must be for speckle of a style's size.

    Hearts of its own are drawn, measured as `matae.phantom.style.measure_style` does, and drawn again with a point
    spread that is wider where the grains were too small, three times; 0.3 to 3 times at most.

    Parameters
    ----------
    style
        Of the site. Where its speckle could not be measured the phantom's own stays.

    Returns
    -------
    tuple of float
        Factor along the beam, and across it.
    """
    if not all(math.isfinite(size) for size in style.grain):
        return 1.0, 1.0
    factors = np.ones(2)
    for _ in range(_TRIES):
        speckle = (float(factors[0]), float(factors[1]))
        drawn = [
            make_phantom(heart, n_frames=1, shape=_NATIVE, config=_heart(heart, _starts(heart)[heart % 2], speckle))
            for heart in range(_TRIED_FROM, _TRIED_FROM + _TRIED)
        ]
        places = [placement_of(phantom, style.side) for phantom in drawn]
        pictures = np.stack([p.image(one.cine.frames[0]) for p, one in zip(places, drawn, strict=True)])
        sectors = np.stack([p.mask(one.sector.astype(np.uint8)) > 0 for p, one in zip(places, drawn, strict=True)])
        # Grains are compared at the site's grey levels, as what a curve brightens looks coarser.
        found = measure_style(in_style(pictures, style, sectors), sectors)
        factors = np.clip(factors * (np.asarray(style.grain) / np.asarray(found.grain)) ** _TRUST, 0.3, 3.0)
    return float(factors[0]), float(factors[1])


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


def _heart(heart: int, start: float, speckle: tuple[float, float]) -> PhantomConfig:
    config = random_heart(heart, start_phase=start)
    look = config.appearance
    if speckle == (1.0, 1.0):
        return config
    wider = replace(look, axial_mm=look.axial_mm * speckle[0], lateral_deg=look.lateral_deg * speckle[1])
    return replace(config, appearance=wider)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
