"""How good are frames that are filled in from three corrected ones? On synthetic hearts with exact masks.

    python benchmarks/fill_between.py [--hearts 20] [--skip 10] [--rates 25 50 80] [--network 30] [--json FILE]

Of each cine the exact masks of end-diastole, end-systole and one frame midway between are known, and next end-diastole
is not. The frames between are filled by interpolation of the shape (signed distances along a moving, growing shape),
by optical flow from one side, from both sides, and by flow and shape together (`matae.edit.fill_between`); the frames
beyond can only be propagated. Prints the mean Dice, by rate and by distance from the nearest known frame, and what
share of the wrong pixels lies where the three disagree. ``--network`` trains the frame-interpolation teacher of
`frame_interpolation` on each clip for so many seconds, as published and with the frame itself before it, and marks as
large an area of each frame as uncertain as the disagreement does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.edit import interpolate, propagate
from matae.edit.fill import fill_between
from matae.metrics import dice
from matae.phantom import make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

HEARTS = range(7000, 7100)
FAR = 99  # farther than any frame is
GAPS = (1, 2, 3, 5, 8, FAR)
Masks = dict[int, "NDArray[np.uint8]"]


def known_frames(masks: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return end-diastole, the frame midway and end-systole of the longest way between two extremes of the area."""
    area = (masks == 1).sum((1, 2))
    ed = int(area[: len(area) * 2 // 3].argmax())
    es = ed + int(area[ed:].argmin())
    return ed, (ed + es) // 2, es


def methods(
    images: NDArray[np.uint8], keys: Masks, between: list[int], spacing: object, shares: Sequence[float]
) -> dict[str, Callable[[], Masks]]:
    ed, mid, _ = sorted(keys)

    def one_side() -> Masks:
        first = dict(propagate(images, keys[ed], ed, [t for t in between if t < mid], spacing=spacing))
        return first | dict(propagate(images, keys[mid], mid, [t for t in between if t > mid], spacing=spacing))

    def filled(share: float) -> Callable[[], Masks]:
        return lambda: {
            one.frame: one.mask for one in fill_between(images, keys, between, spacing=spacing, shape_share=share)
        }

    return {
        "copy of the nearest": lambda: {t: keys[min(keys, key=lambda k: abs(k - t))] for t in between},
        "shape": lambda: interpolate(keys, between, spacing=spacing),
        "flow from before": one_side,
    } | {("flow from both sides" if not s else f"flow and shape, {s:g}"): filled(s) for s in shares}


def by_network(
    images: NDArray[np.uint8], keys: Masks, truth: NDArray[np.uint8], areas: dict[int, int], seconds: float
) -> list[dict[str, object]]:
    """Return the rows of the two networks: Dice, and how many wrong pixels are among the most uncertain ones."""
    from frame_interpolation import Settings, Teacher

    rows: list[dict[str, object]] = []
    for name, sees in (("network", False), ("network that sees the frame", True)):
        start = time.process_time()
        teacher = Teacher(images, keys, Settings(seconds=seconds, sees=sees))
        found = {t: teacher.fill(t) for t in areas}
        spent = time.process_time() - start
        for t, (mask, doubt, border) in found.items():
            wrong = (mask == 1) != (truth[t] == 1)
            row = {"method": name, "gap": min(abs(t - key) for key in keys), "seconds": spent, "steps": teacher.steps}
            row["dice"] = float(dice(mask == 1, truth[t] == 1))
            for kind, how in (("head", doubt), ("border", border)):
                most = np.argpartition(how.ravel(), -areas[t])[-areas[t] :] if areas[t] else np.zeros(0, int)
                row[f"wrong_by_{kind}"] = int(wrong.ravel()[most].sum())
            rows.append(row | {"wrong_all": int(wrong.sum())})
    return rows


def one_heart(seed: int, rate: float, shares: Sequence[float], network: float = 0.0) -> list[dict[str, object]]:
    phantom = make_phantom(seed, n_frames=31, frame_rate=rate, shape=(300, 400))
    truth, images, spacing = phantom.masks, phantom.cine.frames, phantom.cine.spacing
    keys = {t: truth[t] for t in known_frames(truth)}
    if len(keys) < 3:
        return []
    ed, mid, es = sorted(keys)
    between = [t for t in range(ed + 1, es) if t != mid]
    if not between:
        return []
    rows: list[dict[str, object]] = []
    for name, work in methods(images, keys, between, spacing, shares).items():
        start = time.process_time()
        found = work()
        seconds = time.process_time() - start
        for t in between:
            gap = min(abs(t - key) for key in keys)
            score = float(dice(found[t] == 1, truth[t] == 1))
            rows.append({"heart": seed, "rate": rate, "method": name, "gap": gap, "dice": score, "seconds": seconds})
    areas: dict[int, int] = {}
    for one in fill_between(images, keys, between, spacing=spacing):
        areas[one.frame] = int(one.uncertain.sum())
        wrong = (one.mask == 1) != (truth[one.frame] == 1)
        rows.append(
            {
                "heart": seed, "rate": rate, "method": "uncertain", "wrong": int(wrong.sum()),
                "wrong_and_uncertain": int((wrong & one.uncertain).sum()), "uncertain": int(one.uncertain.sum()),
                "inside": int((truth[one.frame] == 1).sum()),
            }
        )  # fmt: skip
    if network:
        rows += [{"heart": seed, "rate": rate} | row for row in by_network(images, keys, truth, areas, network)]
    beyond = [t for t in range(len(truth)) if t < ed or t > es]
    back = dict(propagate(images, keys[ed], ed, [t for t in beyond if t < ed], spacing=spacing))
    on = dict(propagate(images, keys[es], es, [t for t in beyond if t > es], spacing=spacing))
    for t, mask in (back | on).items():
        score = float(dice(mask == 1, truth[t] == 1))
        rows.append(
            {"heart": seed, "rate": rate, "method": "beyond", "gap": min(abs(t - ed), abs(t - es)), "dice": score}
        )
    return rows


def as_markdown(rows: list[dict[str, object]]) -> str:
    rates = sorted({row["rate"] for row in rows})
    scored = [row for row in rows if "dice" in row]
    names = list(dict.fromkeys(row["method"] for row in scored))

    def mean(name: str, test: Callable[[dict], bool] = lambda _: True) -> str:
        some = [row["dice"] for row in scored if row["method"] == name and test(row)]
        return f"{np.mean(some):.4f}" if some else ""

    def worst(name: str) -> str:
        by_heart: dict[object, list[float]] = {}
        for row in scored:
            if row["method"] == name:
                by_heart.setdefault((row["heart"], row["rate"]), []).append(row["dice"])
        return f"{np.mean([min(values) for values in by_heart.values()]):.4f}"

    head = ["frames between, by", *(f"{rate:g} Hz" for rate in rates), "all", "worst frame of a heart"]
    steps = list(zip((0, *GAPS[:-1]), GAPS, strict=True))
    for low, high in steps:
        far = "" if high == low + 1 else f" to {high}" if high < FAR else ""
        head.append(f"{low + 1}{far} off" + (" or more" if high >= FAR else ""))
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name in names:
        cells = [name, *(mean(name, lambda row, r=rate: row["rate"] == r) for rate in rates), mean(name), worst(name)]
        cells += [mean(name, lambda row, a=low, b=high: a < row["gap"] <= b) for low, high in steps]
        lines.append(f"| {' | '.join(cells)} |")
    ours = ["flow from both sides", "shape"]
    for name in ours:
        both = [row["dice"] for row in scored if row["method"] in (name, "beyond")]
        lines.append(f"| all frames: {name} between, propagated beyond | {np.mean(both):.4f} |")
    unsure = [row for row in rows if row["method"] == "uncertain"]
    wrong, both, band, inside = (
        sum(row[key] for row in unsure) for key in ("wrong", "wrong_and_uncertain", "uncertain", "inside")
    )
    # Wrong frames should have wide uncertain borders.
    from scipy.stats import spearmanr

    rank = spearmanr(
        [r["uncertain"] / r["inside"] for r in unsure], [r["wrong"] / r["inside"] for r in unsure]
    ).statistic
    said = (
        f"Uncertain: {100 * band / inside:.1f} % of the cavity's area; {100 * both / wrong:.0f} % of the wrong pixels "
        f"lie there; {100 * both / band:.0f} % of it is wrong; rank correlation with the wrong area of a frame "
        f"{rank:.2f}."
    )
    lines += ["", said]
    for name in names:
        some = [row for row in rows if row["method"] == name and "wrong_all" in row]
        if some:
            head, border, every = (
                sum(row[key] for row in some) for key in ("wrong_by_head", "wrong_by_border", "wrong_all")
            )
            lines.append(
                f"{name}: of its wrong pixels {100 * head / every:.0f} % lie in as large an area by its head, "
                f"{100 * border / every:.0f} % by its mask; {np.mean([row['steps'] for row in some]):.0f} steps."
            )
    seconds = {
        name: np.mean([row["seconds"] for row in scored if row["method"] == name]) for name in names if name != "beyond"
    }
    lines += [
        "",
        "Processor seconds a heart: " + ", ".join(f"{name} {value:.2f}" for name, value in seconds.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearts", type=int, default=20)
    parser.add_argument(
        "--skip", type=int, default=10, help="hearts left out: the first 10 chose the share of the shape"
    )
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0], help="of the shape")
    parser.add_argument("--rates", type=float, nargs="+", default=[25.0, 50.0, 80.0])
    parser.add_argument("--network", type=float, default=0.0, metavar="S", help="train networks for so many seconds")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    for rate in arguments.rates:
        for seed in HEARTS[arguments.skip : arguments.skip + arguments.hearts]:
            rows += one_heart(seed, rate, arguments.shares, arguments.network)
    print(f"{os.cpu_count()} CPU cores ({platform.machine()}); load {os.getloadavg()[0]:.1f}\n")
    print(as_markdown(rows))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows), "utf-8")


if __name__ == "__main__":
    main()
