"""How close biplane ejection fractions come to those of the reference masks, and both to the clinic's.

    python benchmarks/biplane_camus.py --data ../shared/data [--split val] [--model NAME] [--widths 1 1/2 1/4 1/8]

Needs `camus-a4c-256`, `camus-a2c-256` and `camus-native` in the folder named and shows no frame of them. The
two-chamber frames state no millimetres. Both phases of a patient are one recording, so a pixel has one size in both;
it is set so that the reference's long axis at end-diastole is as long as that of the four-chamber view. That fits
volumes to each other, so none is printed; of an ejection fraction it decides no more than which axis is the longer.
The patients that are there in native size in both views say what that and the grid cost: their files state values that
were made from the same masks. Outlines of the model are measured at the scale of the references. Intervals resample
patients.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from matae.cine import Cine, Spacing
from matae.measure.disks import Disks, biplane, disks
from matae.metrics import patient_interval
from matae.models import DEFAULT_MODEL
from matae.segment import Segmenter, SegmentOptions, find_sector

if TYPE_CHECKING:
    from numpy.typing import NDArray

Phases = dict[str, dict[str, str]]
METHODS = ("A4C", "A2C", "biplane")
VIEWS = {"A4C": "camus-a4c-256", "A2C": "camus-a2c-256"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--widths", nargs="+", default=["1", "1/2", "1/4", "1/8"])
    args = parser.parse_args()
    views = {view: patients_of(args.data / folder, args.split) for view, folder in VIEWS.items()}
    both = sorted(set(views["A4C"]) & set(views["A2C"]))
    networks = {width: Segmenter(SegmentOptions(args.model, width=width)) for width in args.widths}
    found: dict[str, dict[str, list[float]]] = {}
    clinic = [float(views["A4C"][patient]["ED"]["biplane_ef"]) for patient in both]
    for patient in both:
        cut = {view: cavities(args.data / VIEWS[view], views[view][patient], networks) for view in VIEWS}
        ours, other = (cut[view]["reference"]["ED"].length for view in VIEWS)
        for outlines in ("reference", *args.widths):
            four, two = (cut[view][outlines] for view in VIEWS)
            for method, value in zip(METHODS, ejection_fractions(four, two, ours / other), strict=True):
                found.setdefault(outlines, {}).setdefault(method, []).append(value)
    if len(args.widths) > 1:
        found["mean of the widths"] = {
            method: list(np.mean([found[width][method] for width in args.widths], axis=0)) for method in METHODS
        }
    print(
        f"| outlines, CAMUS {args.split} | EF by | patients | against the reference masks, points (95 % CI) | bias | ",
        end="",
    )
    print("against the clinic's biplane (95 % CI) | bias |\n| --- | --- | --- | --- | --- | --- | --- |")
    for outlines, by in found.items():
        name = f"width {outlines}" if outlines in args.widths else outlines
        for method, values in by.items():
            against = "- | -" if outlines == "reference" else error(values, found["reference"][method], both)
            print(f"| {name} | {method} | {len(values)} | {against} | {error(values, clinic, both)} |")
    print(
        "\n| patient | reference masks | A4C | A2C | biplane | its file says |\n| --- | --- | --- | --- | --- | --- |"
    )
    for folder in sorted((args.data / "camus-native" / "mhd").iterdir()):
        for grid, row in native(args.data, folder).items():
            print(f"| {folder.name.removeprefix('patient')} | {grid} | {' | '.join(f'{value:.1f}' for value in row)} |")


def native(data: Path, folder: Path) -> dict[str, tuple[float, ...]]:
    """Return the ejection fractions of a patient's reference masks in native size and as `main` has them."""
    from SimpleITK import GetArrayFromImage, ReadImage

    cut: dict[str, dict[str, Disks]] = {}
    small: dict[str, dict[str, Disks]] = {}
    for view, name in (("A4C", "4CH"), ("A2C", "2CH")):
        for phase in ("ED", "ES"):
            path = folder / f"{folder.name}_{name}_{phase}_gt.mhd"
            image = ReadImage(str(path))
            dx, dy = image.GetSpacing()[:2]
            mask = GetArrayFromImage(image).reshape(image.GetSize()[1], image.GetSize()[0])
            cut.setdefault(view, {})[phase] = whole(disks(mask, Spacing(dy, dx), label=1), path.name)
        for split in ("train", "val"):
            if phases := patients_of(data / VIEWS[view], split).get(folder.name):
                small[view] = cavities(data / VIEWS[view], phases, {})["reference"]
    words = dict(line.split(": ") for line in (folder / "Info_4CH.cfg").read_text("utf-8").splitlines())
    said = float(words["LVef"])
    found: dict[str, tuple[float, ...]] = {"native": (*ejection_fractions(cut["A4C"], cut["A2C"], 1.0), said)}
    if len(small) == len(VIEWS):
        factor = small["A4C"]["ED"].length / small["A2C"]["ED"].length
        found["256 pixels"] = (*ejection_fractions(small["A4C"], small["A2C"], factor), said)
    return found


def patients_of(folder: Path, split: str) -> dict[str, Phases]:
    """Return the rows of a split by patient and phase."""
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    found: dict[str, Phases] = {}
    for row in rows:
        found.setdefault(row["patient"], {})[row["phase"]] = row
    return found


def cavities(folder: Path, phases: Phases, networks: dict[str, Segmenter]) -> dict[str, dict[str, Disks]]:
    """Return the cavity at both phases by whose outlines they are: the reference's and those of each width."""
    found: dict[str, dict[str, Disks]] = {}
    for phase, row in phases.items():
        side = float(row["spacing_mm"] or 1.0)
        name, spacing = f"{row['frame']}.png", Spacing(side, side)
        with Image.open(folder / "masks" / name) as picture:
            found.setdefault("reference", {})[phase] = whole(disks(np.asarray(picture) > 0, spacing), name)
        with Image.open(folder / "images" / name) as picture:
            cine = Cine(np.asarray(picture.convert("L"))[np.newaxis], None, spacing, Path(name))
        sector = find_sector(cine)
        for width, network in networks.items():
            (mask,) = (one.mask for one in network.stream(cine, sector, [0]))
            found.setdefault(width, {})[phase] = whole(disks(mask == 1, spacing), name)
    return found


def whole(cut: Disks | None, name: str) -> Disks:
    if cut is None:
        raise SystemExit(f"{name}: no cavity to measure.")
    return cut


def ejection_fractions(four: dict[str, Disks], two: dict[str, Disks], factor: float) -> tuple[float, float, float]:
    """Return those of one view, of the other and of both, a pixel of the second being `factor` times as large."""
    return of_one(four), of_one(two), of_both(four, two, factor)


def of_one(cut: dict[str, Disks]) -> float:
    """Return the single-plane ejection fraction, percent."""
    return 100.0 * (1.0 - cut["ES"].volume / cut["ED"].volume)


def of_both(four: dict[str, Disks], two: dict[str, Disks], factor: float) -> float:
    """Return the biplane ejection fraction, percent, the two-chamber view at the scale of the four-chamber view."""
    ed, es = (biplane(four[phase], scaled(two[phase], factor)) for phase in ("ED", "ES"))
    return 100.0 * (1.0 - es / ed)


def scaled(cut: Disks, factor: float) -> Disks:
    """Return a stack of disks of which a pixel is `factor` times as large."""
    return replace(cut, length=cut.length * factor, diameters=cut.diameters * factor, volume=cut.volume * factor**3)


def error(values: list[float], truth: list[float], patients: list[str]) -> str:
    off: NDArray[np.float64] = np.array(values) - np.array(truth)
    interval = patient_interval(np.abs(off), patients)
    low, high = interval or (np.nan, np.nan)
    return f"{np.abs(off).mean():.2f} ({low:.2f} to {high:.2f}) | {off.mean():+.2f}"


if __name__ == "__main__":
    main()
