"""What the fold's imprint does to outlines and figures, and what is left of it: as trained, and as it is segmented.

    python benchmarks/comb.py --data ../shared/data [--split val] [--model NAME]

Needs `camus-a4c-256` and `camus-a2c-256` in the folder named and shows no frame of them. Each frame goes through the
network once; its last maps are read by the head as it was trained and by the one that takes the imprint away
(`matae.nn.unfold`), and all else is the same. *Imprint*: of what varies within 8 x 8 pixels of the grid that an outline
crosses, the share that has a period of two pixels. *Length*: of the line where logits are 0, over that of the same line
smoothed by two pixels of the grid; 1 is smooth. Differences are paired by frame, and their intervals resample patients.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.measure import find_contours

from matae.labelled import open_labelled
from matae.measure.disks import disks, ejection_fraction
from matae.metrics import paired_difference, score_frame
from matae.models import DEFAULT_MODEL, load_model
from matae.nn.widths import format_width
from matae.placement import Placement, network_input
from matae.segment.expected import calibrated_dice
from matae.segment.restore import frame_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

VIEWS = ("A4C", "A2C")
STRUCTURES = ("cavity", "myocardium", "left atrium")
_SIDE, _FINE, _SIGMA, _LEAST = 8, 4, 2.0, 30


@dataclass(frozen=True)
class Seen:
    """One frame, read by one head at one width."""

    patient: str
    view: str
    phase: str
    imprint: tuple[float, float]
    length: list[float]
    dice: list[float]
    hd95: float
    volumes: tuple[float, float]
    implied: float
    mask: NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    args = parser.parse_args()
    import torch

    network, card = load_model(args.model)
    plain = {width: network.extract(width) for width in network.widths}
    found: dict[tuple[float, bool], list[Seen]] = {(width, smooth): [] for width in plain for smooth in (False, True)}
    for view in VIEWS:
        labelled = open_labelled(args.data / f"camus-{view.lower()}-256", args.split, view, structures=True)
        for ref in labelled.refs:
            case = ref.read()
            placement = Placement.of(case.cine, case.sector("auto"), card.grid)
            x = network_input(placement.pictures(case.cine.frames))
            for width, one in plain.items():
                with torch.inference_mode():
                    maps = one.features(x.contiguous(memory_format=torch.channels_last))
                    by_head = one.logits(maps), one.smooth_head(maps)
                for smooth, logits in enumerate(by_head):
                    on_grid = logits[0].numpy()
                    mask = frame_mask(0, on_grid, placement, case.cine.shape, card.outputs)
                    scores, _ = score_frame(mask.mask, case.masks[0], [(1, 1), (2, 2), (3, 3)], case.cine.spacing)
                    volumes = tuple(disks(m, case.cine.spacing, label=1) for m in (case.masks[0], mask.mask))
                    seen = Seen(
                        ref.patient, view, ref.phase, imprint(on_grid), [length(each) for each in on_grid],
                        [each.dice for each in scores], scores[0].hd95,
                        tuple(np.nan if cut is None else cut.volume for cut in volumes), mask.implied_dice, mask.mask,
                    )  # fmt: skip
                    found[width, bool(smooth)].append(seen)
    table_of_outlines(found)
    table_of_figures(found)


def table_of_outlines(found: dict[tuple[float, bool], list[Seen]]) -> None:
    print(
        "| width | head | imprint | length, cavity | wall's outer line | atrium | expected Dice of the cavity | Dice |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for width in sorted({width for width, _ in found}, reverse=True):
        for smooth in (False, True):
            frames = found[width, smooth]
            share = np.sum([each.imprint for each in frames], axis=0)
            lengths = np.nanmean([each.length for each in frames], axis=0)
            print(
                f"| {format_width(width)} | {'without imprint' if smooth else 'as trained'} | "
                f"{100 * share[0] / share[1]:.2f} % | {' | '.join(f'{each:.3f}' for each in lengths)} | "
                f"{np.nanmean(expected(found, width, smooth=smooth)):.4f} | "
                f"{np.mean([each.dice[0] for each in frames]):.4f} |"
            )


def expected(found: dict[tuple[float, bool], list[Seen]], width: float, *, smooth: bool) -> NDArray[np.float64]:
    """Return the Dice to be expected of the cavity of each frame, as segmenting shows it."""
    others = sorted({each for each, _ in found if each != width})
    narrower = [each for each in others if each < width]

    def apart(other: float) -> list[float]:
        pairs = zip(found[width, smooth], found[other, smooth], strict=True)
        return [1 - score_frame(a.mask, b.mask, [(1, 1)], None)[0][0].dice for a, b in pairs]

    near = apart(narrower[-1]) if narrower else None
    return calibrated_dice([each.implied for each in found[width, smooth]], near, apart(others[-1]))


def table_of_figures(found: dict[tuple[float, bool], list[Seen]]) -> None:
    print(
        "\n| width | view | cavity, points of Dice (95 % CI) | myocardium | left atrium | HD95, cavity, mm or px | "
        "EF error, points (95 % CI) | from | to |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for width in sorted({width for width, _ in found}, reverse=True):
        for view in VIEWS:
            before, after = ([each for each in found[width, smooth] if each.view == view] for smooth in (False, True))
            cells = [apart(after, before, lambda one, i=i: 100 * one.dice[i]) for i in range(len(STRUCTURES))]
            cells.append(apart(after, before, lambda one: one.hd95))
            was, now = ef_errors(before), ef_errors(after)
            difference = paired_difference(list(now.values()), list(was.values()), list(now))
            cells += [worded(difference), *(f"{np.mean(list(each.values())):.2f}" for each in (was, now))]
            print(f"| {format_width(width)} | {view} | {' | '.join(cells)} |")


def apart(after: list[Seen], before: list[Seen], of: Callable[[Seen], float]) -> str:
    """Return a paired difference in words."""
    patients = [each.patient for each in after]
    return worded(paired_difference([of(each) for each in after], [of(each) for each in before], patients))


def worded(difference: tuple[float, ...]) -> str:
    mean, low, high = (round(each, 3) + 0.0 for each in difference[:3])
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def ef_errors(frames: list[Seen]) -> dict[str, float]:
    """Return how far the ejection fraction of each patient is off."""
    hearts: dict[str, dict[str, tuple[float, float]]] = {}
    for each in frames:
        hearts.setdefault(each.patient, {})[each.phase] = each.volumes
    found = {}
    for patient, phases in hearts.items():
        reference, ours = (ejection_fraction(phases["ED"][i], phases["ES"][i]) for i in (0, 1))
        found[patient] = abs(ours - reference)
    return found


def imprint(logits: NDArray[np.float32]) -> tuple[float, float]:
    """Return what has a period of two pixels where outlines run, and all that varies there beside a slope."""
    mine, all_of_it = 0.0, 0.0
    window, places = np.hanning(_SIDE + 1)[:_SIDE], np.arange(_SIDE) - (_SIDE - 1) / 2
    for each in logits:
        parts = each.reshape(len(each) // _SIDE, _SIDE, -1, _SIDE).transpose(0, 2, 1, 3).reshape(-1, _SIDE, _SIDE)
        parts = parts[(parts.min((1, 2)) < 0) & (parts.max((1, 2)) > 0)]
        for lines in (parts, parts.transpose(0, 2, 1)):
            flat = lines - lines.mean(2, keepdims=True)
            flat = flat - (flat @ places)[..., None] * places / (places @ places)  # a slope's ends would look like it
            energy = np.abs(np.fft.rfft(flat * window, axis=2)) ** 2
            mine, all_of_it = mine + float(energy[..., -1].sum()), all_of_it + float(energy[..., 1:].sum())
    return mine, all_of_it


def length(logits: NDArray[np.float32]) -> float:
    """Return the length of the longest line where logits are 0, over that of it smoothed; NaN if there is none."""
    line = max(find_contours(logits, 0.0), key=len, default=np.empty((0, 2)))
    if len(line) < _LEAST:
        return np.nan
    is_closed = bool(np.allclose(line[0], line[-1]))
    along = np.concatenate([[0.0], np.hypot(*np.diff(line, axis=0).T).cumsum()])
    places = np.linspace(0.0, along[-1], int(_FINE * along[-1]), endpoint=not is_closed)
    even = np.stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)], axis=1)
    smooth = gaussian_filter1d(even, _SIGMA * _FINE, axis=0, mode="wrap" if is_closed else "nearest")
    lengths = [np.hypot(*np.diff(np.vstack([each, each[: int(is_closed)]]), axis=0).T).sum() for each in (even, smooth)]
    return float(lengths[0] / lengths[1])


if __name__ == "__main__":
    main()
