"""A measured story: what it takes to bring a poor proposal to a Dice of 0.95, tool by tool.

    python benchmarks/correction_story.py --data CAMUS_FOLDER [--model NAME] [--frames N] [--cines N] [--json FILE]

The hand is scripted and ideal: it sees the reference, goes to the worst place first and does not tremble. So the
figures compare tools with each other; they do not say how long a person takes. Everything is seeded.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from matae.cine import Cine, Spacing
from matae.edit import EditError, interpolate, nudge, propagate, reshape
from matae.measure import contour, landmarks
from matae.metrics import dice
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, segment
from matae.train.data import load_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from matae.measure import Landmarks

    Mask = NDArray[np.uint8]
    Tool = Callable[["Job"], "Iterator[Step]"]

GOAL = 0.95
KEY_GOAL = 0.97  # of a frame that others are made from: its errors go with it
MOST = 60  # operations a frame
DEGRADED = "degraded"  # matae-lv at its smallest on spoilt pictures: poor on phantom cines too
POOR = "matae-phantom"
SEED = 2026
PHANTOMS = range(700, 800)  # their hearts; none of them is used for training


@dataclass
class Job:
    """A frame under correction."""

    mask: Mask
    truth: Mask
    spacing: Spacing
    goal: float = GOAL

    def score(self, mask: Mask | None = None) -> float:
        return float(dice(self.mask if mask is None else mask, self.truth))

    @property
    def done(self) -> bool:
        return self.score() >= self.goal


@dataclass(frozen=True)
class Step:
    """One operation: the mask after it, and how far the hand went."""

    mask: Mask
    drag_px: float


@dataclass
class Cost:
    """What a chain of operations came to."""

    operations: int = 0
    pixels: int = 0
    drag_px: float = 0.0
    dice: float = 0.0


def brush(job: Job) -> Iterator[Step]:
    """Paint or rub out along the reference's edge, where the largest disagreement is.

    The disc of the viewer's default size runs alongside the reference contour, at the depth where the disagreement
    begins, through its deepest place. A stroke is at most eight discs long: nobody rounds a cavity in one.
    """
    radius = max(3, round(min(job.mask.shape) / 40)) / 2
    rows, columns = np.indices(job.mask.shape)
    truth = job.truth == 1
    depth = np.abs(ndimage.distance_transform_edt(truth) - ndimage.distance_transform_edt(~truth)) - 0.5
    while True:
        parts, count = ndimage.label((job.mask == 1) != truth)
        # What is added and what is taken away are never one part: the reference's edge lies between them.
        parts[(parts > 0) & truth] += count
        sizes = np.bincount(parts.ravel())[1:]
        if not sizes.any():
            return
        worst = parts == 1 + int(sizes.argmax())
        deepest = np.unravel_index(int(np.where(worst, depth, -1.0).argmax()), worst.shape)
        near = np.hypot(rows - deepest[0], columns - deepest[1]) <= 8 * radius
        shallow = depth <= depth[worst & near].min() + 2 * radius
        band, pieces = ndimage.label(worst & near & shallow)
        stroke = band == 1 + int(np.bincount(band.ravel())[1 : pieces + 1].argmax())
        out = np.where(stroke, truth, job.mask).astype(np.uint8)
        yield Step(out, max(float(np.count_nonzero(stroke)) / (2 * radius) - 2 * radius, 0.0))


def push(job: Job) -> Iterator[Step]:
    """Push the contour at its worst point to the nearest point of the reference; where it does not help, the next."""
    radius = round(min(job.mask.shape) / 6) / 2
    goal = contour(job.truth)
    while True:
        line = contour(job.mask)
        if not len(line):
            return
        apart = np.hypot(*(line[:, None] - goal[None]).transpose(2, 0, 1))
        nearest, distance = apart.argmin(1), apart.min(1)
        best: Step | None = None
        tried = np.zeros(len(line), bool)
        for _ in range(6):
            if tried.all() or best is not None:
                break
            worst = int(np.where(tried, -1.0, distance).argmax())
            tried |= np.hypot(*(line - line[worst]).T) < radius / 2
            for reach in (radius, radius / 2):
                out = nudge(job.mask, line[worst], goal[nearest[worst]], reach)
                if job.score(out) > job.score():
                    best = Step(out, float(distance[worst]))
                    break
        if best is None:
            return
        yield best


def handles(job: Job) -> Iterator[Step]:
    """Draw apex and hinge points to those of the reference, the furthest first; each at most once."""
    here, there = landmarks(job.mask, job.spacing), landmarks(job.truth, job.spacing)
    if here is None or there is None:
        return
    offset = np.hypot(*(there.as_array() - here.as_array()).T)
    for which in np.argsort(-offset):
        if offset[which] < 2:  # nobody would see it
            return
        name = ("apex", "left", "right")[which]
        moved: Landmarks = here.moved(**{name: getattr(there, name)})
        try:
            out = reshape(job.mask, here, moved, spacing=job.spacing)
        except EditError:
            continue
        here = moved
        yield Step(out, float(offset[which]))


CHAINS: dict[str, tuple[Tool, ...]] = {
    "brush": (brush,),
    "push": (push,),
    "handles": (handles,),
    "handles, brush": (handles, brush),
    "handles, push": (handles, push),
    "handles, push, brush": (handles, push, brush),
}


def correct(job: Job, chain: tuple[Tool, ...]) -> Cost:
    """Work on the job until it is done, with one tool after the other."""
    cost = Cost()
    for tool in chain:
        steps = tool(job)
        while not job.done and cost.operations < MOST:
            step = next(steps, None)
            if step is None:
                break
            cost.operations += 1
            cost.pixels += int(np.count_nonzero(step.mask != job.mask))
            cost.drag_px += step.drag_px
            job.mask = step.mask
    cost.dice = job.score()
    return cost


def degraded(frames: Mask, seed: int) -> Mask:
    """Return the pictures blurred, darkened and noisy: what a network proposes on them is poor."""
    rng = np.random.default_rng(seed)
    blurred = ndimage.gaussian_filter(frames.astype(np.float32), (0, 3, 3)) * (0.5 + 0.5 * rng.random())
    noisy = blurred + rng.normal(0, 40, frames.shape) * (frames > 0)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def proposer(name: str) -> tuple[Callable[[Cine, int], Mask], str]:
    """Return what makes the poor proposals, and its description."""
    if name == DEGRADED:
        text = "matae-lv at width 1/8 on pictures blurred, darkened and noisy"
        segmenter = Segmenter(SegmentOptions("matae-lv", width="1/8", device="cpu"))

        def on_degraded(cine: Cine, seed: int) -> Mask:
            poor = replace(cine, frames=degraded(cine.frames, seed))
            return (segment(poor, segmenter=segmenter).masks == 1).astype(np.uint8)

        return on_degraded, text
    segmenter = Segmenter(SegmentOptions(name, width="1", device="cpu"))

    def as_it_is(cine: Cine, _seed: int) -> Mask:
        return (segment(cine, segmenter=segmenter).masks == 1).astype(np.uint8)

    return as_it_is, f"{name} at width 1"


def quartiles(values: list[float], digits: int = 0) -> str:
    if not values:
        return "-"
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def stills(propose: Callable[[Cine, int], Mask], folder: Path, most: int | None) -> dict[str, object]:
    """Correct single frames of CAMUS (split val), once with each chain of tools."""
    labelled = load_frames(folder, "val")
    rng = np.random.default_rng(SEED)
    chosen = np.sort(rng.permutation(len(labelled))[:most])
    costs: dict[str, list[Cost]] = defaultdict(list)
    start, already, empty = [], 0, 0
    for index in chosen:
        size = float(labelled.spacing[index])
        spacing = Spacing(size, size) if np.isfinite(size) else Spacing(1.0, 1.0)
        cine = Cine(labelled.images[index][None], None, spacing, Path("frame"))
        proposal, truth = propose(cine, SEED + int(index))[0], (labelled.masks[index] == 1).astype(np.uint8)
        job = Job(proposal, truth, spacing)
        start.append(job.score())
        if job.done or not proposal.any():
            already, empty = already + job.done, empty + (not proposal.any())
            continue
        for name, chain in CHAINS.items():
            costs[name].append(correct(Job(proposal, truth, spacing), chain))
    rows = []
    for name, found in costs.items():
        reached = [cost for cost in found if cost.dice >= GOAL]
        rows.append(
            {
                "tools": name, "frames": len(found), "reached": len(reached),
                "operations": quartiles([c.operations for c in found]),
                "pixels": quartiles([c.pixels for c in found]),
                "drag_px": quartiles([c.drag_px for c in found]),
                "dice_after": quartiles([c.dice for c in found], 3),
            }
        )  # fmt: skip
    return {
        "frames": len(chosen), "already": already, "empty": empty,
        "dice_before": quartiles(start, 3), "rows": rows,
    }  # fmt: skip


def cines(propose: Callable[[Cine, int], Mask], count: int) -> dict[str, object]:
    """Correct whole phantom cines: frame by frame, from key frames, from one frame."""
    best = CHAINS["handles, push, brush"]
    totals: dict[str, list[Cost]] = defaultdict(list)
    reused: dict[str, list[float]] = defaultdict(list)
    start = []
    for seed in PHANTOMS[:count]:
        phantom = make_phantom(seed, n_frames=31, frame_rate=30.0, shape=(256, 256))
        proposals = propose(phantom.cine, SEED + seed)
        spacing, truth = phantom.cine.spacing, phantom.masks
        start += [float(dice(a, b)) for a, b in zip(proposals, truth, strict=True)]

        def finish(
            name: str, masks: dict[int, Mask], done: list[Cost], truth: Mask = truth, spacing: Spacing = spacing
        ) -> None:
            work = [correct(Job(mask, truth[frame], spacing), best) for frame, mask in masks.items()]
            reused[name].append(float(np.mean([cost.operations == 0 for cost in work])))
            every = [*done, *work]
            totals[name].append(
                Cost(
                    sum(c.operations for c in every), sum(c.pixels for c in every), sum(c.drag_px for c in every),
                    min(c.dice for c in work),
                )
            )  # fmt: skip

        finish("each frame", dict(enumerate(proposals)), [])
        for every in (10, 5):
            keys, paid = {}, []
            for frame in range(0, 31, every):
                job = Job(proposals[frame], truth[frame], spacing, KEY_GOAL)
                paid.append(correct(job, best))
                keys[frame] = job.mask
            between = interpolate(keys, range(31), spacing=spacing)
            paid.append(Cost(operations=1))
            finish(f"every {every}th frame, interpolate", between, paid)
        middle = 15
        job = Job(proposals[middle], truth[middle], spacing, KEY_GOAL)
        paid = [correct(job, best), Cost(operations=1)]
        carried = dict(propagate(phantom.cine.frames, job.mask, middle, range(31), spacing=spacing))
        finish("the middle frame, propagate", {**carried, middle: job.mask}, paid)
    rows = [
        {
            "way": name, "cines": len(found), "operations": quartiles([c.operations for c in found]),
            "per_frame": quartiles([c.operations / 31 for c in found], 1),
            "pixels": quartiles([c.pixels for c in found]),
            "taken_as_they_are": quartiles([100 * share for share in reused[name]]),
            "worst_dice": round(min(c.dice for c in found), 3),
        }
        for name, found in totals.items()
    ]  # fmt: skip
    return {"cines": count, "dice_before": quartiles(start, 3), "rows": rows}


MOVES = {"apex": (0,), "left": (1,), "right": (2,), "both hinge points": (1, 2), "all three": (0, 1, 2)}


def pulled(mask: Mask, back: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Mask:
    """Return the mask whose pixel at p is that of `mask` at back(p), p as columns (2, N)."""
    y, x = np.indices(mask.shape)
    where = back(np.stack([y.ravel(), x.ravel()]).astype(float))
    found = ndimage.map_coordinates(mask.astype(np.float32), where, order=1).reshape(mask.shape)
    return (found > 0.5).astype(np.uint8)


def affine(mask: Mask, before: Landmarks, after: Landmarks) -> Mask:
    """Return the mask under the one affine map that takes the handles there."""
    new, old = (np.vstack([one.as_array().T, np.ones(3)]) for one in (after, before))
    matrix = (old @ np.linalg.inv(new))[:2]
    return pulled(mask, lambda points: matrix[:, :2] @ points + matrix[:, 2:])


def local(mask: Mask, before: Landmarks, after: Landmarks) -> Mask:
    """Return the mask with Gaussian falloffs around the handles alone, 0.3 of the long axis wide."""
    new, old, width = after.as_array(), before.as_array(), 0.3 * after.length()

    def near(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-0.5 * ((points[:, None] - new[None]) ** 2).sum(-1) / width**2)

    weights = np.linalg.solve(near(new), old - new)
    return pulled(mask, lambda points: points + (near(points.T) @ weights).T)


def maps(propose: Callable[[Cine, int], Mask], folder: Path, count: int) -> dict[str, object]:
    """Compare ways to follow the handles: the mean change of Dice when some go where the reference has them."""
    labelled = load_frames(folder, "train")
    gain: dict[tuple[str, str], list[float]] = defaultdict(list)
    ways = {"as built": reshape, "affine map": affine, "local falloff": local}
    for index in range(min(count, len(labelled))):
        cine = Cine(labelled.images[index][None], None, Spacing(1.0, 1.0), Path("frame"))
        proposal, truth = propose(cine, SEED + index)[0], (labelled.masks[index] == 1).astype(np.uint8)
        here, there = landmarks(proposal), landmarks(truth)
        if here is None or there is None:
            continue
        for moved, which in MOVES.items():
            goal = here.as_array()
            goal[list(which)] = there.as_array()[list(which)]
            for name, way in ways.items():
                change = dice(way(proposal, here, type(here).from_array(goal)), truth) - dice(proposal, truth)
                gain[moved, name].append(float(change))
    return {
        "frames": min(count, len(labelled)),
        "rows": [
            {"moved": moved} | {name: float(np.mean(gain[moved, name])) for name in ways} for moved in MOVES
        ],
    }  # fmt: skip


def as_markdown(report: dict) -> str:
    lines = [f"Proposals: {report['proposals']}. Goal: Dice {GOAL}. Median (quartiles).", ""]
    if "stills" in report:
        part = report["stills"]
        lines += [
            (
                f"CAMUS, split val, {part['frames']} frames. Dice of the proposals: {part['dice_before']}. "
                f"Good enough already: {part['already']}; empty: {part['empty']}."
            ),
            "",
            "| tools, in this order | reached 0.95 | operations | pixels changed | drag, pixels | Dice after |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {r['tools']} | {r['reached']} of {r['frames']} | {r['operations']} | {r['pixels']} | {r['drag_px']} "
            f"| {r['dice_after']} |"
            for r in part["rows"]
        ]
        lines.append("")
    if "maps" in report:
        part = report["maps"]
        lines += [
            f"Mean change of Dice on {part['frames']} CAMUS frames (split train), handles drawn to the reference:",
            "",
            "| handles drawn | as built | affine map | local falloff |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {r['moved']} | {r['as built']:+.3f} | {r['affine map']:+.3f} | {r['local falloff']:+.3f} |"
            for r in part["rows"]
        ]
        lines.append("")
    part = report["cines"]
    lines += [
        (
            f"{part['cines']} phantom cines of 31 frames at 30 Hz (256 x 256). Dice of the proposals: "
            f"{part['dice_before']}. Every frame is brought to {GOAL}; frames that others are made from to {KEY_GOAL}."
        ),
        "",
        (
            "| what is corrected by hand first | operations a cine | a frame | pixels changed by hand "
            "| other frames good as made, % | worst Dice after |"
        ),
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['way']} | {r['operations']} | {r['per_frame']} | {r['pixels']} | {r['taken_as_they_are']} "
        f"| {r['worst_dice']:.3f} |"
        for r in part["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with CAMUS frames and index.csv; left out when not given")
    parser.add_argument("--model", default=POOR, help=f"what proposes; or '{DEGRADED}'")
    parser.add_argument("--frames", type=int, help="how many CAMUS frames; all of split val when not given")
    parser.add_argument("--cines", type=int, default=6, help="how many phantom cines")
    parser.add_argument("--maps", type=int, default=0, help="how many frames of split train to compare warps on")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    propose, text = proposer(arguments.model)
    report: dict[str, object] = {"proposals": text}
    if arguments.data is not None:
        report["stills"] = stills(propose, arguments.data, arguments.frames)
        if arguments.maps:
            report["maps"] = maps(propose, arguments.data, arguments.maps)
    report["cines"] = cines(propose, arguments.cines)
    print(as_markdown(report))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2), "utf-8")


if __name__ == "__main__":
    main()
