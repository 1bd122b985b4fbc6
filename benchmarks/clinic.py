"""The simulated clinic: what correcting some frames buys, on patients nobody corrected.

    python benchmarks/clinic.py --data shared/data/camus-a4c-256 [--base matae-phantom] [--frames 10 20 50 100]
                                [--kind quick full] [--seconds 120] [--scenario site|shift] [--threads 2] [--out FILE]
                                [--uncorrected 100] [--self-training auto|on|off] [--clock wall|processor]

A study is filled as a clinic would fill it: the base's proposals for both frames of a few training patients, each
corrected to the reference mask (so the corrections are as good as the data set's), and the validation patients'
reference masks as held-out labels. ``--uncorrected`` adds training patients nobody corrected, who guard what a base of
real hearts could do, and teach where there is self-training. Then `matae.learn.retrain` runs with its defaults.
``--scenario shift`` changes the look of every picture first (gain, gamma, depth, rotation, a narrower sector), for a
base that knows the data set.

It needs a folder with ``index.csv`` (frame, patient, split, phase, spacing_mm). Seconds are of the processor, all
threads together, so that they hold beside other work too; with one thread on a quiet machine they are those of the
clock. How many steps fit into `--seconds` does follow the clock, unless ``--clock processor`` has it follow the
processor, for a machine that does other work too; `--steps` fixes them. No picture is kept: everything lies in a
temporary folder.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.learn import Verdict
    from matae.store import Study

HEADER = (
    "| scenario | base | kind | frames | patients | Dice before | Dice after | IoU before | IoU after | "
    "Dice at 1/8 after | guard before | guard after | steps | training, processor s | in all, processor s | verdict |"
)


def read_pairs(folder: Path, split: str) -> dict[str, list[dict[str, str]]]:
    """Return the rows of each patient of a side, end-diastole first; patients with both phases only."""
    found: dict[str, list[dict[str, str]]] = {}
    with (folder / "index.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["split"] == split:
                found.setdefault(row["patient"], []).append(row)
    pairs = {patient: sorted(rows, key=lambda row: row["phase"]) for patient, rows in sorted(found.items())}
    return {patient: rows for patient, rows in pairs.items() if [row["phase"] for row in rows] == ["ED", "ES"]}


def picture(path: Path) -> NDArray[np.uint8]:
    """Return a grey picture."""
    from PIL import Image

    with Image.open(path) as file:
        return np.asarray(file.convert("L"))


def shifted(frames: NDArray[np.uint8], masks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the frames as another scanner would show them: rotated, deeper, softer, in a narrower sector."""
    from scipy import ndimage

    angle, zoom = np.deg2rad(25.0), 1.4
    cos, sin = np.cos(angle), np.sin(angle)
    turn = zoom * np.array([[cos, -sin], [sin, cos]])
    centre = (np.array(frames.shape[1:]) - 1) / 2
    offset = centre - turn @ centre
    moved = np.stack([ndimage.affine_transform(f.astype(np.float32), turn, offset, order=1) for f in frames])
    labels = np.stack([ndimage.affine_transform(m, turn, offset, order=0) for m in masks])
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]]
    inside = np.abs(x - centre[1]) < 0.62 * (y + 20)
    # Soft, pale near the probe, dark in the depth.
    fall = 1.6 - 1.1 * y / frames.shape[1]
    graded = 255 * np.clip(fall * (ndimage.gaussian_filter(moved, (0, 1.5, 2.5)) / 255) ** 0.5, 0, 1) * inside
    return graded.astype(np.uint8), (labels * inside).astype(np.uint8)


def add_patient(
    study: Study, folder: Path, data: Path, rows: Sequence[dict[str, str]], *, shift: bool
) -> tuple[Cine, NDArray[np.uint8]]:
    """Add the two frames of a patient as one clip, and return it with its reference masks."""
    from matae.read import open_cine

    frames = np.stack([picture(data / "images" / f"{row['frame']}.png") for row in rows])
    masks = np.stack([(picture(data / "masks" / f"{row['frame']}.png") > 0).astype(np.uint8) for row in rows])
    if shift:
        frames, masks = shifted(frames, masks)
    spacing = float(rows[0].get("spacing_mm") or "nan")
    path = folder / f"{rows[0]['patient']}.npz"
    facts = {} if np.isnan(spacing) else {"spacing": np.array([spacing, spacing])}
    np.savez(path, frames=frames, **facts)
    cine = open_cine(path)
    study.add_cine(cine, subject=rows[0]["patient"])
    study.set_split(rows[0]["patient"], rows[0]["split"])
    study.set_marks(cine.content_id, ed=0, es=1)
    return cine, masks


def fill(
    study: Study, folder: Path, data: Path, base: str, n_frames: int, *, shift: bool, n_val: int, n_more: int
) -> None:
    """Correct `n_frames` frames of as few training patients, label the validation patients; `n_more` have no labels."""
    from matae.segment import Segmenter, SegmentOptions, find_sector
    from matae.store import Edit, FrameStatus

    segmenter = Segmenter(SegmentOptions(base, "1", "cpu", "torch"))
    train = list(read_pairs(data, "train").values())
    # Evenly through the list, so that it is no run of neighbours.
    n_patients = (n_frames + 1) // 2
    places = [i * len(train) // n_patients for i in range(n_patients)]
    chosen, others = [train[i] for i in places], [rows for i, rows in enumerate(train) if i not in set(places)]
    for i in range(min(n_more, len(others))):
        add_patient(study, folder, data, others[i * len(others) // min(n_more, len(others))], shift=shift)
    val = list(read_pairs(data, "val").values())[:n_val]
    left = n_frames
    for rows in (*chosen, *val):
        cine, masks = add_patient(study, folder, data, rows, shift=shift)
        wanted = range(min(2, left)) if rows[0]["split"] == "train" else range(2)
        left -= len(wanted) if rows[0]["split"] == "train" else 0
        proposals = {f.index: f.mask for f in segmenter.stream(cine, find_sector(cine), list(wanted))}
        study.put_proposals(cine.content_id, proposals, model=base, width="1")
        infos = study.frames(cine.content_id)
        edits = [Edit(t, masks[t], infos[t].revision, FrameStatus.ACCEPTED, seconds=0.0) for t in wanted]
        study.put_edits(cine.content_id, edits, note="reference")


def run(args: argparse.Namespace, kind: str, n_frames: int) -> tuple[Verdict, dict[str, float]]:
    """Fill a study, retrain, and return the verdict with what it took."""
    from matae.learn import RetrainOptions, retrain
    from matae.learn.events import Event, Notice, Step, Validation
    from matae.store import Study

    took = {"steps": 0.0, "training": 0.0}
    first: list[float] = []

    def follow(event: Event) -> None:
        if isinstance(event, Step):
            # From the end of the first step, and as much for that one as for each other.
            first.append(time.process_time()) if not first else None
            share = event.step / max(event.step - 1, 1)
            took["steps"], took["training"] = event.step, share * (time.process_time() - first[0])
        elif isinstance(event, Notice):
            print(event.sentence, file=sys.stderr)
        elif isinstance(event, Validation):
            checked = ", ".join(f"{width}: {dice:.4f}" for width, dice in event.dice.items())
            print(f"step {event.step}: {checked}, best so far {event.best}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Study.create(folder / "study.matae", rater="clinic") as study:
            (folder / "clips").mkdir()
            shift = args.scenario == "shift"
            fill(study, folder / "clips", args.data, args.base, n_frames, shift=shift, n_val=args.val,
                 n_more=args.uncorrected)  # fmt: skip
            keys = ("base", "seconds", "steps", "replay", "device", "seed", "self_training")
            chosen = {key: getattr(args, key) for key in keys}
            options = RetrainOptions(against=args.base, kind=kind, **chosen)
            start = time.process_time()
            verdict = retrain(study, options, folder=folder / "run", emit=follow)
            took["all"] = time.process_time() - start
    from matae.models import remove_model

    remove_model(verdict.name)
    return verdict, took


def row(args: argparse.Namespace, kind: str, n_frames: int, verdict: Verdict, took: dict[str, float]) -> str:
    """Return a line of the table."""
    held_out, guard = verdict.held_out.figures, verdict.guard
    narrow = held_out.get("dice 1/8")

    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    cells: list[Any] = [
        args.scenario, args.base, kind, n_frames, verdict.agreement.n_patients,
        shown(held_out["dice"].before), shown(held_out["dice"].after),
        shown(held_out["iou"].before), shown(held_out["iou"].after), shown(narrow and narrow.after),
        shown(guard and guard.before), shown(guard and guard.after),
        f"{took['steps']:.0f}", f"{took['training']:.0f}", f"{took['all']:.0f}", verdict.outcome,
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv, images/ and masks/")
    parser.add_argument("--base", default="matae-phantom")
    parser.add_argument("--frames", type=int, nargs="+", default=[10, 20, 50, 100])
    parser.add_argument("--kind", nargs="+", default=["quick", "full"])
    parser.add_argument("--seconds", type=float, default=120.0, help="time for training")
    parser.add_argument("--steps", type=int, default=0, help="steps instead of time")
    parser.add_argument("--scenario", choices=("site", "shift"), default="site")
    parser.add_argument("--replay", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--val", type=int, default=50, help="validation patients")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--uncorrected", type=int, default=0, help="training patients nobody corrected")
    parser.add_argument("--self-training", default="auto", choices=("auto", "on", "off"))
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="change the recipe, as in lr=2e-3 (matae.learn.recipe)",
    )
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall", help="what --seconds are of")
    parser.add_argument("--out", type=Path, help="append the table's lines to this file")
    args = parser.parse_args()
    os.environ["MATAE_THREADS"] = str(args.threads)
    if args.clock == "processor":
        time.perf_counter = time.process_time  # what plans and ends a training
    from matae.learn.recipe import RECIPES

    for kind in args.kind:
        values = dict(text.split("=", 1) for text in args.set)
        known = {key: type(getattr(RECIPES[kind], key))(float(value)) for key, value in values.items()}
        RECIPES[kind] = replace(RECIPES[kind], **known)
    print(f"{HEADER}\n|{'---|' * (HEADER.count('|') - 1)}", flush=True)
    for n_frames in args.frames:
        for kind in args.kind:
            verdict, took = run(args, kind, n_frames)
            line = row(args, kind, n_frames, verdict, took)
            print(line, flush=True)
            print(verdict.sentence, file=sys.stderr)
            if verdict.kept is not None:
                print(f"agreement with the base, patients nobody corrected: {verdict.kept.after:.4f}", file=sys.stderr)
            if args.out is not None:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")


if __name__ == "__main__":
    main()
