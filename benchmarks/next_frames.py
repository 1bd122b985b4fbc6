"""Which frames to correct first: the queue of `matae.worklist.suggest` against chance, in a simulated study.

    python benchmarks/next_frames.py --data ../shared/data/camus-a4c-256 [--base matae-phantom]
                               [--pool 200] [--budget 20]
                               [--steps 80] [--seeds 1 2 3] [--rules queue chance patients] [--out FILE]

A study of `--pool` training frames (end-diastole and end-systole of half as many patients, drawn anew with each seed)
that nobody has corrected. The base outlines them; `--budget` of them get their reference mask:

- ``queue``: the ones that `suggest` puts first, by what a study keeps of frames (features of the base, expected Dice,
  the widths' disagreement);
- ``chance``: frames at random;
- ``patients``: one frame at random of patients at random, so that what taking turns brings is told apart;
- ``doubt``: those of the lowest expected Dice.

Then the base is trained from them as `retrain` does (kind quick or full, a fixed number of steps, no choice among
checkpoints), and the held-out patients are measured. A line a run as it ends; then means over the seeds and the
difference between the queue and each other rule, frame by frame, patients drawn with replacement. ``--out`` keeps what
each run found, and what it holds already is not run again; ``--until HH:MM`` (UTC) begins no run after that.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.metrics import dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.store.types import FrameToCorrect
    from matae.train.data import LabelledFrames

RULES = ("queue", "chance", "patients", "doubt")
HEADER = "| rule | labelled frames | patients | of | steps | seeds | Dice | expected Dice of those chosen |"
APART = "| queue against | Dice of the queue | Dice of the other | difference | 95 % interval | seeds that gain |"


def pool(frames: LabelledFrames, n: int, seed: int) -> LabelledFrames:
    """Return both frames of as many patients as make `n` frames."""
    some = set(np.random.default_rng(seed).permutation(sorted(set(frames.patients)))[: (n + 1) // 2].tolist())
    return frames.take([i for i, patient in enumerate(frames.patients) if patient in some][:n])


def candidates(frames: LabelledFrames, base: str) -> tuple[list[FrameToCorrect], list[float]]:
    """Return what a study knows of the frames once the base has outlined them, and their Dice with the reference."""
    import torch

    from matae.models import load_model
    from matae.placement import network_input
    from matae.segment.restore import certainty
    from matae.store.types import Flag, FrameToCorrect, Look
    from matae.worklist.looks import LOOK_WIDTH, expected_dice, features

    network, _ = load_model(base)
    vectors, found, truth = features(frames.images, base, LOOK_WIDTH), [], []
    with torch.inference_mode():
        for i in range(len(frames)):
            picture = network_input(frames.images[i : i + 1])
            logits, other = (network(picture, width)[0, 0].numpy() for width in (0.5, 0.25))
            mask = (logits > 0).astype(np.uint8)
            look = Look(base, vectors[i], expected_dice(mask, certainty(logits)), 1 - float(dice(mask == 1, other > 0)))
            word = {"ED": "end-diastole", "ES": "end-systole"}[frames.phases[i]]
            patient = frames.patients[i]
            found.append(FrameToCorrect(patient, int(word == "end-systole"), patient, flag=Flag(0.0, word), look=look))
            truth.append(float(dice(mask == 1, frames.masks[i] == 1)))
    return found, truth


def choose(rule: str, frames: Sequence[FrameToCorrect], n: int, seed: int) -> list[int]:
    """Return the places of the frames that a rule has corrected first."""
    from matae.worklist.suggest import suggest

    random = np.random.default_rng([seed, 7])
    if rule == "queue":
        place = {one.key: i for i, one in enumerate(frames)}
        return [place[one.frame.key] for one in suggest(frames, (), n)]
    if rule == "chance":
        return random.permutation(len(frames))[:n].tolist()
    if rule == "doubt":
        return sorted(range(len(frames)), key=lambda i: (frames[i].expected_dice or 0.0, frames[i].key))[:n]
    patients = random.permutation(sorted({one.subject for one in frames}))[:n]
    return [int(random.choice([i for i, one in enumerate(frames) if one.subject == patient])) for patient in patients]


def train_on(
    args: argparse.Namespace, labelled: LabelledFrames, held_out: LabelledFrames, seed: int
) -> tuple[list[float], float]:
    """Train the base from some frames; return the Dice of every held-out frame, and the processor's seconds."""
    from matae.learn import RetrainOptions
    from matae.learn.recipe import recipe
    from matae.models import load_model
    from matae.train.loop import train
    from matae.train.validation import predict

    network, card = load_model(args.base)
    heads = getattr(network, "autoencoder", None) is not None
    options = RetrainOptions(base=args.base, kind="full", steps=args.steps, seed=seed, device="cpu")
    config = recipe(options, len(labelled), card.grid, heads=heads)
    config = replace(config, keep_best=False, patience=0, check_every=args.steps, batch=args.batch, replay=0.0)
    start = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        made = train(network, labelled, held_out.take(range(2)), Path(out), config)
    seconds = time.process_time() - start
    return dice(predict(made, held_out, 1.0, card.grid) == 1, held_out.masks == 1).tolist(), seconds


def table(runs: Sequence[dict[str, Any]], patients: Sequence[str]) -> list[str]:
    """Return both tables: a line a rule, and the difference of the queue to each other rule, at the same seeds."""
    from matae.metrics import paired_difference, patient_interval

    def mean(some: Sequence[dict[str, Any]]) -> np.ndarray:
        return np.mean([one["dice"] for one in some], axis=0)

    lines, apart = [HEADER, f"|{'---|' * (HEADER.count('|') - 1)}"], [APART, f"|{'---|' * (APART.count('|') - 1)}"]
    for rule in [rule for rule in RULES if any(one["rule"] == rule for one in runs)]:
        some = [one for one in runs if one["rule"] == rule]
        low, high = patient_interval(mean(some), patients) or (float("nan"),) * 2
        lines.append(
            f"| {rule} | {some[0]['budget']} | {np.mean([one['patients'] for one in some]):.0f} | {some[0]['pool']} | "
            f"{some[0]['steps']} | {len(some)} | {mean(some).mean():.4f} ({low:.4f} to {high:.4f}) | "
            f"{np.mean([one['expected'] for one in some]):.3f} |"
        )
        if rule == "queue":
            continue
        ours = {one["seed"]: one for one in runs if one["rule"] == "queue"}
        both = [one for one in some if one["seed"] in ours]
        if both:
            first, second = mean([ours[one["seed"]] for one in both]), mean(both)
            found = paired_difference(first, second, patients)
            wins = sum(np.mean(ours[one["seed"]]["dice"]) > np.mean(one["dice"]) for one in both)
            apart.append(
                f"| {rule} | {first.mean():.4f} | {second.mean():.4f} | {found.mean:+.4f} | {found.low:+.4f} to "
                f"{found.high:+.4f} | {wins} of {len(both)} |"
            )
    return [*lines, "", *apart]


def main() -> None:
    """Run what is not there yet, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled frames with both sides")
    parser.add_argument("--base", default="matae-phantom")
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rules", nargs="+", choices=RULES, default=["queue", "chance", "patients"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--until", default="", metavar="HH:MM", help="begin no run after that (UTC)")
    parser.add_argument("--out", type=Path, help="JSON lines, one a run; those that are there are not run again")
    args = parser.parse_args()
    os.environ["MATAE_THREADS"] = str(args.threads)
    from scipy.stats import spearmanr

    from matae.models import find_model
    from matae.train.data import load_folders

    frames, held_out = load_folders([args.data], find_model(args.base).card.grid)
    runs: list[dict[str, Any]] = []
    if args.out is not None and args.out.is_file():
        runs = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()]
    same = {key: getattr(args, key) for key in ("base", "pool", "budget", "steps", "batch")}
    for seed in args.seeds:
        wanted = [rule for rule in args.rules
                  if not any((same | {"seed": seed, "rule": rule}).items() <= one.items() for one in runs)]  # fmt: skip
        if not wanted:
            continue
        some = pool(frames, args.pool, seed)
        known, truth = candidates(some, args.base)
        expected = [one.expected_dice or 0.0 for one in known]
        apart = spearmanr([one.disagreement for one in known], truth).statistic
        print(
            f"# seed {seed}: {len(some)} frames, Dice of the base {np.mean(truth):.4f}, "
            f"expected {np.mean(expected):.4f}, rank correlation {spearmanr(expected, truth).statistic:.2f}, "
            f"with the widths' disagreement {apart:.2f}",
            flush=True,
        )
        for rule in wanted:
            if args.until and datetime.now(UTC).strftime("%H:%M") >= args.until:
                break
            chosen = choose(rule, known, args.budget, seed)
            scores, seconds = train_on(args, some.take(chosen), held_out, seed)
            found = same | {
                "seed": seed, "rule": rule, "patients": len({known[i].subject for i in chosen}), "dice": scores,
                "expected": float(np.mean([expected[i] for i in chosen])), "seconds": seconds,
                "truth": float(np.mean([truth[i] for i in chosen])), "load": round(os.getloadavg()[0], 1),
            }  # fmt: skip
            runs.append(found)
            print(
                f"# seed {seed}, {rule}: Dice {np.mean(scores):.4f} from frames of Dice {found['truth']:.3f}, "
                f"{found['patients']} patients, {seconds:.0f} processor s, load {found['load']}",
                flush=True,
            )
            if args.out is not None:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
    mine = [one for one in runs if same.items() <= one.items() and one["seed"] in args.seeds]
    print("\n".join(table([one for one in mine if one["rule"] in args.rules], held_out.patients)))


if __name__ == "__main__":
    main()
