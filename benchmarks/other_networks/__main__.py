"""Other networks and ours, taught from nothing on the same frames for the same time, and judged on the same patients.

    python benchmarks/other_networks --data A4C-FOLDER A2C-FOLDER [--networks matae nnunet-2d ...] [--seconds 1200]
                                     [--grid 128] [--seeds 1 2 3] [--device cuda] [--workers 4] [--out FILE.jsonl]
    python benchmarks/other_networks --data runs/frames.npz --device cuda --seconds 540 --out nnunet.jsonl

- ``matae``: ours, all widths in one training, by the trainer's defaults; ``matae-alone``: its widest width by itself.
- ``unet-published``: the paper's baseline by the same trainer.
- ``nnunet-2d``: the plain U-Net that nnU-Net plans for 2-D pictures, with nnU-Net's augmentation (its own package,
  batchgeneratorsv2), loss, deep supervision and optimiser.
- ``imagenet``: a U-Net on an EfficientNet-Lite0 that ImageNet taught, by our trainer; ``imagenet-blank``: the same
  network with random weights.

All learn the three structures of the folders' training patients; nothing is chosen by the validation patients. On a
CPU the seconds are of processor time, so that what else runs there does not count; on a GPU they are of the clock.
A line a run, then a table with intervals over patients. What ``--out`` holds already is not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import matae  # noqa: F401 - it settles how threads wait, before torch is loaded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.train.data import LabelledFrames

NETWORKS = ("matae", "matae-alone", "unet-published", "nnunet-2d", "imagenet", "imagenet-blank")
STRUCTURES = ("left ventricular cavity", "left ventricular myocardium", "left atrium")
HEADER = (
    "| network | parameters | runs | steps | batch | cavity Dice (95 % interval) | ED | ES | myocardium | left atrium "
    "| cavity, worst 5 % of frames |"
)
APART = "| network | against | cavity Dice, points | 95 % interval |"


BATCHES = {"nnunet-2d": 12}
"""Frames a step where nobody says how many; 16 for the others."""


def wanted(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what tells each of the runs that are asked for from any other, as its line says it."""
    common = {"grid": args.grid, "seconds": args.seconds, "device": args.device}
    return [
        common | {"network": name, "seed": seed, "batch": args.batch or BATCHES.get(name, 16)}
        # The draws of the others are the same for any number of processes. Lines of before this was kept do not count.
        | ({"workers": args.workers} if name == "nnunet-2d" else {})
        for seed in args.seeds for name in args.networks
    ]  # fmt: skip


def run(name: str, sides: tuple[LabelledFrames, LabelledFrames], args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Teach one network, and return the Dice of every structure in every held-out frame."""
    from taught import Lesson

    from matae.metrics import dice

    batch = args.batch or BATCHES.get(name, 16)
    lesson = Lesson(args.grid, batch, args.seconds, seed, args.device, args.workers)
    if name == "nnunet-2d":
        from nnunet import teach_nnunet

        made = teach_nnunet(sides, lesson)
    else:
        from ours import teach_ours

        made = teach_ours(name, sides, lesson)
    truth = sides[1].masks
    scores = {
        width: [dice(masks == value, truth == value).round(5).tolist() for value in (1, 2, 3)]
        for width, masks in made.masks.items()
    }
    return {
        "network": name, "seed": seed, "grid": args.grid, "seconds": args.seconds, "device": args.device,
        "parameters": made.parameters, "steps": made.steps, "batch": made.batch,
        "workers": args.workers, "dice": scores,
    }  # fmt: skip


def table(runs: Sequence[dict[str, Any]], held_out: LabelledFrames) -> list[str]:
    """Return a line a network and width, and how far the others are from ours."""
    from matae.metrics import paired_difference, patient_interval

    rows: dict[str, list[tuple[dict[str, Any], np.ndarray]]] = {}
    for one in runs:
        for width, scores in one["dice"].items():
            name = one["network"] if width == "1" else f"{one['network']} {width}"
            rows.setdefault(name, []).append((one, np.array(scores)))
    lines = [HEADER, f"|{'---|' * (HEADER.count('|') - 1)}"]
    means = {name: np.mean([scores for _, scores in some], axis=0) for name, some in rows.items()}
    phases = np.array(held_out.phases)
    for name, some in rows.items():
        mean, one = means[name], some[0][0]
        low, high = patient_interval(mean[0], held_out.patients) or (float("nan"),) * 2
        steps = round(np.mean([each["steps"] for each, _ in some]))
        lines.append(
            f"| {name} | {one['parameters']:,} | {len(some)} | {steps:,} | {one['batch']} | "
            f"{mean[0].mean():.4f} ({low:.4f} to {high:.4f}) | {mean[0][phases == 'ED'].mean():.4f} | "
            f"{mean[0][phases == 'ES'].mean():.4f} | {mean[1].mean():.4f} | {mean[2].mean():.4f} | "
            f"{np.quantile(mean[0], 0.05):.3f} |"
        )
    if "matae" in means:
        lines += ["", APART, f"|{'---|' * (APART.count('|') - 1)}"]
        for name in [name for name in means if not name.startswith("matae ") and name != "matae"]:
            found = paired_difference(means[name][0], means["matae"][0], held_out.patients)
            lines.append(
                f"| {name} | matae | {100 * found.mean:+.2f} | {100 * found.low:+.2f} to {100 * found.high:+.2f} |"
            )
    return lines


def main() -> None:
    """Run what is not there yet, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, nargs="+", help="folders, or one packed file, of frames")
    parser.add_argument("--networks", nargs="+", default=["matae", "nnunet-2d"], choices=NETWORKS)
    parser.add_argument("--seconds", type=float, default=1200, help="of each training")
    parser.add_argument("--grid", type=int, default=128)
    parser.add_argument("--batch", type=int, default=0, help="frames a step; 16, and 12 for nnU-Net, if left out")
    parser.add_argument("--workers", type=int, default=0, help="processes that augment for nnU-Net")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="JSON lines, one a run")
    args = parser.parse_args()
    from matae.threads import set_network_threads
    from matae.train.data import load_folders

    set_network_threads()
    sides = load_folders(args.data, 256, views=("A4C", "A2C"), classes=STRUCTURES)
    runs = []
    if args.out is not None and args.out.is_file():
        runs = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()]
    asked = wanted(args)
    for one in asked:
        if any(one.items() <= each.items() for each in runs):
            continue
        found = run(one["network"], sides, args, one["seed"])
        runs.append(found)
        print(f"# {found['network']}, seed {found['seed']}: {found['steps']} steps, cavity "
              f"{np.mean(found['dice']['1'][0]):.4f}", flush=True)  # fmt: skip
        if args.out is not None:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    print("\n".join(table([each for each in runs if any(one.items() <= each.items() for one in asked)], sides[1])))


if __name__ == "__main__":
    main()
