"""Whether the frames around an outline tell that it is wrong: in clips, where an outline has neighbours in time.

    python benchmarks/neighbours.py [--model matae-apical] [--width 1/2] [--fit 100] [--judge 50] [--json FILE]

`benchmarks/reliability.py` judges pairs of stills, and of its sets that are not CAMUS as it is only the phantoms are
cut from clips. Here those same hearts are outlined frame by frame through their beat. An end-diastolic or end-systolic
outline is called wrong by the Dice to be expected of it alone, or with what its clip says of it: how far its mask and
those before and after it are from lying inside one another, how far its area is from the mean of theirs, the expected
Dice of its neighbours, the lowest and the spread over the beat, the disagreement of the widths over the beat, and how
rough the curve of areas is. Weights and the limit (one in ten good outlines flagged) come from phantoms of other seeds;
those that judge are looked at once.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from reliability import GOOD, WRONG

from matae.measure import PhaseMarks
from matae.measure.run import apart_of, segment_and_measure
from matae.metrics import dice
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, find_sector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SIGNS = (
    "expected", "not nested", "area beside", "expected beside", "lowest in the beat", "spread in the beat",
    "widths in the beat", "rough curve",
)  # fmt: skip
KINDS = {"alone": (0,), "with time": tuple(range(len(SIGNS)))}
FALSE_ALARM = 0.10


def logit(share: Floats | float) -> Floats:
    """Return the logarithm of the odds, of shares kept away from 0 and 1."""
    kept = np.clip(np.asarray(share, np.float64), 0.005, 0.995)
    return np.log(kept / (1 - kept))


def nested(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return what is lacking to the Dice that two masks of these areas have where one lies inside the other."""
    areas = sorted((int(one.sum()), int(other.sum())))
    return 0.0 if not areas[1] else 2 * areas[0] / sum(areas) - float(dice(one, other))


def looked_at(seeds: range, options: SegmentOptions) -> tuple[Floats, Floats]:
    """Return the signs of end-diastolic and end-systolic outlines, (N, signs), and their Dice, (N,)."""
    make = cache(Segmenter)
    signs, scores = [], []
    for seed in seeds:
        made = make_phantom(seed, n_frames=12, frame_rate=12.0, shape=(256, 256))
        true = made.masks == 1
        areas = true.sum(axis=(1, 2))
        phases = int(areas.argmax()), int(areas.argmin())
        cine = replace(made.cine, frame_times=None, spacing=None, ed_frame=None, es_frame=None)
        sector, marks = find_sector(cine), PhaseMarks((phases[0],), (phases[1],))
        measured, found = segment_and_measure(cine, options, sector=sector, marks=marks, make=make)
        cavity = found.masks == 1
        if measured.expected is None or not cavity.any():
            continue
        apart = apart_of(cine, sector, options, found.masks, make=make)
        area = cavity.sum(axis=(1, 2)).astype(float)
        rough = np.abs(np.diff(area, 2)).mean() / max(float(np.ptp(area)), 1.0)
        known = logit(measured.expected)
        for t in phases:
            beside = [n for n in (t - 1, t + 1) if 0 <= n < len(area)]
            signs.append([
                known[t], np.mean([nested(cavity[t], cavity[n]) for n in beside]),
                abs(area[t] - area[beside].mean()) / max(area.max(), 1.0), np.nanmean(known[beside]),
                np.nanmin(known), np.nanstd(known), np.log(np.nanmean(apart) + 0.01), rough,
            ])  # fmt: skip
            scores.append(float(dice(cavity[t], true[t])))
    return np.nan_to_num(np.array(signs)), np.array(scores)


def fitted(signs: Floats, scores: Floats) -> Floats:
    """Return constant and weights of the signs for the logit of the Dice, by least squares with a small ridge."""
    table = np.column_stack([np.ones(len(signs)), signs])
    ridge = np.diag([0.0, *(0.1 * len(signs) * signs.var(axis=0))])
    return np.linalg.lstsq(table.T @ table + ridge, table.T @ logit(scores), rcond=None)[0]


def said(weights: Floats, signs: Floats) -> Floats:
    """Return the Dice that is expected, as a logit."""
    return weights[0] + signs @ weights[1:]


def counted(value: Floats, scores: Floats, limit: float) -> dict[str, list[int]]:
    """Count the wrong and the good outlines below a limit."""
    low = value < limit
    wrong, good = scores < WRONG, scores >= GOOD
    return {name: [int((low & of).sum()), int(of.sum())] for name, of in (("wrong", wrong), ("good", good))}


def folded(signs: Floats, scores: Floats) -> Floats:
    """Return what is expected of every outline by a fit on four fifths of the other hearts."""
    hearts, value = np.arange(len(scores)) // 2, np.zeros(len(scores))
    for fold in range(5):
        here = hearts % 5 == fold
        value[here] = said(fitted(signs[~here], scores[~here]), signs[here])
    return value


def main() -> None:
    """Fit on some phantoms, judge on others, and print a row a way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--width", default="1/2")
    parser.add_argument("--fit", type=int, default=100)
    parser.add_argument("--judge", type=int, default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    options = SegmentOptions(args.model, args.width)
    learnt = looked_at(range(73_000, 73_000 + args.fit), options)
    record: dict[str, object] = {"model": args.model, "width": args.width, "signs": SIGNS, "ways": {}}
    judged = looked_at(range(90_000, 90_000 + args.judge), options) if args.judge else None
    print("| expected Dice | fitted on: wrong | good | judged on: wrong | good |\n| --- | --- | --- | --- | --- |")
    for name, columns in KINDS.items():
        signs, scores = learnt[0][:, columns], learnt[1]
        value = folded(signs, scores)
        limit = float(np.quantile(value[scores >= GOOD], FALSE_ALARM))
        weights = fitted(signs, scores)
        found = {
            "fitted": counted(value, scores, limit),
            "weights": weights.round(4).tolist(),
            "limit": round(limit, 4),
        }
        if judged is not None:
            found["judged"] = counted(said(weights, judged[0][:, columns]), judged[1], limit)
        record["ways"][name] = found
        ways = [found[of] for of in ("fitted", "judged") if of in found]
        cells = ["{} of {}".format(*way[what]) for way in ways for what in ("wrong", "good")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
