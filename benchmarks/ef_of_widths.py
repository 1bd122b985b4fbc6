"""What the mean of the widths' ejection fractions is worth beside one width's, from a finished evaluation.

    napari-matae evaluate --data ../shared/data/camus-a4c-256 --split val --width all --json lv.json
    python benchmarks/ef_of_widths.py lv.json

Mean absolute error against the ejection fraction of the reference masks, with 95 % intervals from a bootstrap over
patients, and the paired difference to the widest. Nothing is run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

ORDER = ("1", "1/2", "1/4", "1/8")
MEANS = (("1", "1/2"), ("1", "1/2", "1/4"), ORDER)
DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evaluation", type=Path)
    args = parser.parse_args()
    found = json.loads(args.evaluation.read_text(encoding="utf-8"))["widths"]
    patients = [p["patient"] for p in found["1"]["patients"]]
    by_width = {w: {p["patient"]: p for p in found[w]["patients"]} for w in ORDER}
    reference = np.array([by_width["1"][patient]["ef_reference"] for patient in patients])
    values = {w: np.array([by_width[w][patient]["ef_predicted"] for patient in patients]) for w in ORDER}
    rows = [(f"width {w}", values[w]) for w in ORDER]
    rows += [(f"mean of {', '.join(widths)}", np.mean([values[w] for w in widths], axis=0)) for widths in MEANS]
    drawn = np.random.default_rng(1).integers(0, len(patients), (DRAWS, len(patients)))
    widest = np.abs(values["1"] - reference)
    print("| ejection fraction | error, points (95 % CI) | bias | against width 1, points (95 % CI) |")
    print("| --- | --- | --- | --- |")
    for name, value in rows:
        error = np.abs(value - reference)
        less = error - widest
        low, high = np.percentile(error[drawn].mean(1), [2.5, 97.5])
        best, worst = np.percentile(less[drawn].mean(1), [2.5, 97.5])
        against = "" if name == "width 1" else f"{less.mean():+.2f} ({best:+.2f} to {worst:+.2f})"
        print(
            f"| {name} | {error.mean():.2f} ({low:.2f} to {high:.2f}) | {(value - reference).mean():+.2f} | {against} |"
        )


if __name__ == "__main__":
    main()
