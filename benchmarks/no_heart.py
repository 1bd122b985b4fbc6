"""How often a clip gets no outline because its pictures are called no echo: real frames, changed, and what is no echo.

    python benchmarks/no_heart.py --data ../shared/data [--frames 40] [--model matae-apical]

Every picture goes the way of `segment`: its sector is found, and `matae.view.why_not_outlined` asked. The real frames
are of validation patients of CAMUS, both views, as stills of which nobody states the view; all of them as they are, and
`--frames` changed in each way. What is no echo are the photographs, textures, texts, scans and kinds of noise that
`scripts/train_view.py` leaves out.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from matae.cine import Cine
from matae.segment import find_sector
from matae.view import why_not_outlined

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


def grey(values: NDArray[np.float64]) -> Picture:
    """Return grey levels."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def cut_off(picture: Picture, share: float) -> Picture:
    """Return a picture without a share of its width at each side."""
    columns = round(share * picture.shape[1])
    return np.ascontiguousarray(picture[:, columns : picture.shape[1] - columns])


def half_in_shadow(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture with its left or its right half at an eighth of its brightness."""
    left = np.arange(picture.shape[1]) < picture.shape[1] / 2
    return grey(picture * np.where(left == bool(rng.integers(2)), 0.125, 1.0))


def on_a_screen(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture on a larger black screen, with lines of marks as large as text in two corners."""
    rows, columns = picture.shape
    screen = np.zeros((round(1.5 * rows), 2 * columns), np.uint8)
    screen[rows // 3 : rows // 3 + rows, columns // 2 : columns // 2 + columns] = picture
    for y in (10, 26, 42):
        for x in (12, 2 * columns - 100):
            screen[y : y + 8, x : x + 88] = 200 * (rng.random((8, 88)) > 0.5)
    return screen


WAYS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "a quarter as bright": lambda picture, _: grey(picture / 4),
    "a twelfth as bright": lambda picture, _: grey(picture / 12),
    "blurred, 3 pixels": lambda picture, _: grey(ndimage.gaussian_filter(picture.astype(float), 3)),
    "blurred, 6 pixels": lambda picture, _: grey(ndimage.gaussian_filter(picture.astype(float), 6)),
    "an eighth cut off at each side": lambda picture, _: cut_off(picture, 0.125),
    "a quarter cut off at each side": lambda picture, _: cut_off(picture, 0.25),
    "one half in shadow": half_in_shadow,
    "on a larger screen with text": on_a_screen,
    "noise of 20 grey levels": lambda picture, rng: grey(picture + rng.normal(0, 20, picture.shape)),
    "noise of 40 grey levels": lambda picture, rng: grey(picture + rng.normal(0, 40, picture.shape)),
    "negative": lambda picture, _: 255 - picture,
}


def real(folders: Iterable[Path]) -> list[Picture]:
    """Read the validation frames."""
    from PIL import Image

    found = []
    for folder in folders:
        with (folder / "index.csv").open() as file:
            frames = [row["frame"] for row in csv.DictReader(file) if row["split"] == "val"]
        for frame in frames:
            with Image.open(folder / "images" / f"{frame}.png") as opened:
                found.append(np.asarray(opened.convert("L")))
    return found


def without_outline(pictures: Iterable[Picture], model: str) -> str:
    """Return how many pictures get no outline, and of how many the sector is unsure, as cells of the table."""
    unsure, none, count = 0, 0, 0
    for number, picture in enumerate(pictures):
        cine = Cine(picture[None], None, None, Path(f"picture-{number}"))
        sector = find_sector(cine)
        unsure += sector.is_unsure
        none += why_not_outlined(cine, sector, model) is not None
        count += 1
    return f"{count} | {unsure} | {none}"


def main() -> None:
    """Print a line for each kind of picture."""
    from view_material import no_echoes

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=40, help="that are changed in each way")
    parser.add_argument("--model", default="matae-apical")
    args = parser.parse_args()
    frames = real(args.data / name for name in ("camus-a4c-256", "camus-a2c-256"))
    some = [frames[i] for i in np.random.default_rng(3).permutation(len(frames))[: args.frames]]
    print("| pictures | shown | sector unsure | no outline |\n| --- | --- | --- | --- |")
    print(f"| CAMUS validation frames | {without_outline(frames, args.model)} |", flush=True)
    for name, change in WAYS.items():
        rng = np.random.default_rng(4)
        print(f"| {name} | {without_outline((change(one, rng) for one in some), args.model)} |", flush=True)
    shown = no_echoes(np.random.default_rng(2), 224, 8, held_out=True)
    print(f"| no echo | {without_outline((one.picture for one in shown), args.model)} |")


if __name__ == "__main__":
    main()
