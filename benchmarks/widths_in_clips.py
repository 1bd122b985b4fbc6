"""Which frames on which two widths disagree are found by looking at fewer, or by a narrower second width.

    python benchmarks/widths_in_clips.py [--phantoms 16] [--json FILE]

On clips, where neighbours are alike: phantoms, and the real cine that pydicom ships. Prints what each width costs, and
of the frames that are flagged where all are looked at, how many a look at each n-th frame finds, and one that goes on
between two looks where either is above a limit.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.demo import demo_cine
from matae.measure.run import DISAGREE
from matae.metrics import dice
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, find_sector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.cine import Cine

WIDTHS = ("1/2", "1/4", "1/8")
STEPS, LIMITS = (2, 3, 4, 6, 8), (1.0, DISAGREE, 0.03)


def clips(phantoms: int) -> Iterator[Cine]:
    yield demo_cine()
    for seed in range(phantoms):
        yield make_phantom(seed, n_frames=45, shape=(112, 112)).cine


def looked_at(apart: np.ndarray, step: int, limit: float) -> np.ndarray:
    """Return which frames are looked at: each n-th, and between two of which either is above the limit."""
    first = sorted({*range(0, len(apart), step), len(apart) - 1})
    seen = np.zeros(len(apart), bool)
    seen[first] = True
    gaps = list(pairwise(first))
    while gaps:
        low, high = gaps.pop()
        if high > low + 1 and max(apart[low], apart[high]) > limit:
            middle = (low + high) // 2
            seen[middle] = True
            gaps += [(low, middle), (middle, high)]
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=16)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    segmenters = {width: Segmenter(SegmentOptions(width=width, device="cpu")) for width in WIDTHS}
    seconds = dict.fromkeys(WIDTHS, 0.0)
    apart: dict[str, list[np.ndarray]] = {width: [] for width in WIDTHS[1:]}
    for cine in clips(chosen.phantoms):
        sector, masks = find_sector(cine), {}
        for width, segmenter in segmenters.items():
            start = time.process_time()
            masks[width] = [found.mask == 1 for found in segmenter.stream(cine, sector)]
            seconds[width] += time.process_time() - start
        for width, each in apart.items():
            each.append(np.array([1 - float(dice(*two)) for two in zip(masks["1/2"], masks[width], strict=True)]))
    flagged = {width: np.concatenate(each) > DISAGREE for width, each in apart.items()}
    steps = {}
    for step in STEPS:
        for limit in LIMITS:
            seen = np.concatenate([looked_at(each, step, limit) for each in apart["1/4"]])
            steps[f"each {step}, on above {limit:g}"] = [
                round(float(seen.mean()), 3), int((seen & flagged["1/4"]).sum())
            ]  # fmt: skip
    found: dict[str, Any] = {
        "frames": len(flagged["1/4"]), "seconds": {width: round(each, 1) for width, each in seconds.items()},
        "flagged": {width: int(each.sum()) for width, each in flagged.items()},
        "flagged_by_both": int((flagged["1/4"] & flagged["1/8"]).sum()), "share_and_found": steps,
    }  # fmt: skip
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print("\n".join(f"{key:<24}{value}" for key, value in (found | steps).items() if key != "share_and_found"))


if __name__ == "__main__":
    main()
