"""What a smaller grid costs: the Dice of a model on pictures of few pixels, by the side of the grid they are scaled to.

    python benchmarks/grids.py --data ../shared/data [--model matae-apical] [--sides 112,160,256] [--split val]

The frames are scaled down to each of the sides first, as a clip of so few pixels has them, their reference masks too;
each is then placed, segmented and cleaned as `segment` does it, on every grid that the network can halve often enough.
A grid's loss is the mean of paired differences from the card's own grid, with its interval by patient. *Expected* is
how far the Dice that `matae.segment.expected` expects of a cavity is from what it is, on average. The last column is
the processor time of the network alone, one frame a pass, on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import matae  # noqa: F401 - it sets how threads wait, before anything loads torch
from matae.anatomy import CAVITY, class_name, class_of_name
from matae.cine import Box, Cine
from matae.labelled import open_labelled
from matae.metrics import dice, paired_difference
from matae.nn.widths import format_width
from matae.placement import Placement
from matae.segment import find_sector
from matae.segment.backends import ModelSource, choose_backend
from matae.segment.expected import calibrated_dice, implied_dice
from matae.segment.restore import frame_mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FOLDERS = {"A4C": "camus-a4c-256", "A2C": "camus-a2c-256"}


def frames(data: Path, split: str, side: int) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield patient, picture and classes of every frame, scaled down to a side."""
    for view, folder in FOLDERS.items():
        for ref in open_labelled(data / folder, split, view, structures=True).refs:
            case = ref.read()
            picture, mask = case.cine.frames[0], case.masks[0]
            if side < max(picture.shape):
                place = Placement(picture.shape, Box(0, 0, *picture.shape), size=side)
                picture, mask = place.image(picture), place.mask(mask)
            yield ref.patient, picture, mask


def measure(
    source: ModelSource, width: float, grids: list[int], *, data: Path, split: str, side: int
) -> dict[str, Any]:
    """Return Dice of every frame by grid and class, and the network's processor time."""
    backend = choose_backend("torch", source, width, batch=1)
    backend.begin()
    regions, names = source.card.outputs, source.card.classes
    patients: list[str] = []
    scores: dict[int, dict[str, list[float]]] = {grid: {name: [] for name in names} for grid in grids}
    spent: dict[int, list[float]] = {grid: [] for grid in grids}
    implied: dict[int, list[float]] = {grid: [] for grid in grids}
    for patient, picture, mask in frames(data, split, side):
        cine = Cine(picture[None], None, None, Path(patient))
        sector = find_sector(cine)
        patients.append(patient)
        for grid in grids:
            place = Placement.of(cine, sector, grid)
            pictures = place.pictures(cine.frames)
            start = time.process_time()
            logits = backend(pictures)
            spent[grid].append(time.process_time() - start)
            one = frame_mask(0, logits[0], place, cine.shape, regions)
            found = one.mask
            implied[grid].append(implied_dice(found, one.probability))
            for name in names:
                value = class_of_name(name)
                scores[grid][name].append(float(dice(found == value, mask == value)))
    return {
        "side": side, "width": format_width(width), "patients": patients, "dice": scores,
        "expected": {grid: calibrated_dice(each).tolist() for grid, each in implied.items()},
        "ms": {grid: 1e3 * float(np.min(each)) for grid, each in spent.items()},
    }  # fmt: skip


def table(found: dict[str, Any], own: int) -> Iterator[str]:
    """Yield a row a grid."""
    for grid, by_class in found["dice"].items():
        cells = [f"{found['side']}", found["width"], str(grid)]
        for name, values in by_class.items():
            apart = paired_difference(values, found["dice"][own][name], found["patients"])
            cells.append(f"{np.mean(values):.4f}" if grid == own else
                         f"{np.mean(values):.4f} ({100 * apart.mean:+.2f}: {100 * apart.low:+.2f} to "
                         f"{100 * apart.high:+.2f})")  # fmt: skip
        errors = np.abs(np.array(found["expected"][grid]) - by_class[class_name(CAVITY)])
        cells += [f"{np.nanmean(errors):.3f}", f"{found['ms'][grid]:.1f}"]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--split", default="val")
    parser.add_argument("--sides", type=lambda text: [int(one) for one in text.split(",")], default=[112, 160, 256])
    parser.add_argument("--grids", type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--widths", type=lambda text: text.split(","))
    parser.add_argument("--json", type=Path, help="write the Dice of every frame here")
    args = parser.parse_args()
    source = ModelSource.named(args.model)
    card = source.card
    step = source.plain(min(card.widths)).divisor
    grids = args.grids or list(range(card.grid, 2 * step, -step))
    report = []
    head = (
        "side",
        "width",
        "grid",
        *(f"{name}: Dice (points from {card.grid})" for name in card.classes),
        "expected",
        "ms",
    )
    print(f"| {' | '.join(head)} |\n{'| --- ' * len(head)}|")
    for side in args.sides:
        for width in card.widths:
            if args.widths and format_width(width) not in args.widths:
                continue
            report.append(measure(source, width, grids, data=args.data, split=args.split, side=side))
            print("\n".join(table(report[-1], card.grid)), flush=True)
    if args.json:
        args.json.write_text(json.dumps(report) + "\n", encoding="utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
