"""What a training from few labelled frames wins, with and without the frames nobody labelled.

    python benchmarks/low_label.py --data shared/data/camus-a4c-256 [--base matae-phantom] [--frames 10 20 50 100]
                                   [--steps 300] [--seeds 1 2 3] [--self-training 0 1] [--scc 0] [--out FILE]

The trainer of `matae.learn.retrain` (kind full) on frames of a folder as `matae.train.data.load_folders` reads it: the
labels of a few training patients, all other training frames without theirs, and the validation frames, which nothing is
chosen by: the averaged weights of the last step are measured. The patients are drawn anew with each seed, the same with
and without self-training. A line a run as it ends; then a table of means over the seeds, and of the difference that
self-training makes, frame by frame, patients drawn with replacement. ``--out`` keeps what each run found, and what it
holds already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.train.data import LabelledFrames

HEADER = "| base | labelled frames | patients | unlabelled | self-training | steps | seeds | Dice | s a step |"
APART = "| labelled frames | Dice without | Dice with self-training | difference | 95 % interval | seeds that gain |"
WIDTHS = (1.0, 0.125)


def chosen(frames: LabelledFrames, n: int, seed: int) -> tuple[list[int], list[int]]:
    """Return the labelled frames, both of each of a few patients, and the others."""
    patients = sorted(set(frames.patients))
    some = set(np.random.default_rng(seed).permutation(patients)[: (n + 1) // 2].tolist())
    labelled = [i for i, patient in enumerate(frames.patients) if patient in some][:n]
    return labelled, sorted(set(range(len(frames))) - set(labelled))


def run(
    args: argparse.Namespace, frames: LabelledFrames, held_out: LabelledFrames, one: dict[str, Any]
) -> dict[str, Any]:
    """Train once, and return the Dice of every held-out frame."""
    from matae.learn import RetrainOptions
    from matae.learn.recipe import recipe
    from matae.metrics import dice
    from matae.models import load_model
    from matae.train.loop import train
    from matae.train.validation import predict

    network, card = load_model(args.base)
    labelled, others = chosen(frames, one["frames"], one["seed"])
    config = recipe(
        RetrainOptions(base=args.base, kind="full", steps=args.steps, seed=one["seed"], device=args.device),
        one["frames"],
        card.grid,
        heads=getattr(network, "autoencoder", None) is not None,
    )
    config = replace(
        config,
        keep_best=False,
        patience=0,
        check_every=args.steps,
        self_training=one["weight"],
        self_share=args.share,
        scc=args.scc,
    )
    start = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        made = train(
            network, frames.take(labelled), held_out.take(range(2)), Path(out), config,
            unlabelled=frames.images[others] if one["weight"] else None,
        )  # fmt: skip
    seconds = time.process_time() - start
    scores = {
        f"{width:g}": dice(predict(made, held_out, width, card.grid) == 1, held_out.masks == 1).tolist()
        for width in WIDTHS
    }
    patients = len({frames.patients[i] for i in labelled})
    return one | {
        "base": args.base, "steps": args.steps, "share": args.share, "scc": args.scc,
        "patients": patients, "unlabelled": len(others),
        "dice": scores, "seconds": seconds, "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def table(runs: Sequence[dict[str, Any]], patients: Sequence[str]) -> list[str]:
    """Return both tables: a line for each number of frames with and without, and one for the difference."""
    from matae.metrics import paired_difference, patient_interval

    def mean(some: Sequence[dict[str, Any]]) -> np.ndarray:
        return np.mean([one["dice"]["1"] for one in some], axis=0)

    lines, apart = [HEADER, f"|{'---|' * (HEADER.count('|') - 1)}"], [APART, f"|{'---|' * (APART.count('|') - 1)}"]
    for n in sorted({one["frames"] for one in runs}):
        sides = {weight: [one for one in runs if (one["frames"], one["weight"]) == (n, weight)]
                 for weight in sorted({one["weight"] for one in runs if one["frames"] == n})}  # fmt: skip
        for weight, some in sides.items():
            low, high = patient_interval(mean(some), patients) or (float("nan"),) * 2
            step = sum(one["seconds"] for one in some) / sum(one["steps"] for one in some)
            lines.append(
                f"| {some[0]['base']} | {n} | {some[0]['patients']} | {some[0]['unlabelled'] if weight else 0} | "
                f"{'yes' if weight else 'no'} | {some[0]['steps']} | {len(some)} | {mean(some).mean():.3f} "
                f"({low:.3f} to {high:.3f}) | {step:.2f} |"
            )
        without = {one["seed"]: one for one in sides.get(0.0, [])}
        for weight, some in sides.items():
            both = [one for one in some if weight and one["seed"] in without]
            if both:
                first, second = mean(both), mean([without[one["seed"]] for one in both])
                found = paired_difference(first, second, patients)
                wins = sum(np.mean(one["dice"]["1"]) > np.mean(without[one["seed"]]["dice"]["1"]) for one in both)
                apart.append(
                    f"| {n} | {second.mean():.3f} | {first.mean():.3f} | {found.mean:+.4f} | {found.low:+.4f} to "
                    f"{found.high:+.4f} | {wins} of {len(both)} |"
                )
    return [*lines, "", *apart]


def main() -> None:
    """Run what is not there yet, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled frames with both sides")
    parser.add_argument("--base", default="matae-phantom")
    parser.add_argument("--frames", type=int, nargs="+", default=[10, 20, 50, 100])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--self-training", type=float, nargs="+", default=[0.0, 1.0], metavar="WEIGHT")
    parser.add_argument("--share", type=float, default=0.5, help="of a batch that is unlabelled")
    parser.add_argument("--scc", type=float, default=0.0, help="weight of the spectral correlation loss")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON lines, one a run; those that are there are not run again")
    args = parser.parse_args()
    os.environ["MATAE_THREADS"] = str(args.threads)
    from matae.models import find_model
    from matae.train.data import load_folders

    frames, held_out = load_folders([args.data], find_model(args.base).card.grid)
    runs: list[dict[str, Any]] = []
    if args.out is not None and args.out.is_file():
        runs = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()]
    for seed in args.seeds:
        for n in args.frames:
            for weight in args.self_training:
                one = {"frames": n, "seed": seed, "weight": weight}
                settings = one | {"base": args.base, "steps": args.steps, "share": args.share, "scc": args.scc}
                if any(settings.items() <= each.items() for each in runs):
                    continue
                found = run(args, frames, held_out, one)
                runs.append(found)
                print(f"# seed {seed}, {n} frames, weight {weight:g}: Dice {np.mean(found['dice']['1']):.4f}, at width "
                      f"1/8 {np.mean(found['dice']['0.125']):.4f}, {found['seconds']:.0f} processor s, load "
                      f"{found['load']}", flush=True)  # fmt: skip
                if args.out is not None:
                    with args.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found) + "\n")
    settings = {"base": args.base, "steps": args.steps, "share": args.share, "scc": args.scc}
    mine = [one for one in runs if settings.items() <= one.items()]
    mine = [one for one in mine if one["frames"] in args.frames and one["seed"] in args.seeds]
    print("\n".join(table(mine, held_out.patients)))


if __name__ == "__main__":
    main()
