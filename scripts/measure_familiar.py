"""Measure beyond which reconstruction error a picture counts as unknown to a model, as ``familiar`` of its facts.

    python scripts/measure_familiar.py MODEL --data DIR [DIR ...] [--split val] [--every 4]

The model must have autoencoder heads (`scripts/train_heads.py`). The limit is the largest error on held-out frames
times 1.25. Pictures that are no echo (photographs of scikit-image, noise, negatives of the same frames) are measured
beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.labelled import open_labelled
from matae.models import load_model
from matae.nn.matae import Matae
from matae.placement import network_input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from matae.placement import Placement

WIDTH, ROOM = 1.0, 1.25
PHOTOGRAPHS = ("astronaut", "camera", "coins", "coffee", "moon", "rocket")


def main() -> None:
    """Measure, and write the lines of the facts to the standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=4, help="take one frame in so many")
    args = parser.parse_args()
    network, card = load_model(args.model)
    if not isinstance(network, Matae) or network.autoencoder is None:
        sys.exit(f"{args.model} has no autoencoder heads; train them with scripts/train_heads.py first.")
    known = []
    negatives = []
    for picture, place in held_out(args.data, args.split, args.every, card.grid):
        known.append(error(network, place.image(picture)))
        negatives.append(error(network, place.image(255 - picture)))
    other = {name: error(network, whole(photograph(name), card.grid)) for name in PHOTOGRAPHS}
    noise = np.random.default_rng(1).integers(0, 256, (card.grid, card.grid), dtype=np.uint8)
    other["noise"] = error(network, noise)
    limit = max(known) * ROOM
    names = " and ".join(folder.resolve().name for folder in args.data)
    beyond = f"{sum(value > limit for value in negatives)} of {len(negatives)} negatives"
    said = ", ".join(f"{name} {value:.2f}" for name, value in other.items())
    of = f"the largest error on {len(known)} held-out frames of {names}, {max(known):.3f}, times {ROOM}"
    sys.stdout.write(f'[familiar]\nwidth = {WIDTH}\nlimit = {limit:.2f}\nof = "{of}; beyond it are {beyond}; {said}"\n')


def held_out(folders: list[Path], split: str, every: int, grid: int) -> Iterator[tuple[NDArray[np.uint8], Placement]]:
    """Yield pictures of the split, and where the network looks at each."""
    for folder in folders:
        refs = open_labelled(folder, split, "all").refs
        for ref in refs[::every]:
            labelled = ref.read()
            yield labelled.cine.frames[0], labelled.placement(grid)


def photograph(name: str) -> NDArray[np.uint8]:
    """Return a picture of scikit-image in grey."""
    from skimage import data  # noqa: PLC0415 - pictures are read once they are asked for
    from skimage.color import rgb2gray  # noqa: PLC0415

    picture = getattr(data, name)()
    grey = picture if picture.ndim == 2 else 255 * rgb2gray(picture)
    return np.asarray(grey).astype(np.uint8)


def whole(picture: NDArray[np.uint8], grid: int) -> NDArray[np.uint8]:
    """Return the middle square of a picture on the network's grid."""
    from skimage.transform import resize  # noqa: PLC0415

    side = min(picture.shape)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    return np.asarray(resize(square, (grid, grid), preserve_range=True, anti_aliasing=True)).astype(np.uint8)


def error(network: Matae, picture: NDArray[np.uint8]) -> float:
    """Return the share of the latents' variance that the heads do not rebuild of one picture on the grid."""
    import torch  # noqa: PLC0415 - `matae` comes first

    with torch.inference_mode():
        return float(network.rebuild(network.encode(network_input(picture[None]), WIDTH))[0])


if __name__ == "__main__":
    main()
