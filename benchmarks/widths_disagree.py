"""Does the disagreement of two widths find the frames that are outlined badly? On frames with reference masks.

    python benchmarks/widths_disagree.py ../shared/data/camus-a4c-256 --split val --json widths.json

Prints how often frames whose mask is poor (Dice with the reference below 0.90) are flagged, and how often good ones
are, for the width that ran and the next narrower one, and what the second opinion costs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from matae.cine import Cine, Spacing
from matae.measure.run import DISAGREE
from matae.metrics import dice
from matae.models import current_model, find_model
from matae.nn.widths import format_width, parse_width
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.segment.compare import second_width
from matae.train.data import load_frames

POOR = 0.90


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--width", default="1/2")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    frames = load_frames(chosen.folder, chosen.split)
    model = find_model(current_model())
    other = second_width(model.card.widths, parse_width(chosen.width))
    if other is None:
        raise SystemExit("The model has one width only.")
    first, second = (
        Segmenter(SegmentOptions(width=width, device="cpu")) for width in (chosen.width, format_width(other))
    )
    truth, apart, seconds = [], [], [0.0, 0.0]
    for i in range(len(frames)):
        spacing = Spacing(frames.spacing[i], frames.spacing[i])
        cine = Cine(frames.images[i : i + 1], None, spacing, Path(frames.frames[i]))
        sector, masks = find_sector(cine), []
        for k, segmenter in enumerate((first, second)):
            start = time.process_time()
            masks.append(next(iter(segmenter.stream(cine, sector))).mask == 1)
            seconds[k] += time.process_time() - start if i else 0.0  # the first frame warms up
        truth.append(float(dice(masks[0], frames.masks[i] == 1)))
        apart.append(1 - float(dice(*masks)))
    right, doubt = np.array(truth), np.array(apart)
    poor, flagged = right < POOR, doubt > DISAGREE
    at = {
        f"{limit:.3f}": [int((poor & (doubt > limit)).sum()), int((~poor & (doubt > limit)).sum())]
        for limit in (0.02, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06, 0.08, 0.1)
    }
    order = np.argsort(doubt)
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    n_poor, n_good = int(poor.sum()), int((~poor).sum())
    auc = (ranks[poor].sum() - n_poor * (n_poor + 1) / 2) / (n_poor * n_good) if n_poor and n_good else None
    found = {
        "frames": len(frames), "widths": [chosen.width, format_width(other)], "poor": n_poor,
        "poor_flagged": int((poor & flagged).sum()), "good_flagged": int((~poor & flagged).sum()),
        "poor_and_good_above": at,
        "auc": None if auc is None else round(float(auc), 3),
        "disagreement_p50": round(float(np.median(doubt)), 4),
        "disagreement_p95": round(float(np.percentile(doubt, 95)), 4),
        "dice_of_flagged": round(float(right[flagged].mean()), 4) if flagged.any() else None,
        "dice_of_others": round(float(right[~flagged].mean()), 4),
        "cost": round(seconds[1] / seconds[0], 2),
    }  # fmt: skip
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print("\n".join(f"{key:<20}{value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
