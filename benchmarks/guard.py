"""What the guard of retraining lets pass: people's masks, and outlines that were moved, where the base is sure.

    python benchmarks/guard.py --data shared/data/camus-a4c-256 shared/data/camus-a2c-256 [--base matae-lv]

`matae.learn.guard` asks a retrained model for a mean Dice of 0.95 with the base's own masks where the base is sure of
them. People's masks of validation patients say how much of that a model would lose that is right in every heart; the
base's own masks, grown by a few pixels of the network's grid, how far a site may draw its outlines elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

HEADER = (
    "| frames | n | base against people | where the base is sure | pixels it is sure of | grown by 2 px, where sure | "
    "grown by 4 px, where sure |"
)


def main() -> None:
    """Print a line for each folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--base", default="matae-lv")
    parser.add_argument("--frames", type=int, default=48, help="validation frames of each folder, evenly spread")
    args = parser.parse_args()
    from scipy import ndimage

    from matae.learn.guard import base_on
    from matae.learn.uncorrected import Pictures
    from matae.metrics import dice
    from matae.models import load_model
    from matae.train.config import TrainConfig
    from matae.train.data import load_folders

    network, card = load_model(args.base)
    print(f"{HEADER}\n|{'---|' * (HEADER.count('|') - 1)}", flush=True)
    for folder in args.data:
        views = (*TrainConfig().views, "A2C")
        frames = load_folders([folder], card.grid, views=views)[1]
        n = min(args.frames, len(frames))
        frames = frames.take([i * len(frames) // n for i in range(n)])
        kept = base_on(network, Pictures(frames.images, frames.frames, frames.patients, frozenset()), card.grid)
        own, people = kept.frames.masks == 1, frames.masks == 1
        cells = [dice(own, people).mean(), dice(own & kept.sure, people & kept.sure).mean(), kept.sure.mean()]
        for pixels in (2, 4):
            grown = np.stack([ndimage.binary_dilation(mask, iterations=pixels) for mask in own])
            cells.append(dice(grown & kept.sure, own & kept.sure).mean())
        shown = " | ".join(f"{float(cell):.3f}" for cell in cells)
        print(f"| {folder.name}, val, {args.base} | {n} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
