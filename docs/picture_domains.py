"""Make the picture of what the default model does in each domain that may be shown: ``python docs/picture_domains.py``.

A row a domain: synthetic hearts of both views, whose masks are exact, as they are, in the look of other scanners, and
changed in ways that no training uses; then the cine that comes with pydicom, without a reference, and pictures without
a heart. Of each synthetic row the best, a middle and the two worst of its frames. Written to
``docs/images/domains-matae-apical.png``; no picture of a data set with a licence of its own.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from reliability import Pair, changed, restyled

from matae.cine import Cine
from matae.measure import PhaseMarks
from matae.measure.run import segment_and_measure
from matae.phantom import make_phantom, random_heart
from matae.segment import SegmentOptions, find_sector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Change = Callable[[Pair, np.random.Generator], Pair]

MODEL, WIDTH = "matae-apical", "1/2"
FIRST, HEARTS = 910_000, 12  # seeds that no training used
COLOURS = {2: "#2dd4bf", 3: "#f472b6", 1: "#ff9d2e"}  # the cavity over the wall, whose border it shares
TRUE = "#ffffff"
AT_BOTH = PhaseMarks((0,), (1,))


class Look(NamedTuple):
    """A frame with its outlines, the reference's cavity where there is one, and what was said of it."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    truth: NDArray[np.bool_] | None
    dice: float
    said: str


def hearts(view: str, change: Change | None) -> Iterator[Pair]:
    """Yield end-diastole and end-systole of synthetic hearts in a view."""
    rng = np.random.default_rng(3)
    for seed in range(FIRST, FIRST + HEARTS):
        made = make_phantom(seed, n_frames=12, frame_rate=12.0, shape=(256, 256), config=random_heart(seed, view=view))
        areas = (made.masks == 1).sum(axis=(1, 2))
        both = [int(areas.argmax()), int(areas.argmin())]
        pair = Pair(f"{view}-{seed}", made.cine.frames[both], made.masks[both] == 1, None)
        yield pair if change is None else change(pair, rng)


def looks(cine: Cine, truths: NDArray[np.bool_] | None = None) -> list[Look]:
    """Outline a clip, and say what is said of its end-diastole and its end-systole; both frames where it has two."""
    marks = AT_BOTH if cine.n_frames == 2 else None
    measured, found = segment_and_measure(
        cine, SegmentOptions(MODEL, width=WIDTH), sector=find_sector(cine), marks=marks
    )
    frames = (0, 1) if measured.primary is None else measured.primary.frames
    result = []
    for number, t in enumerate(frames):
        mask = found.masks[t]
        flagged = any(not flag.frames or t in flag.frames for flag in measured.doubts)
        said = ("flagged" if flagged else "not flagged") if mask.any() else "no outline"
        truth = None if truths is None else truths[number]
        score = np.nan if truth is None else 2 * np.sum((mask == 1) & truth) / max(1, (mask == 1).sum() + truth.sum())
        result.append(Look(cine.frames[t], mask, truth, float(score), said))
    return result


def stills(pictures: NDArray[np.uint8]) -> Cine:
    """Return pictures as a clip of which nothing is known."""
    return Cine(pictures, None, None, Path("shown"))


def real() -> list[Look]:
    """Return the cine of pydicom: as it is at both phases, then a look at it upside down and as a negative."""
    from matae.demo import demo_cine

    cine = demo_cine()
    turned = replace(cine, frames=cine.frames[:, ::-1].copy())
    negative = replace(cine, frames=np.where(cine.frames > 8, 255 - cine.frames, 0).astype(np.uint8))
    return [*looks(cine), looks(turned)[0], looks(negative)[0]]


def no_hearts() -> list[Look]:
    """Return pictures without a heart: noise, a photograph, text, and tissue that fills a fan."""
    from skimage import data

    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (2, 256, 256), dtype=np.uint8)
    photograph = np.stack([data.camera()[::2, ::2]] * 2)
    page = np.stack([data.page()] * 2)
    fan = make_phantom(FIRST, n_frames=2, shape=(256, 256)).cine.frames
    tissue = np.where(fan > 0, rng.normal(110, 25, fan.shape).clip(1, 255), 0).astype(np.uint8)
    return [looks(stills(pictures))[0] for pictures in (noise, photograph, page, tissue)]


def chosen(pairs: Iterator[Pair]) -> list[Look]:
    """Return the best, a middle and the two worst looks of a domain."""
    found = [look for pair in pairs for look in looks(stills(pair.pictures), pair.cavities)]
    found.sort(key=lambda look: -look.dice)
    print(f"mean Dice {np.mean([look.dice for look in found]):.3f} of {len(found)}")
    return [found[0], found[len(found) // 2], *found[-2:]]


def draw(axes: Axes, look: Look) -> None:
    axes.set_axis_off()
    axes.imshow(look.picture, cmap="gray", vmin=0, vmax=255)
    if look.truth is not None and look.truth.any():
        axes.contour(look.truth, [0.5], colors=[TRUE], linestyles="dashed", linewidths=1.2)
    for value, colour in COLOURS.items():
        if (look.mask == value).any():
            axes.contour(look.mask == value, [0.5], colors=[colour], linewidths=1.4)
    dice = "" if np.isnan(look.dice) else f"Dice {look.dice:.2f}, "
    axes.set_title(f"{dice}{look.said}", color="white", fontsize=9)


def main() -> None:
    from matplotlib import pyplot as plt

    rows = {
        "synthetic, A4C": chosen(hearts("A4C", None)), "synthetic, A2C": chosen(hearts("A2C", None)),
        "A4C, restyled": chosen(hearts("A4C", restyled)), "A2C, restyled": chosen(hearts("A2C", restyled)),
        "A4C, changed": chosen(hearts("A4C", changed)), "real cine (pydicom)": real(), "no heart": no_hearts(),
    }  # fmt: skip
    figure, grid = plt.subplots(len(rows), 4, figsize=(9, 2.4 * len(rows)), facecolor="black", layout="constrained")
    for line, (name, shown) in zip(grid, rows.items(), strict=True):
        for axes, look in zip(line, shown, strict=True):
            draw(axes, look)
        line[0].text(-0.06, 0.5, name, color="white", fontsize=10, rotation=90, va="center", ha="right",
                     transform=line[0].transAxes)  # fmt: skip
    figure.suptitle(f"{MODEL}, width {WIDTH}: best, middle and the two worst of each synthetic domain\n"
                    "dashed white: exact cavity; cavity orange, wall green, atrium pink", color="white",
                    fontsize=11)  # fmt: skip
    figure.savefig(Path(__file__).parent / "images" / f"domains-{MODEL}.png", dpi=85)


if __name__ == "__main__":
    main()
