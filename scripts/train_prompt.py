"""Train the prompt head of a model on frames whose masks are known, and calibrate it on patients it has not seen.

    python scripts/train_prompt.py --data A4C-FOLDER A2C-FOLDER [--model matae-apical] [--minutes 30] --out FILE

The network stays as it is. Prompts are simulated (`matae.prompt.simulate`). The Dice that the head guesses is
calibrated on the second half of the validation patients, by name; `benchmarks/prompt.py` measures it on the first half.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.models import load_model
from matae.nn.matae import Matae
from matae.prompt.calibration import calibrate
from matae.prompt.scenes import HeadTraining
from matae.prompt.training import train_head
from matae.prompt.weights import save_head
from matae.threads import set_network_threads
from matae.train.data import LabelledFrames, load_folders

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.prompt.head import PromptHead

    Sides = tuple[LabelledFrames, LabelledFrames]

VIEWS = ("A4C", "A2C")
TEXTS, ARRAYS = ("frames", "patients", "phases"), ("images", "masks", "spacing")


def cached(path: Path | None, load: Callable[[], Sides]) -> Sides:
    """Return training and validation frames from a file, or load them and write it."""
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            train, val = (
                LabelledFrames(**{
                    name: tuple(file[f"{side}-{name}"].tolist()) if name in TEXTS else file[f"{side}-{name}"]
                    for name in (*TEXTS, *ARRAYS)
                })
                for side in ("train", "val")
            )  # fmt: skip
            return train, val
    sides = load()
    if path is not None:
        found = {
            f"{side}-{name}": np.array(getattr(frames, name))
            for side, frames in zip(("train", "val"), sides, strict=True)
            for name in (*TEXTS, *ARRAYS)
        }
        np.savez(path, **found)
    return sides


def second_half(frames: LabelledFrames) -> LabelledFrames:
    """Return the frames of the later half of the patients, by name."""
    names = sorted(set(frames.patients))
    later = set(names[len(names) // 2 :])
    return frames.take([i for i, patient in enumerate(frames.patients) if patient in later])


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
    sides = cached(args.cache, lambda: load_folders(args.data, card.grid, views=VIEWS, classes=card.classes))
    frames, apart = sides[0], second_half(sides[1])
    sys.stderr.write(f"{len(frames)} frames to train on, {len(apart)} to calibrate on\n")

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
    fitted = calibrate(network, head, apart, card.grid, options)
    save_head(args.out, head, card, **about, calibration=fitted._asdict())
    sys.stderr.write(
        f"guessed Dice off by {fitted.off_before:.4f}, calibrated {fitted.off_after:.4f} ({fitted.frames} outlines)\n"
    )
    sys.stderr.write(f"{head.parameters_count} parameters, {args.out.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
