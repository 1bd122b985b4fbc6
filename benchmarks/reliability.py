"""How often the ejection fraction is called "not reliable": where the outline is good, and where it is wrong.

    python benchmarks/reliability.py --data ../shared/data [--model matae-lv] [--width 1/2] [--pairs 50] [--json FILE]
    python benchmarks/reliability.py --data ../shared/data --model matae-apical --development

Each pair is the end-diastolic and the end-systolic picture of a heart, measured as a clip of two frames (so that a jump
of the area, which needs a frame rate, cannot count). A pair is good where both outlines have a Dice of 0.9 or more, and
wrong where one is below 0.8. The sets: CAMUS validation patients of both views as they are; the four-chamber pairs
restyled as in training (`matae.train.restyle`, which `matae-lv` never saw) and changed in ways that no training uses;
and phantoms, which no model of real hearts has seen. Frames are counted too: one is flagged where a reason to be silent
names it, or names no frame. The ejection fraction of the reference outlines, by the same method, lies in the 90 %
interval or not: of all pairs with a number, and of those that are not silent; beside it half of the interval, points,
and what both would be without the Dice that is expected of the outlines.

With --development the sets are those that limits were set on: training patients restyled and changed in still other
ways, and phantoms of other seeds. The model has learnt those patients, so their Dice says nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from matae.cine import Cine, Spacing
from matae.measure import PhaseMarks, measure_cine
from matae.measure.run import segment_and_measure
from matae.measure.uncertainty import ef_interval
from matae.metrics import dice
from matae.segment import SegmentOptions, find_sector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

GOOD, WRONG = 0.9, 0.8
MARKS = PhaseMarks((0,), (1,))
COUNTED = ("good_frames", "wrong_frames", "holds", "holds_shown", "held_without")
WIDE = {"holds": "half", "holds_shown": "half_shown", "held_without": "half_without"}
"""Mean half widths that stand behind a count, points."""
HEADER = (
    "| set | pairs | Dice | good, silent | wrong, silent | good frames, flagged | wrong frames, flagged "
    "| interval holds the reference | half width | the same, of those shown | half width "
    "| without expected Dice, shown | half width | why |"
)


class Pair(NamedTuple):
    """Pictures (2, Y, X) of one heart at end-diastole and end-systole, reference cavities, and the size of a pixel."""

    name: str
    pictures: NDArray[np.uint8]
    cavities: NDArray[np.bool_]
    side: float | None
    view: str = "A4C"


def camus(folder: Path, count: int, split: str = "val", first: int = 0) -> Iterator[Pair]:
    """Yield the patients of a folder, by default the validation patients."""
    from PIL import Image

    def read(part: str, frame: str) -> NDArray[np.uint8]:
        with Image.open(folder / part / f"{frame}.png") as picture:
            return np.asarray(picture.convert("L"))

    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    for patient in sorted({row["patient"] for row in rows})[first : first + count]:
        frames = {row["phase"]: row for row in rows if row["patient"] == patient}
        both = [frames[phase]["frame"] for phase in ("ED", "ES")]
        side = float(frames["ED"].get("spacing_mm") or 0) or None
        cavities = np.stack([read("masks", frame) for frame in both]) > 0
        yield Pair(patient, np.stack([read("images", frame) for frame in both]), cavities, side, frames["ED"]["view"])


def phantoms(count: int, first: int = 90_000) -> Iterator[Pair]:
    """Yield synthetic hearts that no model was trained on."""
    from matae.phantom import make_phantom

    for seed in range(first, first + count):
        made = make_phantom(seed, n_frames=12, frame_rate=12.0, shape=(256, 256))
        areas = (made.masks == 1).sum(axis=(1, 2))
        both = [int(areas.argmax()), int(areas.argmin())]
        yield Pair(f"phantom-{seed}", made.cine.frames[both], made.masks[both] == 1, None)


def restyled(pair: Pair, rng: np.random.Generator) -> Pair:
    """Return a pair in the style of another scanner."""
    import torch

    from matae.train.chance import Chance
    from matae.train.restyle import restyle

    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    images = torch.from_numpy(pair.pictures[:, None].astype(np.float32) / 255)
    changed = restyle(images, Chance(generator, len(images), slice(None))).mul(255).round().byte().numpy()[:, 0]
    return pair._replace(pictures=changed)


def changed(pair: Pair, rng: np.random.Generator) -> Pair:
    """Return a pair changed in a way that no training uses."""
    pictures, cavities = pair.pictures.astype(np.float32), pair.cavities
    way = int(rng.integers(7))
    if way == 0:
        pictures = 255 * (pictures / 255) ** 0.4
    elif way == 1:
        pictures = 255 * (pictures / 255) ** 2.6
    elif way == 2:
        pictures = ndimage.median_filter(pictures, (1, 9, 9))
    elif way == 3:
        pictures = np.floor(pictures / 64) * 64
    elif way == 4:
        angle = float(rng.choice([-45, 45]))
        pictures = ndimage.rotate(pictures, angle, (2, 1), reshape=False, order=1)
        cavities = ndimage.rotate(cavities.astype(np.uint8), angle, (2, 1), reshape=False, order=0) > 0
    elif way == 5:
        pictures[:, :, ::3] = 0
    else:
        pictures = np.where(pictures > 0, 255 - pictures, 0)
    return pair._replace(pictures=pictures.clip(0, 255).astype(np.uint8), cavities=cavities)


def changed_otherwise(pair: Pair, rng: np.random.Generator) -> Pair:
    """Return a pair changed in a way that neither training nor `changed` uses."""
    pictures, cavities = pair.pictures.astype(np.float32), pair.cavities
    way = int(rng.integers(9))
    if way == 0:
        pictures = 255 * (pictures / 255) ** 0.5
    elif way == 1:
        pictures = 255 * (pictures / 255) ** 2.2
    elif way == 2:
        pictures = ndimage.gaussian_filter(pictures, (0, 4, 4))
    elif way == 3:
        pictures = np.floor(pictures / 80) * 80
    elif way == 4:
        angle = float(rng.choice([-60, -30, 30, 60]))
        pictures = ndimage.rotate(pictures, angle, (2, 1), reshape=False, order=1)
        cavities = ndimage.rotate(cavities.astype(np.uint8), angle, (2, 1), reshape=False, order=0) > 0
    elif way == 5:
        pictures[:, ::4] = pictures[:, 1::4] = 0
    elif way == 6:
        pictures = np.where(pictures > 0, np.clip(pictures + rng.normal(0, 45, pictures.shape), 1, 255), 0)
    elif way == 7:
        columns = np.arange(pictures.shape[2])
        cut = rng.uniform(0.4, 0.6) * pictures.shape[2]
        pictures = pictures * np.where((columns < cut) == bool(rng.integers(2)), 0.12, 1)
    else:
        pictures = np.where(pictures > 0, 120 + (pictures - 120) * 0.25, 0)
    return pair._replace(pictures=pictures.clip(0, 255).astype(np.uint8), cavities=cavities)


def judge(pair: Pair, options: SegmentOptions) -> dict[str, Any]:
    """Segment and measure a pair, and compare its outlines with the reference."""
    spacing = None if pair.side is None else Spacing(pair.side, pair.side)
    cine = Cine(pair.pictures, None, spacing, Path(pair.name), view=pair.view)
    measured, found = segment_and_measure(cine, options, sector=find_sector(cine), marks=MARKS)
    scores = [dice(mask == 1, cavity) for mask, cavity in zip(found.masks, pair.cavities, strict=True)]
    true, ef = measure_cine(cine, pair.cavities.astype(np.uint8), marks=MARKS).ef, measured.ef
    without = None if ef is None else ef_interval(ef.value, measured.beats[0].sensitivity, widths_sd=ef.widths_sd)
    expected = [None] * 2 if measured.expected is None else [round(float(dice), 4) for dice in measured.expected]
    flagged = [ef is None or any(not flag.frames or t in flag.frames for flag in measured.doubts) for t in (0, 1)]
    return {
        "name": pair.name, "dice": [round(float(score), 4) for score in scores], "flagged": flagged,
        "ef": None if ef is None else [round(x, 2) for x in (ef.value, ef.low, ef.high, (ef.high - ef.low) / 2)],
        "without": None if without is None else [
            round(x, 2) for x in (without.low, without.high, (without.high - without.low) / 2)
        ],
        "expected": expected,
        "true_ef": None if true is None else round(true.value, 2),
        "silent": ef is None or bool(measured.doubts), "doubts": [flag.code for flag in measured.doubts],
    }  # fmt: skip


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the pairs that are silent among the good and among the wrong."""
    good = [row for row in found if min(row["dice"]) >= GOOD]
    wrong = [row for row in found if min(row["dice"]) < WRONG]
    reasons = [code for row in found for code in (row["doubts"] or (["no-number"] if row["silent"] else []))]
    frames = [pair for row in found for pair in zip(row["dice"], row["flagged"], strict=True)]
    rows = [row for row in found if row["ef"] is not None and row["true_ef"] is not None]
    shown = [row for row in rows if not row["silent"]]
    holds, holds_shown = ([row["ef"][1] <= row["true_ef"] <= row["ef"][2] for row in of] for of in (rows, shown))
    without = [row["without"][0] <= row["true_ef"] <= row["without"][1] for row in shown]
    return {
        "pairs": len(found), "dice": round(float(np.mean([row["dice"] for row in found])), 4),
        "good": len(good), "good_silent": sum(row["silent"] for row in good),
        "wrong": len(wrong), "wrong_silent": sum(row["silent"] for row in wrong),
        "good_frames": [sum(flag for score, flag in frames if score >= GOOD), sum(s >= GOOD for s, _ in frames)],
        "wrong_frames": [sum(flag for score, flag in frames if score < WRONG), sum(s < WRONG for s, _ in frames)],
        "holds": [sum(holds), len(holds)], "half": mean([row["ef"][3] for row in rows]),
        "holds_shown": [sum(holds_shown), len(shown)], "half_shown": mean([row["ef"][3] for row in shown]),
        "held_without": [sum(without), len(shown)], "half_without": mean([row["without"][2] for row in shown]),
        "reasons": {code: reasons.count(code) for code in sorted(set(reasons))},
    }  # fmt: skip


def development(a4c: Path, a2c: Path) -> dict[str, Iterator[Pair]]:
    """Return the sets that the limits were set on, one random generator behind them all."""
    rng = np.random.default_rng(77)
    return {
        "phantoms": phantoms(70, 80_000),
        "A4C changed otherwise": (changed_otherwise(pair, rng) for pair in camus(a4c, 90, "train")),
        "A4C restyled": (restyled(pair, rng) for pair in camus(a4c, 40, "train", 90)),
        "A2C changed otherwise": (changed_otherwise(pair, rng) for pair in camus(a2c, 40, "train", 130)),
        "A4C": camus(a4c, 15, "train", 170),
    }


def mean(values: list[float]) -> float | None:
    """Return the mean, None of nothing."""
    return round(float(np.mean(values)), 2) if values else None


def counts(found: dict[str, Any]) -> str:
    """Return the cells of what is counted as one number of another, with the half widths behind them."""
    cells = []
    for key in COUNTED:
        cells.append("{} of {}".format(*found[key]))
        if key in WIDE:
            wide = found.get(WIDE[key])
            cells.append("" if wide is None else f"{wide:.1f}")
    return " | ".join(cells)


def main() -> None:
    """Judge every set and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="matae-lv")
    parser.add_argument("--width", default="1/2")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--development", action="store_true", help="the sets that the limits were set on")
    args = parser.parse_args()
    options = SegmentOptions(args.model, args.width)
    a4c, a2c, count = args.data / "camus-a4c-256", args.data / "camus-a2c-256", args.pairs

    def each(change: Callable[[Pair, np.random.Generator], Pair]) -> Iterator[Pair]:
        rng = np.random.default_rng(1)
        return (change(pair, rng) for pair in camus(a4c, count))

    sets = development(a4c, a2c) if args.development else {
        "CAMUS val, A4C": camus(a4c, count), "CAMUS val, A2C": camus(a2c, count),
        "A4C restyled": each(restyled), "A4C changed": each(changed), "phantoms": phantoms(count),
    }  # fmt: skip
    print(HEADER + "\n|" + " --- |" * (HEADER.count("|") - 1))
    record: dict[str, Any] = {"model": args.model, "width": args.width, "sets": {}}
    for name, pairs in sets.items():
        found = [judge(pair, options) for pair in pairs]
        s = summary(found)
        record["sets"][name] = s | {"each": found}
        why = ", ".join(f"`{code}` {n}" for code, n in s["reasons"].items()) or "-"
        print(f"| {name} | {s['pairs']} | {s['dice']:.3f} | {s['good_silent']} of {s['good']} "
              f"| {s['wrong_silent']} of {s['wrong']} | {counts(s)} | {why} |", flush=True)  # fmt: skip
    every = {key: np.sum([s[key] for s in record["sets"].values()], axis=0).tolist() for key in COUNTED}
    print(f"| all | | | | | {counts(every)} | |")
    if args.json is not None:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
