"""What left atrium and wall measure on the reference masks of CAMUS, one view: whether the numbers are those of hearts.

    python benchmarks/structures_camus.py --data ../shared/data [--split val]

Nothing in the data says what is true of them; the table is to be read beside the normal ranges. Needs `camus-a4c-256`
in the folder named and shows no frame of it.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

from matae.anatomy import CAVITY
from matae.cine import Spacing
from matae.measure.atrium import atrial_volume, cut_atrium
from matae.measure.disks import disks
from matae.measure.wall import DENSITY, measure_wall

ROWS = (
    ("thickness, base and middle, mm", "thickness", 1), ("mass by disks, g", "mass", 0),
    ("mass by area-length, g", "area_length_mass", 0), ("largest atrial volume by disks, mL", "atrium", 0),
    ("the same by area-length, mL", "area_length_atrium", 0), ("atrial emptying fraction, %", "emptying", 0),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    args = parser.parse_args()
    folder = args.data / "camus-a4c-256"
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == args.split]
    hearts: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        hearts.setdefault(row["patient"], {})[row["phase"]] = row
    found: dict[str, list[float]] = {name: [] for _, name, _ in ROWS}
    for phases in hearts.values():
        for name, value in of_heart(folder, phases).items():
            found[name].append(value)
    print(f"| CAMUS {args.split}, A4C, reference masks | patients | median | 5th to 95th percentile |")
    print("| --- | --- | --- | --- |")
    for label, name, digits in ROWS:
        low, middle, high = np.percentile(found[name], [5, 50, 95])
        print(f"| {label} | {len(found[name])} | {middle:.{digits}f} | {low:.{digits}f} to {high:.{digits}f} |")


def of_heart(folder: Path, phases: dict[str, dict[str, str]]) -> dict[str, float]:
    """Return every number that the masks of one patient give."""
    cuts = {}
    values: dict[str, float] = {}
    for phase, row in phases.items():
        (path,) = (folder / "structures").glob(f"{Path(row['frame']).stem}.*")
        mask, side = np.asarray(Image.open(path)), float(row["spacing_mm"])
        spacing = Spacing(side, side)
        cavity = disks(mask, spacing, label=CAVITY)
        if cavity is None:
            continue
        cuts[phase] = cut_atrium(mask, cavity.landmarks, spacing)
        if phase == "ED" and (wall := measure_wall(mask, cavity, spacing, view="A4C")) is not None:
            values |= {
                "thickness": wall.thickness, "mass": DENSITY * wall.volume,
                "area_length_mass": DENSITY * wall.area_length_volume,
            }  # fmt: skip
    if (largest := cuts.get("ES")) is not None:
        volume = atrial_volume(largest)
        values |= {"atrium": volume.disks, "area_length_atrium": volume.area_length}
        if (smallest := cuts.get("ED")) is not None:
            values["emptying"] = 100.0 * (largest.volume - smallest.volume) / largest.volume
    return values


if __name__ == "__main__":
    main()
