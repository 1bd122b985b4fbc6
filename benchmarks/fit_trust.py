"""Fit what says how far to trust an outline and an ejection fraction, on pictures made from training patients alone.

    python benchmarks/fit_trust.py --data ../shared/data [--model matae-apical] [--width 1/2] [--share 0.1]
        [--looks FILE]

The pictures are those of `benchmarks/harder_pictures.py`; nothing that judges elsewhere is among them, and every set
counts alike. Fitted are

- the Dice to be expected of an outline (`matae.segment.expected`): from what its probabilities imply alone, with the
  next narrower width, and with the widest width too; the largest likelihood of the Dice as a share;
- the 90 % interval of the ejection fraction (`matae.measure.uncertainty`), which leans towards the mean of the training
  patients the more, the less it is sure: the share of what is lacking to a Dice of one that an outline may be out of
  place, with the least interval score (T. Gneiting and A. Raftery, J Am Stat Assoc 102:359-378, 2007), negative
  numbers left out. Parts of their own for the disagreement of the widths and for the reader were tried and won nothing.

What the tables say of a patient comes from a fit on four fifths of the others.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from harder_pictures import made_sets
from reliability import GOOD, MARKS, WRONG, Pair
from scipy.optimize import minimize

from matae.cine import Cine, Spacing
from matae.measure import measure_cine
from matae.measure.run import segment_and_measure
from matae.metrics import dice
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.segment.expected import expected_dice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z90 = 1.6448536269514722
LIMITS = (0.84, 0.85, 0.86, 0.87, 0.88, 0.89, 0.90)
FOLDS = 5
USED = {"alone": (0, 1), "two widths": (0, 1, 2), "all widths": (0, 1, 2, 3)}
"""Columns of `signs` that each expected Dice is made from."""


class Look(NamedTuple):
    """A pair: what is true of it, and what is known without the truth; end-diastole first."""

    where: str
    patient: str
    dice: tuple[float, float]
    implied: tuple[float, float]
    near: tuple[float, float]
    widest: tuple[float, float]
    ef: float
    true_ef: float
    widths_sd: float
    sensitivity: float


def looks(where: str, pairs: Iterator[Pair], options: SegmentOptions) -> Iterator[Look]:
    """Outline and measure every pair; those without a number are left out."""
    make = cache(Segmenter)
    for pair in pairs:
        spacing = None if pair.side is None else Spacing(pair.side, pair.side)
        cine = Cine(pair.pictures, None, spacing, Path(pair.name), view=pair.view)
        measured, found = segment_and_measure(cine, options, sector=find_sector(cine), marks=MARKS, make=make)
        true = measure_cine(cine, pair.cavities.astype(np.uint8), marks=MARKS).ef
        if measured.ef is None or true is None:
            continue
        widths = measured.inputs.width_masks

        def apart(width: str, of: dict = widths, masks: NDArray = found.masks) -> tuple[float, float]:
            first, second = (1 - float(dice(masks[t] == 1, of[width][t] == 1)) for t in (0, 1))
            return first, second

        truth = [float(dice(mask == 1, cavity)) for mask, cavity in zip(found.masks, pair.cavities, strict=True)]
        implied = [expected_dice(*both) for both in zip(found.masks, found.probability, strict=True)]
        yield Look(
            where, pair.name, (truth[0], truth[1]), (implied[0], implied[1]), apart("1/4"), apart("1"),
            measured.ef.value, true.value, measured.ef.widths_sd, measured.beats[0].sensitivity,
        )  # fmt: skip


def signs(found: list[Look]) -> Floats:
    """Return what is known of each frame, (2 N, 4): one, logit of the implied Dice, log of two distances."""
    implied, near, widest = (np.array([getattr(one, name) for one in found]) for name in ("implied", "near", "widest"))
    share = np.clip(implied, 0.005, 0.995)
    columns = [np.log(share / (1 - share))] + [np.log(np.clip(d, 0, 0.5) + 0.01) for d in (near, widest)]
    return np.stack([np.ones_like(implied), *columns], -1).reshape(-1, 4)


def weigh(found: list[Look]) -> Floats:
    """Return weights under which every set counts alike."""
    names = [one.where for one in found]
    return np.array([1 / names.count(name) for name in names])


def fit_dice(x: Floats, truth: Floats, weight: Floats) -> Floats:
    """Return the weights of the signs with the greatest likelihood of the Dice as a share."""

    def loss(w: Floats) -> float:
        z = x @ w
        return float((weight * (np.logaddexp(0, z) - truth * z)).sum() / weight.sum())

    return np.asarray(minimize(loss, np.zeros(x.shape[1]), method="BFGS").x)


def share_of(x: Floats, w: Floats) -> Floats:
    """Return the expected Dice."""
    return 1 / (1 + np.exp(-(x @ w)))


def half_width(found: list[Look], expected: Floats, shift: float) -> Floats:
    """Return half of the interval before it leans."""
    follows = np.array([one.sensitivity for one in found])
    return Z90 * shift * np.sqrt(((1 - expected) ** 2).mean(axis=1)) * follows


def usual(found: list[Look]) -> tuple[float, float]:
    """Return mean and standard deviation of the ejection fractions of the training patients, a view of each once."""
    each = {(one.where[:3], one.patient): one.true_ef for one in found if "phantom" not in one.where}
    values = np.array(list(each.values()))
    return float(values.mean()), float(values.std(ddof=1))


def ends(found: list[Look], half: Floats, mean: float, spread: float) -> tuple[Floats, Floats]:
    """Return the ends of the intervals as they are shown; an infinite spread leans towards nothing."""
    ef = np.array([one.ef for one in found])
    weight = 1 / (1 + (half / Z90 / spread) ** 2)
    middle, half = mean + weight * (ef - mean), half * np.sqrt(weight)
    low, high = np.minimum(middle, ef) - half, np.maximum(middle, ef) + half
    return np.minimum(np.maximum(low, 0), ef), np.maximum(np.minimum(high, 100), ef)


def fit_interval(found: list[Look], expected: Floats, weight: Floats) -> float:
    """Return the share with the least interval score."""
    keep = np.array([one.ef > 0 for one in found])
    found = [one for one, kept in zip(found, keep, strict=True) if kept]
    expected, weight, true = expected[keep], weight[keep], np.array([one.true_ef for one in found])
    mean, spread = usual(found)

    def score(shift: float) -> float:
        low, high = ends(found, half_width(found, expected, shift), mean, spread)
        each = high - low + 20 * (np.maximum(0, low - true) + np.maximum(0, true - high))
        return float((weight * each).sum() / weight.sum())

    return float(min(np.arange(0.05, 0.4, 0.001), key=score))


def report(found: list[Look]) -> None:
    """Print the constants of all pairs, and what those of the other patients say of each."""
    x, weight = signs(found), weigh(found)
    truth, of_frames = np.array([one.dice for one in found]).ravel(), weight.repeat(2)
    patients = sorted({one.patient for one in found})
    part = np.random.default_rng(0).permutation(len(patients)) % FOLDS
    fold = np.array([part[patients.index(one.patient)] for one in found])
    wrong, good = truth < WRONG, truth >= GOOD
    print(f"| expected Dice | constants | error | limit {' | '.join(f'{limit:.2f}' for limit in LIMITS)} |")
    print("|" + " --- |" * (3 + len(LIMITS)))
    judged, final = {}, {}
    for name, columns in USED.items():
        final[name] = fit_dice(x[:, columns], truth, of_frames)
        judged[name] = np.empty(len(truth))
        for k in range(FOLDS):
            here = (fold == k).repeat(2)
            w = fit_dice(x[~here][:, columns], truth[~here], of_frames[~here])
            judged[name][here] = share_of(x[here][:, columns], w)
        cells = [f"{(wrong & (judged[name] < limit)).sum()} of {wrong.sum()}, {(good & (judged[name] < limit)).sum()} "
                 f"of {good.sum()}" for limit in LIMITS]  # fmt: skip
        constants = ", ".join(f"{value:.3f}" for value in final[name])
        print(f"| {name} | {constants} | {np.abs(judged[name] - truth).mean():.3f} | {' | '.join(cells)} |")
    expected = share_of(x, final["all widths"]).reshape(-1, 2)
    shift = fit_interval(found, expected, weight)
    mean, spread = usual(found)
    print(f"\ninterval: shift {100 * shift:.1f} % of (1 - Dice), usual {mean:.1f} ± {spread:.1f}")
    half, before = np.empty(len(found)), half_before(found)
    for k in range(FOLDS):
        rest, here = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        w = fit_dice(x[(fold != k).repeat(2)], truth[(fold != k).repeat(2)], of_frames[(fold != k).repeat(2)])
        of_all = share_of(x, w).reshape(-1, 2)
        of_rest = fit_interval([found[i] for i in rest], of_all[rest], weight[rest])
        half[here] = half_width([found[i] for i in here], of_all[here], of_rest)
    true = np.array([one.true_ef for one in found])
    print("\n| set | pairs | holds | mean half width | holds, without the expected Dice | mean half width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for where in [*dict.fromkeys(one.where for one in found), "all"]:
        here = np.array([where in (one.where, "all") for one in found])
        cells = []
        for each, leans in ((half, spread), (before, np.inf)):
            low, high = ends(found, each, mean, leans)
            held = (low <= true) & (true <= high)
            cells.append(f"{held[here].mean():.0%} | {((high - low) / 2)[here].mean():.1f}")
        print(f"| {where} | {here.sum()} | {' | '.join(cells)} |")


def half_before(found: list[Look]) -> Floats:
    """Return half of the interval of a model of which no expected Dice is known."""
    from matae.measure.uncertainty import ef_interval

    return np.array([ef_interval(one.ef, one.sensitivity, widths_sd=one.widths_sd).half_width for one in found])


def main() -> None:
    """Outline every set, fit and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--width", default="1/2", choices=["1/2"], help="whose neighbours are 1/4 and 1")
    parser.add_argument("--share", type=float, default=1.0, help="of each set, for a quick look")
    parser.add_argument(
        "--looks", type=Path, help="where what is known of each pair is kept, or read from if it is there"
    )
    args = parser.parse_args()
    options = SegmentOptions(args.model, args.width)
    if args.looks is not None and args.looks.is_file():
        found = [Look(*row) for row in json.loads(args.looks.read_text(encoding="utf-8"))]
    else:
        sets = made_sets(args.data, args.share)
        found = [one for where, pairs in sets.items() for one in looks(where, pairs, options)]
    if args.looks is not None:
        args.looks.write_text(json.dumps(found), encoding="utf-8")
    report(found)


if __name__ == "__main__":
    main()
