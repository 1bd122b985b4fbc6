"""Train every row of the tables in docs/models-compared.md and evaluate it on the validation patients.

    python benchmarks/ablations.py --data DIR --out runs/ablations
    python benchmarks/ablations.py --data DIR --out runs/full --steps 12000 --grid 224 --device cuda

One folder a row; a row that is finished is skipped and one that was stopped goes on, so the same command may be
called until all are there. `--rows` takes some of them. `benchmarks/compare.py` makes the table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from matae.cli.training_reporter import TrainingReporter
from matae.models import import_model, list_models
from matae.nn.matae import MataeConfig
from matae.nn.widths import WIDTHS, format_width
from matae.train.augment import AugmentConfig
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.run import train_model

_CLI = "from matae.cli import main; main()"


@dataclass(frozen=True)
class Row:
    """One training: what it is called, its settings, and the row it starts from."""

    name: str
    config: TrainConfig
    init: str | None = None


def rows(base: TrainConfig, grids: list[int]) -> list[Row]:
    """Return every row; the first is the one the others are compared with."""
    nested = Row("nested", base)
    found = [
        nested,
        # Heads that only follow leave the masks alone: without them is what following heads would give.
        Row("no-autoencoder", replace(base, rebuild=0.0)),
        Row("no-distillation", replace(base, distil=0.0)),
        Row("scc", replace(base, scc=0.1)),
        Row("mild-geometry", replace(base, augment=AugmentConfig(perspective=0.0, bend=0.0))),
    ]
    whole = MataeConfig()
    for width in reversed(WIDTHS):
        alone = NetworkConfig(channels=whole.at(width), widths=(1.0,))
        found.append(Row(f"alone-{format_width(width).replace('/', '-')}", replace(base, network=alone)))
    found.append(Row("phantom-first", base, init="matae-phantom"))
    for grid in grids:
        # The picture is folded 2 x 2 before the first convolution; 112 is no multiple of 32, so that one is not.
        fold = 2 if grid % 32 == 0 else 1
        found.append(Row(f"grid-{grid}", replace(base, grid=grid, network=NetworkConfig(fold=fold))))
    return found


def published(base: TrainConfig, frames: int) -> list[Row]:
    """Return the paper's networks by the paper's recipe: Adam 1e-4, BCE, batch 32, 50 epochs, no augmentation."""
    recipe = replace(
        base, steps=50 * frames // 32, batch=32, grid=112, lr=1e-4, weight_decay=0.0, optimiser="adam",
        schedule="constant", loss="bce", rebuild=0.0, distil=0.0, ema=0.0, check_every=max(1, frames // 32),
        augment=AugmentConfig.none(),
    )  # fmt: skip
    return [
        Row(family, replace(recipe, network=NetworkConfig(family=family)))
        for family in ("matae-published", "unet-published")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv, images/ and masks/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="*", help="names of rows; all if left out")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--grid", type=int, default=160)
    parser.add_argument("--grids", type=int, nargs="*", default=[112, 224])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    args = parser.parse_args()
    if args.threads:
        os.environ["MATAE_THREADS"] = str(args.threads)
    os.environ["MATAE_HOME"] = str(args.out.resolve() / "models")  # the user's own models stay apart
    base = TrainConfig(
        steps=args.steps, grid=args.grid, seed=args.seed, device=args.device,
        check_every=max(1, args.steps // 4), ema=0.995, shape_encoder=True,
    )  # fmt: skip
    frames = sum(",train," in line for line in (args.data / "index.csv").read_text().splitlines())
    every = rows(base, args.grids) + published(base, frames)
    if args.list:
        print(*(row.name for row in every), sep="\n")
        return
    for row in every:
        if not args.rows or row.name in args.rows:
            make(row, args)


def make(row: Row, args: argparse.Namespace) -> None:
    """Train a row unless it is there, and evaluate it."""
    out, figures = args.out / row.name, args.out / f"{row.name}.json"
    registered = f"{args.out.name}-{row.name}"
    if registered not in {model.name for model in list_models()}:
        print(f"{row.name}: training", flush=True)
        with TrainingReporter(row.config.steps) as reporter:
            train_model(
                [args.data], out, name=registered, config=row.config, init=row.init, report=reporter.report,
            )  # fmt: skip
        import_model(out, registered)
    if not figures.exists():
        print(f"{row.name}: evaluating", flush=True)
        command = ["--data", str(args.data), "--split", "val", "--model", registered, "--width", "all"]
        subprocess.run(
            [sys.executable, "-c", _CLI, "evaluate", *command, "--device", args.device, "--json", str(figures)],
            check=True,
        )


if __name__ == "__main__":
    main()
