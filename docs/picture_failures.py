"""Make the pictures of what the shipped models get wrong: ``python docs/picture_failures.py``.

Synthetic hearts, whose masks are exact, and the cine that comes with pydicom; no picture of a data set with a licence
of its own. One picture a model, ``docs/images/failures-NAME.png``: its six worst outlines of 60 synthetic frames, then
three pictures it should not have been shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.phantom import make_phantom, random_heart
from matae.segment import Segmenter, SegmentOptions, find_sector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from matae.cine import Cine

MODELS = ("matae-lv", "matae-phantom")
FIRST, HEARTS = 910_000, 30  # seeds that no training used
TRUE, DRAWN = "#3ddc84", "#ff9d2e"


def synthetic() -> list[tuple[str, Cine, NDArray[np.uint8]]]:
    """Return a frame at the start of a beat and one a third into it, of each heart, with its exact mask."""
    found = []
    for heart in range(FIRST, FIRST + HEARTS):
        for phase, start in (("ED", 0.0), ("ES", 0.35)):
            made = make_phantom(heart, n_frames=1, shape=(256, 256), config=random_heart(heart, start_phase=start))
            found.append((f"synthetic heart, {phase}", made.cine, made.masks[0]))
    return found


def unfit() -> list[tuple[str, Cine]]:
    """Return pictures that neither model was made for."""
    from pydicom.examples import get_path

    from matae.read import open_cine

    echo = open_cine(Path(get_path("ybr_color")))
    still = replace(echo, frames=echo.frames[:1], frame_times=None, timing_note="One frame.")
    noise = np.random.default_rng(1).integers(0, 255, still.frames.shape, dtype=np.uint8)
    return [
        ("real cine upside down", replace(still, frames=still.frames[:, ::-1].copy())),
        ("real cine as a negative", replace(still, frames=255 - still.frames)),
        ("noise", replace(still, frames=noise)),
    ]


def outline(axes: Axes, mask: NDArray[np.uint8], colour: str, style: str) -> None:
    """Draw the border of a mask, if it has one."""
    if mask.any():
        axes.contour(mask, [0.5], colors=[colour], linestyles=style, linewidths=1.6)


def main() -> None:
    from matplotlib import pyplot as plt

    hearts, others = synthetic(), unfit()
    for model in MODELS:
        segmenter = Segmenter(SegmentOptions(model, "1"))

        def drawn(cine: Cine, segmenter: Segmenter = segmenter) -> NDArray[np.uint8]:
            return next(iter(segmenter.stream(cine, find_sector(cine)))).mask

        judged = []
        for title, cine, truth in hearts:
            mask = drawn(cine)
            dice = 2 * np.sum(mask & truth) / max(1, mask.sum() + truth.sum())
            judged.append((dice, title, cine, truth, mask))
        judged.sort(key=lambda entry: entry[0])
        print(f"{model}: mean Dice {np.mean([j[0] for j in judged]):.3f} on {len(judged)} synthetic frames")
        figure, grid = plt.subplots(3, 3, figsize=(9, 9.6), facecolor="black", layout="constrained")
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (dice, title, cine, truth, mask) in zip(grid.flat, judged[:6], strict=False):
            axes.imshow(cine.frames[0], cmap="gray", vmin=0, vmax=255)
            outline(axes, truth, TRUE, "dashed")
            outline(axes, mask, DRAWN, "solid")
            axes.set_title(f"{title}: Dice {dice:.2f}", color="white", fontsize=10)
        for axes, (title, cine) in zip(grid[2], others, strict=True):
            axes.imshow(cine.frames[0], cmap="gray", vmin=0, vmax=255)
            outline(axes, drawn(cine), DRAWN, "solid")
            axes.set_title(title, color="white", fontsize=10)
        figure.suptitle(f"{model}: worst of {len(judged)} synthetic frames, and what it was not made for\n"
                        "dashed green: exact, orange: the model's", color="white", fontsize=11)  # fmt: skip
        figure.savefig(Path(__file__).parent / "images" / f"failures-{model}.png", dpi=80)
        plt.close(figure)


if __name__ == "__main__":
    main()
