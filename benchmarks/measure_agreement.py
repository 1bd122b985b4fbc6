"""How measurements agree with each other, with reference masks and with the clinic.

Also how often the 90 % interval of the ejection fraction holds the truth.

    python benchmarks/measure_agreement.py --data ../shared/data [--hearts 200] [--plot FILE.png] [--json FILE] [--fit]

Needs the CAMUS frames (`camus-a4c-256`, `camus-native`) in the folder named; shows no frame of them. `--fit` prints the
constants of `matae.measure.uncertainty` that fit best.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Cine, Spacing
from matae.measure import Disks, disks, measure_cine, single_plane, uncertainty
from matae.metrics import dice
from matae.models import DEFAULT_MODEL
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.segment.expected import calibrated_dice, implied_dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.segment import Sector

Z90 = 1.6448536269514722
WIDTHS = ("1", "1/2", "1/4", "1/8")


def ef(ed: Disks, es: Disks) -> float:
    return 100.0 * (ed.volume - es.volume) / ed.volume


def agreement(found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    error = found - reference
    sd = float(error.std(ddof=1))
    return {
        "n": len(error), "bias": float(error.mean()), "sd": sd, "loa_low": float(error.mean() - 1.96 * sd),
        "loa_high": float(error.mean() + 1.96 * sd), "mae": float(np.abs(error).mean()),
        "r": float(np.corrcoef(found, reference)[0, 1]),
    }  # fmt: skip


def show(title: str, a: dict[str, float]) -> None:
    print(
        f"| {title} | {a['n']:.0f} | {a['bias']:+.1f} | {a['sd']:.1f} | {a['loa_low']:+.1f} to {a['loa_high']:+.1f} "
        f"| {a['mae']:.1f} | {a['r']:.3f} |"
    )


# --- one grid against another ---------------------------------------------------------------------------------


def native(data: Path, index: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Measure the reference masks of the few patients that are there in native size, and the same on the 256 grid."""
    import SimpleITK
    from PIL import Image

    rows = []
    for path in sorted((data / "camus-native" / "nifti").glob("*/*_4CH_ED_gt.nii.gz")):
        name = path.name.removesuffix("_ED_gt.nii.gz")
        if f"{name}_ED" not in index:
            continue
        volumes: dict[str, list[float]] = {"native": [], "256": []}
        for phase in ("ED", "ES"):
            image = SimpleITK.ReadImage(str(path.with_name(f"{name}_{phase}_gt.nii.gz")))
            dx, dy = image.GetSpacing()[:2]
            mask = SimpleITK.GetArrayFromImage(image).reshape(image.GetSize()[1], image.GetSize()[0])
            volumes["native"].append(disks(mask, Spacing(dy, dx), label=1).volume)
            with Image.open(data / "camus-a4c-256" / "masks" / f"{name}_{phase}.png") as small:
                side = float(index[f"{name}_{phase}"]["spacing_mm"])
                volumes["256"].append(disks(np.asarray(small) > 0, Spacing(side, side)).volume)
        rows.append({"patient": name[7:11], **{k: (v[0], v[1], 100 * (1 - v[1] / v[0])) for k, v in volumes.items()}})
    return rows


# --- the model against reference masks ------------------------------------------------------------------------


def camus(data: Path, rows: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """For each patient the reference disks, those of each width, and the clinical ejection fraction."""
    from PIL import Image

    folder = data / "camus-a4c-256"
    patients: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = patients.setdefault(
            row["patient"], {"biplane": float(row["biplane_ef"]), "quality": row["image_quality"]}
        )
        side = float(row["spacing_mm"])
        spacing = Spacing(side, side)
        with Image.open(folder / "images" / f"{row['frame']}.png") as picture:
            grey = np.asarray(picture.convert("L"))
        with Image.open(folder / "masks" / f"{row['frame']}.png") as picture:
            entry["reference", row["phase"]] = disks(np.asarray(picture) > 0, spacing)
        cine = Cine(grey[np.newaxis], None, spacing, Path(row["frame"]), view="A4C")
        masks, implied = outlined(cine, find_sector(cine), [0])
        for width in WIDTHS:
            entry[width, row["phase"]] = disks(masks[width][0] == 1, spacing)
        # Of the widest width both distances are those of the next narrower one (`matae.measure.expected_behind`).
        apart = [1 - float(dice(masks["1/2"][0] == 1, masks[other][0] == 1)) for other in ("1/4", "1")]
        entry["expected", row["phase"]] = float(calibrated_dice(implied[0], *apart))
    return patients


OPTIONS = SegmentOptions(DEFAULT_MODEL, device="auto")
MAKE = cache(Segmenter)


def outlined(cine: Cine, sector: Sector, frames: list[int]) -> tuple[dict[str, dict[int, np.ndarray]], list[float]]:
    """Return the masks of every width by frame, and the Dice that the probabilities of width 1 imply."""
    masks: dict[str, dict[int, np.ndarray]] = {}
    implied = dict.fromkeys(frames, np.nan)
    for width in WIDTHS:
        found = list(MAKE(replace(OPTIONS, width=width)).stream(cine, sector, frames))
        masks[width] = {one.index: one.mask for one in found}
        if width == "1":
            implied |= {one.index: implied_dice(one.mask, one.probability) for one in found}
    return masks, list(implied.values())


# --- the interval ---------------------------------------------------------------------------------------------


def sigma(spread: np.ndarray, sensitivity: np.ndarray, shift: float, reader: float) -> np.ndarray:
    return np.sqrt(spread**2 + (shift * sensitivity) ** 2 + reader**2)


def fit(error: np.ndarray, spread: np.ndarray, sensitivity: np.ndarray) -> tuple[float, float]:
    """Return the shift and the reader's part with the greatest likelihood of the errors."""
    best = (np.inf, 0.0, 0.0)
    for shift in np.arange(0.0, 0.0201, 0.0005):
        for reader in np.arange(0.0, 8.01, 0.25):
            s = np.maximum(sigma(spread, sensitivity, shift, reader), 1e-6)
            best = min(best, (float((0.5 * (error / s) ** 2 + np.log(s)).mean()), float(shift), float(reader)))
    return best[1], best[2]


def cross_validated(error: np.ndarray, spread: np.ndarray, sensitivity: np.ndarray, folds: int = 10) -> np.ndarray:
    """Say for each patient whether the interval holds when its constants come from the other patients."""
    order = np.random.default_rng(0).permutation(len(error))
    inside = []
    for part in np.array_split(order, folds):
        rest = np.setdiff1d(order, part)
        shift, reader = fit(error[rest], spread[rest], sensitivity[rest])
        inside += list(np.abs(error[part]) <= Z90 * sigma(spread[part], sensitivity[part], shift, reader))
    return np.array(inside)


def share(inside: np.ndarray) -> dict[str, float]:
    """Return a share with its 95 % Wilson interval."""
    n, p, z = len(inside), float(np.mean(inside)), 1.96
    shrink = 1 + z * z / n
    middle = (p + z * z / (2 * n)) / shrink
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    return {"n": n, "share": p, "low": float(middle - half), "high": float(middle + half)}


def held(intervals: Sequence[uncertainty.Interval], truth: np.ndarray) -> np.ndarray:
    return np.array([one.low <= value <= one.high for one, value in zip(intervals, truth, strict=True)])


def wide(intervals: Sequence[uncertainty.Interval]) -> float:
    return float(np.mean([(one.high - one.low) / 2 for one in intervals]))


# --- phantoms -------------------------------------------------------------------------------------------------


def hearts(count: int) -> list[tuple[float, np.ndarray, Any]]:
    """Return true ejection fraction, end-diastolic and end-systolic mask and spacing of random hearts."""
    from matae.phantom import random_heart
    from matae.phantom.anatomy import layout
    from matae.phantom.make import _truth
    from matae.phantom.scan import HeartFrame, make_fan
    from matae.phantom.shape import beating_ventricle

    found = []
    for seed in range(count):
        config = random_heart(seed)
        beating = beating_ventricle(config.ventricle, config.motion, np.array([0.0, 1.0]))
        fan = make_fan(config.sector, (256, 256))
        poses = [HeartFrame(config.pose), HeartFrame(config.pose, config.motion.rocking_deg, 0.0, 0.0)]
        labels, _ = _truth(fan, beating, poses, layout(config.chambers, beating.rest))
        volumes = beating.volumes_ml
        found.append((100 * (1 - volumes[1] / volumes[0]), labels == 1, fan.spacing))
    return found


def phantom_images(count: int) -> tuple[Any, ...]:
    """Return truth, measurement and half width of the interval of imaged phantoms that the model segments.

    The half width without the Dice that is expected of the outlines; then the interval with it.
    """
    from matae.phantom import make_phantom

    rows = []
    for seed in range(count):
        phantom = make_phantom(seed, frame_rate=30.0, shape=(256, 256))
        frames = [phantom.cine.ed_frame, phantom.cine.es_frame]
        # Two frames are enough: those of the truth, so that only the outline can err.
        cine = replace(
            phantom.cine, frames=phantom.cine.frames[frames], frame_times=None, ed_frame=0, es_frame=1, heart_rate=None
        )
        widths, implied = outlined(cine, find_sector(phantom.cine), [0, 1])
        masks = np.stack([widths["1"][0], widths["1"][1]])
        plain, found = (measure_cine(cine, masks, width_masks=widths, implied=sure) for sure in (None, implied))
        if plain.ef is not None and found.ef is not None:
            rows.append((phantom.ejection_fraction, found.ef.value, plain.ef.half_width, found.ef))
    *numbers, intervals = zip(*rows, strict=True)
    return (*(np.array(one) for one in numbers), intervals)


# --- all of it ------------------------------------------------------------------------------------------------


def plot(path: Path, pairs: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Bland-Altman plots: numbers alone."""
    from matplotlib.figure import Figure

    figure = Figure((9.4, 3.7), dpi=130, facecolor="white", layout="constrained")
    axes = figure.subplots(1, len(pairs), sharey=True)
    for ax, (title, found, reference) in zip(axes, pairs, strict=True):
        mean, error = (found + reference) / 2, found - reference
        a = agreement(found, reference)
        ax.axhline(0, color="#c9d1d8", linewidth=0.8)
        ax.plot(mean, error, "o", color="#0072b2", alpha=0.65, markersize=4.5, markeredgewidth=0)
        for y, text, style in (
            (a["bias"], f"bias {a['bias']:+.1f}", "-"), (a["loa_low"], f"{a['loa_low']:+.1f}", "--"),
            (a["loa_high"], f"{a['loa_high']:+.1f}", "--"),
        ):  # fmt: skip
            ax.axhline(y, color="#1b242c", linewidth=1, linestyle=style)
            ax.annotate(text, (0, y), xycoords=("axes fraction", "data"), xytext=(4, 2), textcoords="offset points",
                        ha="left", va="bottom", fontsize=7.5, color="#1b242c")  # fmt: skip
        ax.set_title(f"{title} (n = {a['n']})", fontsize=9)
        ax.set_xlabel("Mean of both, %", fontsize=8.5)
        ax.tick_params(labelsize=8)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    axes[0].set_ylabel("Difference, points of ejection fraction", fontsize=8.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def report_grids(data: Path, index: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    print("\nReference masks, native size / 256 grid (EDV mL, ESV mL, EF %)")
    rows = native(data, index)
    for row in rows:
        cells = " | ".join(f"{big:.1f} / {small:.1f}" for big, small in zip(row["native"], row["256"], strict=True))
        print(f"| {row['patient']} | {cells} |")
    return rows


def report_camus(patients: dict[str, dict[str, Any]], *, fitted: bool, picture: Path | None) -> dict[str, Any]:
    def of(who: str) -> np.ndarray:
        return np.array([ef(p[who, "ED"], p[who, "ES"]) for p in patients.values()])

    reference, clinic = of("reference"), np.array([p["biplane"] for p in patients.values()])
    by_width = {width: of(width) for width in WIDTHS}
    found = {"EF: reference masks, single plane - clinic, biplane": agreement(reference, clinic)}
    for width, values in by_width.items():
        found[f"EF: width {width} - reference masks"] = agreement(values, reference)
    found["EF: width 1 - clinic, biplane"] = agreement(by_width["1"], clinic)
    for phase, label in (("ED", "EDV"), ("ES", "ESV")):
        ours, theirs = (np.array([p[who, phase].volume for p in patients.values()]) for who in ("1", "reference"))
        found[f"{label} (mL): width 1 - reference masks"] = agreement(ours, theirs)
    print("\n| compared | n | bias | SD | limits of agreement | MAE | r |")
    for title, values in found.items():
        show(title, values)
    error = by_width["1"] - reference
    spread = np.std(list(by_width.values()), axis=0, ddof=1)
    sensitivity = np.array([uncertainty.boundary_sensitivity(p["1", "ED"], p["1", "ES"]) for p in patients.values()])
    constants = report_constants(error, spread, sensitivity) if fitted else None
    half = Z90 * sigma(spread, sensitivity, uncertainty.BOUNDARY_SHIFT, uncertainty.READER_SD)
    expected = [[p["expected", phase] for phase in ("ED", "ES")] for p in patients.values()]
    numbers = zip(by_width["1"], sensitivity, spread, expected, strict=True)
    judged = [uncertainty.ef_interval(v, s, widths_sd=w, expected=e) for v, s, w, e in numbers]
    if picture:
        plot(picture, [
            ("Model, width 1, minus reference masks", by_width["1"], reference),
            ("Reference masks, single plane, minus clinical biplane", reference, clinic),
        ])  # fmt: skip
    coverage = {
        "CAMUS val, reference masks": share(np.abs(error) <= half) | {"mean_half_width": float(half.mean())},
        "the same, constants from the other patients": share(cross_validated(error, spread, sensitivity)),
        "CAMUS val, clinical biplane": share(np.abs(by_width["1"] - clinic) <= half),
        "CAMUS val, reference masks, with the expected Dice": share(held(judged, reference))
        | {"mean_half_width": wide(judged)},
        "CAMUS val, clinical biplane, with the expected Dice": share(held(judged, clinic)),
    }
    return {"agreement": found, "coverage": coverage, "constants": constants}


def report_constants(error: np.ndarray, spread: np.ndarray, sensitivity: np.ndarray) -> dict[str, dict[str, float]]:
    """Put the constants that fit best beside those in use: likelihood, coverage and width of the interval."""
    found = {}
    print("\n| constants | shift of the long axis | reader, points | log likelihood | held | mean half width |")
    for name, (shift, reader) in {
        "fitted": fit(error, spread, sensitivity), "in use": (uncertainty.BOUNDARY_SHIFT, uncertainty.READER_SD)
    }.items():  # fmt: skip
        s = sigma(spread, sensitivity, shift, reader)
        likelihood = float(-(0.5 * (error / s) ** 2 + np.log(s)).sum())
        inside = float(np.mean(np.abs(error) <= Z90 * s))
        half = float(Z90 * s.mean())
        found[name] = {"shift": shift, "reader": reader, "log_likelihood": likelihood, "share": inside,
                       "mean_half_width": half}  # fmt: skip
        print(f"| {name} | {shift:.4f} | {reader:.2f} | {likelihood:.3f} | {inside:.0%} | {half:.2f} |")
    return found


def report_phantoms(images: int, masks_only: int) -> dict[str, Any]:
    true, measured, half, judged = phantom_images(images)
    found = agreement(measured, true)
    show("EF: phantom images, width 1 - truth", found)
    errors, inside = [], []
    for truth, masks, spacing in hearts(masks_only):
        pair = single_plane(masks[0], masks[1], spacing)
        errors.append(pair.ef_percent - truth)
        interval = uncertainty.ef_interval(pair.ef_percent, uncertainty.boundary_sensitivity(pair.ed, pair.es))
        inside.append(interval.low <= truth <= interval.high)
    exact = {"n": len(errors), "bias": float(np.mean(errors)), "sd": float(np.std(errors)),
             "largest": float(np.abs(errors).max())}  # fmt: skip
    print("\nEF from the true masks of random hearts:", {key: round(value, 2) for key, value in exact.items()})
    coverage = {
        "phantom images, truth": share(np.abs(measured - true) <= half) | {"mean_half_width": float(half.mean())},
        "phantom images, truth, with the expected Dice": share(held(judged, true)) | {"mean_half_width": wide(judged)},
        "phantom, true masks": share(np.array(inside)),
    }
    return {"images": found, "true_masks": exact, "coverage": coverage}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hearts", type=int, default=200)
    parser.add_argument("--images", type=int, default=30, help="phantoms that the model segments")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    with (arguments.data / "camus-a4c-256" / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    result: dict[str, Any] = {"grid": report_grids(arguments.data, {row["frame"]: row for row in rows})}
    patients = camus(arguments.data, [row for row in rows if row["split"] == "val"])
    result["camus"] = report_camus(patients, fitted=arguments.fit, picture=arguments.plot)
    result["phantom"] = report_phantoms(arguments.images, arguments.hearts)
    print("\nShare of 90 % intervals that hold the reference (95 % interval of the share)")
    for title, found in (result["camus"]["coverage"] | result["phantom"]["coverage"]).items():
        wide = f", mean half width {found['mean_half_width']:.1f}" if "mean_half_width" in found else ""
        print(f"| {title} | {found['n']} | {found['share']:.0%} ({found['low']:.0%} to {found['high']:.0%}){wide}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
