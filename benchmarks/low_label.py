"""What a training from few labelled patients wins by what it starts from, and by how it learns.

    python benchmarks/low_label.py --data shared/data/camus-a4c-256 [--bases matae-phantom] [--patients 5 10 25 50]
                                   [--methods plain self-training pseudo-labels scc structure pretraining adabn
                                    site-phantoms site-replay]
                                   [--steps 300] [--batch 16] [--grid 0] [--seeds 1 2 3] [--between] [--device cpu]
                                   [--jobs 1] [--on restyled changed] [--out FILE]

The trainer of `matae.learn.retrain` (kind full) on frames of a folder as `matae.train.data.load_folders` reads it, or
of a file of `scripts/pack_frames.py`: both labelled frames of a few training patients, all other training frames
without their labels, and the validation frames, which nothing is chosen by: the averaged weights of the last step are
measured. The patients are drawn anew with each seed, the same for every base and method. ``matae``, ``matae-small``
and ``unet-published`` are new networks that know nothing, ``imagenet`` is a U-Net on an encoder that ImageNet taught
(extra ``imagenet``); any other base is a model by name. Methods are joined by a plus.

``--data phantoms`` are clips of synthetic hearts, each with the masks of end-diastole and end-systole alone and judged
on other hearts, between those two as well (``--between``: there alone). Only such clips have what pseudo-labels are
made of: the frames between.

``--on`` measures each network on the validation frames as other scanners would show them, and changed in ways that no
training uses, too (`benchmarks/reliability.py`): a second table has the differences there.

A line a run as it ends; then a table of means over the seeds, and of the difference that each method makes against
plain training, frame by frame, patients drawn with replacement. ``--out`` keeps what each run found, and what it holds
already is not run again. ``--jobs`` runs side by side: on a GPU they cost hardly more than one.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import matae  # noqa: F401 - it settles how threads wait, before torch is loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames

METHODS = {
    "plain": "nothing more",
    "self-training": "the other frames teach through an averaged teacher, half of each batch",
    "pseudo-labels": "frames between two labelled ones are filled and teach by weight, half of the labelled part",
    "interpolation": "the same frames, filled and weighed by a frame-interpolation network for each clip (REHRSeg)",
    "exact": "the same frames with their exact masks: the most that filling could win",
    "scc": "spectral correlation loss, weight 0.3",
    "structure": "structural distillation into the narrower widths, weight 0.3",
    "pretraining": "masked pre-training on all frames first, half as many steps again",
    "site-phantoms": "first phantoms in the site's style, half as many steps again, then the labelled frames",
    "more-phantoms": "the same with phantoms in their own style: what more of them alone wins",
    "site-replay": "phantoms in the site's style are mixed in, as many a batch as retrain mixes in",
    "adabn": "batch statistics of 100 training frames before the first step (AdaBN)",
    "adabn-after": "the same of the averaged weights after the last step",
}
NEW = ("matae", "matae-small", "unet-published", "imagenet")
SMALL = (8, 16, 32, 48)  # channels: a twentieth of the work, for a comparison of methods on a busy computer
GRID = 160  # of a new network
HEADER = "| base | method | patients | frames | steps | seeds | Dice | Dice at width 1/8 | s a step |"
APART = "| base | patients | method | Dice, plain | Dice | difference | 95 % interval | seeds that gain |"
ON = "| base | patients | method | judged on | Dice, plain | Dice | difference | 95 % interval | seeds that gain |"
ELSEWHERE = ("restyled", "changed")
WIDTHS = (1.0, 0.125)
SETTINGS = ("base", "method", "patients", "seed", "steps", "batch", "grid")
PHANTOMS = Path("phantoms")
FILLED = {"pseudo-labels": "flow", "interpolation": "network", "exact": "exact"}
SITE = 100  # frames that batch statistics are taken from
HEARTS, FIRST = 60, 600_000  # synthetic hearts for the methods with phantoms; from no other use of the package
STYLED = {"site-phantoms": True, "more-phantoms": False, "site-replay": True}  # whether in the site's style
STYLE_SIDE = 192  # pixels that a style is measured on: on smaller ones grains are lost


def configured(config: TrainConfig, method: str) -> TrainConfig:
    """Return settings with what a method adds."""
    for part in method.split("+"):
        if part == "self-training":
            config = replace(config, self_training=1.0)
        elif part in FILLED:
            config = replace(config, pseudo_labels=0.5)
        elif part == "scc":
            config = replace(config, scc=0.3)
        elif part == "structure":
            config = replace(config, structure=0.3)
        elif part == "pretraining":
            config = replace(config, pretraining=max(1, config.steps // 2))
    return config


def started(base: str, seed: int) -> tuple[Network, int]:
    """Return the network a training starts from, and the side of its input."""
    import torch

    from matae.models import load_model
    from matae.nn.matae import Matae, MataeConfig
    from matae.nn.published import UNetPublished

    if base not in NEW:
        network, card = load_model(base)
        return network, card.grid
    torch.manual_seed(seed)
    if base == "unet-published":
        return UNetPublished(), GRID
    if base == "imagenet":
        return _from_imagenet(), GRID
    return Matae(MataeConfig() if base == "matae" else MataeConfig(channels=SMALL)), GRID


def _from_imagenet() -> Network:
    from matae.nn.imagenet import ImageNetUNet, imagenet_weights

    network = ImageNetUNet(1)
    imagenet_weights(network)
    return network


@lru_cache(maxsize=2)
def sides(data: Path, grid: int) -> tuple[LabelledFrames, LabelledFrames]:
    """Return training and validation frames, read once a process."""
    from matae.train.data import load_folders

    if data == PHANTOMS:
        import phantom_clips

        return phantom_clips.sides(grid)
    return load_folders([data], grid)


@lru_cache(maxsize=4)
def elsewhere(data: Path, grid: int, way: str) -> LabelledFrames:
    """Return the validation frames in the style of other scanners, or changed otherwise: the same for every run."""
    import reliability

    change = {"restyled": reliability.restyled, "changed": reliability.changed}[way]
    frames = sides(data, grid)[1]
    images, masks = frames.images.copy(), frames.masks.copy()
    for number, patient in enumerate(sorted(set(frames.patients))):
        at = [i for i, one in enumerate(frames.patients) if one == patient]
        pair = reliability.Pair(patient, frames.images[at], frames.masks[at] == 1, None)
        made = change(pair, np.random.default_rng([number, ELSEWHERE.index(way)]))
        images[at], masks[at] = made.pictures, made.cavities
    return replace(frames, images=images, masks=masks)


def chosen(frames: LabelledFrames, patients: int, seed: int, *, extremes: bool = False) -> tuple[list[int], list[int]]:
    """Return the labelled frames, those of a few patients (end-diastole and end-systole alone), and the others."""
    names = sorted(set(frames.patients))
    some = set(np.random.default_rng(seed).permutation(names)[:patients].tolist())
    labelled = [
        i for i, patient in enumerate(frames.patients) if patient in some and (frames.phases[i] or not extremes)
    ]
    return labelled, sorted(set(range(len(frames))) - set(labelled))


def adapt(network: Network, images: np.ndarray, grid: int) -> None:
    """Take the batch statistics of frames spread evenly over those given; no labels are needed."""
    import torch
    from torch.nn import functional as F

    from matae.nn.adapter import adapt_norms

    n = min(SITE, len(images))
    some = torch.from_numpy(images[[i * len(images) // n for i in range(n)]])[:, None].float() / 255
    adapt_norms(network, F.interpolate(some, (grid, grid), mode="bilinear", antialias=True))


@lru_cache(maxsize=2)
def phantoms(data: Path, grid: int, *, styled: bool) -> LabelledFrames:
    """Return labelled frames of synthetic hearts, in the style of all training frames, labels unseen, or their own."""
    from matae.phantom.frames import write_phantom_frames
    from matae.phantom.style import measure_style
    from matae.train.data import load_frames

    style = measure_style(sides(data, STYLE_SIDE)[0].images) if styled else None
    with tempfile.TemporaryDirectory() as out:
        write_phantom_frames(Path(out), HEARTS, held_out=0, size=grid, seed=FIRST, style=style)
        return load_frames(Path(out), "train", grid)


def run(one: dict[str, Any], data: Path, device: str, threads: int, on: Sequence[str] = ()) -> dict[str, Any]:
    """Train once, and return the Dice of every held-out frame."""
    os.environ["MATAE_THREADS"] = str(threads)
    from matae.learn import RetrainOptions
    from matae.learn.recipe import recipe
    from matae.metrics import dice
    from matae.train.loop import train
    from matae.train.validation import predict

    network, grid = started(one["base"], one["seed"])
    grid = one["grid"] or grid
    frames, held_out = sides(data, grid)
    labelled, others = chosen(frames, one["patients"], one["seed"], extremes=data == PHANTOMS)
    options = RetrainOptions(kind="full", steps=one["steps"], seed=one["seed"], device=device)
    heads = getattr(network, "autoencoder", None) is not None
    config = recipe(options, len(labelled), grid, heads=heads)
    config = replace(config, keep_best=False, patience=0, check_every=one["steps"], batch=one["batch"])
    parts = one["method"].split("+")
    config = configured(config, one["method"])
    # All frames that are not labelled, where the method looks at them at all.
    more = frames.images[others] if (config.self_training or config.pretraining) and others else None
    pseudo = None
    if config.pseudo_labels:
        import phantom_clips

        theirs = sorted({frames.patients[i] for i in labelled})
        pseudo = phantom_clips.pseudo_labelled(grid, theirs, next(FILLED[part] for part in parts if part in FILLED))
    drawn = next((phantoms(data, grid, styled=STYLED[part]) for part in parts if part in STYLED), None)
    cpu, clock = time.process_time(), time.perf_counter()
    if drawn is not None and "site-replay" not in parts:
        first = replace(config, steps=max(1, one["steps"] // 2), self_training=0.0, pseudo_labels=0.0, pretraining=0)
        with tempfile.TemporaryDirectory() as out:
            network = train(network, drawn, held_out.take(range(2)), Path(out), first)
        drawn = None
    if "adabn" in parts:
        adapt(network, frames.images, grid)
    with tempfile.TemporaryDirectory() as out:
        made = train(
            network,
            frames.take(labelled),
            held_out.take(range(2)),
            Path(out),
            config,
            unlabelled=more,
            pseudo=pseudo,
            replay=drawn,
        )
    if "adabn-after" in parts:
        adapt(made, frames.images, grid)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    widths = [width for width in WIDTHS if width in made.widths]

    def measured(there: LabelledFrames) -> dict[str, list[float]]:
        return {f"{w:g}": dice(predict(made, there, w, grid) == 1, there.masks == 1).tolist() for w in widths}

    found = {"frames": len(labelled), "unlabelled": 0 if more is None else len(more), "dice": measured(held_out)}
    if on:
        found["on"] = {way: measured(elsewhere(data, grid, way)) for way in on}
    found["pseudo"] = 0 if pseudo is None else len(pseudo)
    return one | found | {"processor_s": round(cpu, 1), "wall_s": round(clock, 1), "device": device}


def mean_scores(runs: Sequence[dict[str, Any]], width: str = "1") -> np.ndarray:
    """Return the Dice of each held-out frame at a width, averaged over the runs."""
    return np.mean([one["dice"][width] for one in runs], axis=0)


def table(runs: Sequence[dict[str, Any]], patients: Sequence[str]) -> list[str]:
    """Return both tables: a line for each base, method and number of patients, and one for each difference."""
    from matae.metrics import paired_difference, patient_interval

    lines, apart = [HEADER, f"|{'---|' * (HEADER.count('|') - 1)}"], [APART, f"|{'---|' * (APART.count('|') - 1)}"]
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for one in runs:
        groups.setdefault((one["base"], one["patients"], one["method"]), []).append(one)
    order = list(METHODS)
    for (base, n, method), some in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1], order.index(
        item[0][2].split("+")[0]))):  # fmt: skip
        low, high = patient_interval(mean_scores(some), patients) or (float("nan"),) * 2
        narrow = f"{mean_scores(some, '0.125').mean():.3f}" if "0.125" in some[0]["dice"] else "-"
        step = sum(one["wall_s" if one["device"] != "cpu" else "processor_s"] for one in some)
        step /= sum(one["steps"] for one in some)
        lines.append(
            f"| {base} | {method} | {n} | {some[0]['frames']} | {some[0]['steps']} | {len(some)} | "
            f"{mean_scores(some).mean():.3f} ({low:.3f} to {high:.3f}) | {narrow} | {step:.2f} |"
        )
        without = {one["seed"]: one for one in groups.get((base, n, "plain"), [])}
        both = [one for one in some if method != "plain" and one["seed"] in without]
        if both:
            first, second = mean_scores(both), mean_scores([without[one["seed"]] for one in both])
            found = paired_difference(first, second, patients)
            wins = sum(np.mean(one["dice"]["1"]) > np.mean(without[one["seed"]]["dice"]["1"]) for one in both)
            apart.append(
                f"| {base} | {n} | {method} | {second.mean():.4f} | {first.mean():.4f} | {found.mean:+.4f} | "
                f"{found.low:+.4f} to {found.high:+.4f} | {wins} of {len(both)} |"
            )
    return [*lines, "", *apart]


def table_on(runs: Sequence[dict[str, Any]], patients: Sequence[str], ways: Sequence[str]) -> list[str]:
    """Return the differences on frames that look otherwise: a line for each base, method, number and way."""
    lines = [ON, f"|{'---|' * (ON.count('|') - 1)}"]
    for way in ways:
        there = [one | {"dice": one["on"][way]} for one in runs]
        rows = table(there, patients)
        for row in rows[rows.index(APART) + 2 :]:
            cells = row.split(" | ")
            lines.append(" | ".join([*cells[:3], way, *cells[3:]]))
    return lines


def all_runs(wanted: Sequence[dict[str, Any]], args: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """Yield what each run found, as it ends."""
    if args.jobs == 1:
        yield from (run(one, args.data, args.device, args.threads, args.on) for one in wanted)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        for done in as_completed(
            [pool.submit(run, one, args.data, args.device, args.threads, args.on) for one in wanted]
        ):
            yield done.result()


def _nobody_is_left(one: dict[str, Any], everybody: int) -> bool:
    return one["patients"] >= everybody and "self-training" in one["method"]


def kept(path: Path | None, on: Sequence[str]) -> list[dict[str, Any]]:
    """Return each run of a file once; one that was not judged on the frames asked for is no answer, and is left out."""
    if path is None or not path.is_file():
        return []
    whole, _, torn = path.read_text(encoding="utf-8").rpartition("\n")
    if torn:  # a run that was killed while it wrote
        path.write_text(whole + "\n" if whole else "", encoding="utf-8")
    runs = [json.loads(line) for line in whole.splitlines()]
    answers = [each for each in runs if set(on) <= each.get("on", {}).keys()]
    # One that was run again to be judged elsewhere too stands there twice, and is one run all the same.
    return list({tuple(each.get(key) for key in SETTINGS): each for each in answers}.values())


def main() -> None:
    """Run what is not there yet, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder or packed file of labelled frames, or phantoms"
    )
    parser.add_argument("--bases", nargs="+", default=["matae-phantom"], help=f"models, or {' or '.join(NEW)}")
    parser.add_argument("--patients", type=int, nargs="+", default=[5, 10, 25, 50])
    parser.add_argument("--methods", nargs="+", default=["plain", "self-training"], help=", ".join(METHODS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--grid", type=int, default=0, help="side of the input; that of the base if left out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--out", type=Path, help="JSON lines, one a run; those that are there are not run again")
    parser.add_argument("--on", nargs="+", choices=ELSEWHERE, default=[], help="judge on such frames too")
    parser.add_argument("--between", action="store_true", help="tables of the held-out frames that are no ED or ES")
    args = parser.parse_args()
    if args.data != PHANTOMS and any(not FILLED.keys().isdisjoint(method.split("+")) for method in args.methods):
        parser.error("pseudo-labels need the frames between labelled ones; choose --data phantoms")
    unknown = {part for method in args.methods for part in method.split("+")} - METHODS.keys()
    if unknown:
        parser.error(f"there is no method {min(unknown)}; choose of {', '.join(METHODS)}, joined by a plus")
    runs = kept(args.out, args.on)
    common = {"steps": args.steps, "batch": args.batch, "grid": args.grid}
    # Seeds outermost: a run that is broken off has all methods of the first seed.
    asked = [
        common | {"base": base, "method": method, "patients": n, "seed": seed}
        for seed in args.seeds
        for n in args.patients
        for base in args.bases
        for method in args.methods
    ]
    everybody = len(set(sides(args.data, args.grid or GRID)[0].patients))
    if any(_nobody_is_left(one, everybody) for one in asked):
        print(f"# of {everybody} patients all are labelled: self-training has nothing to look at", flush=True)
    asked = [one for one in asked if not _nobody_is_left(one, everybody)]
    wanted = [one for one in asked if not any(one.items() <= each.items() for each in runs)]
    for found in all_runs(wanted, args):
        runs.append(found)
        name = f"{found['base']}, {found['method']}, {found['patients']} patients, seed {found['seed']}"
        print(f"# {name}: Dice {np.mean(found['dice']['1']):.4f}, {found['processor_s']:.0f} processor s, "
              f"{found['wall_s']:.0f} s", flush=True)  # fmt: skip
        if args.out is not None:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    mine = [each for each in runs if any(one.items() <= each.items() for one in asked)]
    held_out = sides(args.data, args.grid or GRID)[1]
    if args.between:
        at = [i for i, phase in enumerate(held_out.phases) if not phase]
        held_out = held_out.take(at)
        mine = [one | {"dice": {w: [each[i] for i in at] for w, each in one["dice"].items()}} for one in mine]
    print("\n".join(table(mine, held_out.patients)))
    if args.on:
        print("\n".join(["", *table_on(mine, held_out.patients, args.on)]))


if __name__ == "__main__":
    main()
