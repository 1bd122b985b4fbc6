"""The Dice that a network's probabilities imply against that of its outlines, and the line that puts it right.

    python benchmarks/expected_dice.py --data ../shared/data [--model matae-apical] [--width 1/2] [--pairs 50]

The sets are those of `benchmarks/reliability.py`, the second width the next narrower one. The constants that
`matae.segment.expected` holds are fitted on all sets but the one that is changed in ways of no training. What is
printed of each patient comes from a fit on the other half of the patients: the mean error of the expected Dice, and of
the frames with a Dice below 0.8 and of 0.9 or more how many are expected below 0.87
(`matae.segment.expected.DOUBTFUL`).
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from reliability import GOOD, WRONG, Pair, camus, changed, phantoms, restyled
from scipy.optimize import minimize

from matae.cine import Cine
from matae.metrics import dice
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.segment.compare import compare_widths
from matae.segment.expected import DOUBTFUL, curve, expected_dice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

UNSEEN = "A4C changed"
"""A set that nothing is fitted on."""
_LEAST = np.finfo(np.float64).tiny


class Frame(NamedTuple):
    """A frame: its set and patient, its Dice, the Dice its probabilities imply, and how far two widths are apart."""

    where: str
    patient: str
    dice: float
    implied: float
    apart: float


def frames_of(where: str, pairs: Iterator[Pair], options: SegmentOptions) -> Iterator[Frame]:
    """Outline every pair."""
    make = cache(Segmenter)
    for pair in pairs:
        cine = Cine(pair.pictures, None, None, Path(pair.name))
        sector = find_sector(cine)
        found = sorted(make(options).stream(cine, sector, [0, 1]), key=lambda one: one.index)
        masks = [one.mask for one in found]
        apart = dict(compare_widths(cine, sector, options, masks.__getitem__, [0, 1], make=make))
        for one, cavity in zip(found, pair.cavities, strict=True):
            implied = expected_dice(one.mask, one.probability)
            yield Frame(where, pair.name, float(dice(one.mask == 1, cavity)), implied, apart[one.index])


def fit(frames: list[Frame]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the constants without and with the second width: the largest likelihood of the Dice as a share."""
    frames = [one for one in frames if one.where != UNSEEN]
    truth = np.array([one.dice for one in frames])
    found = []
    for columns in (1, 2):

        def loss(weights: NDArray[np.float64]) -> float:
            share = _expected(frames, tuple(weights))
            return float(-(truth * np.log(share + _LEAST) + (1 - truth) * np.log(1 - share + _LEAST)).mean())

        start = np.array([0.0, 1.0, -0.1][: columns + 1])
        found.append(tuple(float(value) for value in minimize(loss, start, method="Nelder-Mead").x))
    return found[0], found[1]


def _expected(frames: list[Frame], weights: tuple[float, ...]) -> NDArray[np.float64]:
    implied, apart = (np.array([getattr(one, name) for one in frames]) for name in ("implied", "apart"))
    return curve(implied, apart if len(weights) > 2 else None, weights)


def report(frames: list[Frame]) -> None:
    """Print the constants of all frames, and what fits on half of the patients say of the other half."""
    for name, weights in zip(("one width", "two widths"), fit(frames), strict=True):
        print(f"{name}: " + ", ".join(f"{value:.3f}" for value in weights))
    patients = sorted({one.patient for one in frames})
    halves = [[one for one in frames if (patients.index(one.patient) % 2) == k] for k in (0, 1)]
    rows = []
    for learnt, judged in (halves, halves[::-1]):
        alone, both = fit(learnt)
        rows += list(zip(judged, _expected(judged, alone), _expected(judged, both), strict=True))
    print("\n| set | frames | Dice | expected | error | wrong, found | good, called wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for where in [*dict.fromkeys(one.where for one in frames), "all"]:
        here = [row for row in rows if where in ("all", row[0].where)]
        truth, found = (np.array([row[k] if k else row[0].dice for row in here]) for k in (0, 2))
        low = found < DOUBTFUL
        print(
            f"| {where} | {len(here)} | {truth.mean():.3f} | {found.mean():.3f} | {np.abs(found - truth).mean():.3f} "
            f"| {(low & (truth < WRONG)).sum()} of {(truth < WRONG).sum()} "
            f"| {(low & (truth >= GOOD)).sum()} of {(truth >= GOOD).sum()} |"
        )


def main() -> None:
    """Outline every set, fit and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--width", default="1/2")
    parser.add_argument("--pairs", type=int, default=50)
    args = parser.parse_args()
    options, a4c, rng = SegmentOptions(args.model, args.width), args.data / "camus-a4c-256", np.random.default_rng
    seeds = (rng(1), rng(1))
    sets = {
        "CAMUS val, A4C": camus(a4c, args.pairs), "CAMUS val, A2C": camus(args.data / "camus-a2c-256", args.pairs),
        "A4C restyled": (restyled(pair, seeds[0]) for pair in camus(a4c, args.pairs)),
        UNSEEN: (changed(pair, seeds[1]) for pair in camus(a4c, args.pairs)),
        "phantoms": phantoms(args.pairs),
    }  # fmt: skip
    report([one for where, pairs in sets.items() for one in frames_of(where, pairs, options)])


if __name__ == "__main__":
    main()
