"""Train the prompt head of a model on frames whose masks are known, and judge it on patients it has not seen.

    python scripts/train_prompt.py --data A4C-FOLDER A2C-FOLDER [--model matae-apical] [--minutes 30] --out FILE

The network stays as it is. Prompts are simulated (`matae.prompt.simulate`). `benchmarks/prompt.py` measures the head.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.models import load_model
from matae.nn.matae import Matae
from matae.prompt.training import HeadTraining, train_head
from matae.prompt.weights import save_head
from matae.threads import set_network_threads
from matae.train.data import LabelledFrames, load_folders

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.prompt.head import PromptHead

VIEWS = ("A4C", "A2C")


def cached(path: Path | None, load: Callable[[], LabelledFrames]) -> LabelledFrames:
    """Return frames from a file, or load them and write it."""
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            texts = {name: tuple(file[name].tolist()) for name in ("frames", "patients", "phases")}
            return LabelledFrames(images=file["images"], masks=file["masks"], spacing=file["spacing"], **texts)
    frames = load()
    if path is not None:
        np.savez(
            path, images=frames.images, masks=frames.masks, spacing=frames.spacing, frames=np.array(frames.frames),
            patients=np.array(frames.patients), phases=np.array(frames.phases),
        )  # fmt: skip
    return frames


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--minutes", type=float, default=30.0, help="of processor time")
    parser.add_argument("--cache", type=Path, help="frames as they were read before; written if it is not there")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    set_network_threads()
    network, card = load_model(args.model)
    if not isinstance(network, Matae):
        sys.exit(f"{args.model} has no widths, and so no maps that a prompt head could read")
    frames = cached(args.cache, lambda: load_folders(args.data, card.grid, views=VIEWS, classes=card.classes)[0])
    sys.stderr.write(f"{len(frames)} frames\n")

    def report(line: str) -> None:
        sys.stderr.write(line + "\n")

    options = HeadTraining(minutes=args.minutes, steps=args.steps, seed=args.seed)
    about = {
        "data": " + ".join(folder.resolve().name for folder in args.data), "minutes": args.minutes, "seed": args.seed,
    }  # fmt: skip

    def keep(head: PromptHead) -> None:
        save_head(args.out, head, card, **about)

    head = train_head(network, frames, card.grid, options, report=report, keep=keep)
    keep(head)
    sys.stderr.write(f"{head.parameters_count} parameters, {args.out.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
