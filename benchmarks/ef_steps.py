"""What each step buys that makes an ejection fraction steadier than the masks of two frames.

    python benchmarks/ef_steps.py [--model matae-phantom] [--hearts 24] [--first 200]

CAMUS as it is there has two frames of a beat, so whole beats are synthetic: hearts of which the exact ejection fraction
is known, outlined frame by frame at every width. It is made from the frames with the largest and the smallest outline
alone; from end-diastole and end-systole of the smoothed curve of areas, as `measure` does; from there with landmarks
smoothed over 0.1 s as the areas are; with volumes smoothed in the same way; as the mean of the widths; and so on
together. `matae-phantom` knows synthetic hearts as well as the default model knows those of CAMUS. Intervals are a
bootstrap over hearts, differences are paired.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.measure import measure_cine
from matae.measure.cycle import smooth_curve
from matae.measure.disks import disks
from matae.measure.landmarks import Landmarks
from matae.metrics import patient_interval
from matae.phantom import make_phantom, random_heart
from matae.segment import Segmenter, SegmentOptions, find_sector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Measurement

    Floats = NDArray[np.float64]

WIDTHS = ("1", "1/2", "1/4", "1/8")
RATE, FRAMES = 50.0, 60
SHIPPED = "the smoothed curve's frames (what is shown)"
STEPS = (
    "largest and smallest outline", SHIPPED, "with smoothed landmarks", "with smoothed volumes",
    "mean of the widths", "mean of the widths, smoothed landmarks", "mean of the widths, smoothed volumes",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="matae-phantom")
    parser.add_argument("--hearts", type=int, default=24)
    parser.add_argument("--first", type=int, default=200, help="seed of the first heart")
    args = parser.parse_args()
    networks = [Segmenter(SegmentOptions(args.model, width=width)) for width in WIDTHS]
    rows, truth, lost = [], [], 0
    for seed in range(args.first, args.first + args.hearts):
        phantom = make_phantom(
            seed, n_frames=FRAMES, frame_rate=RATE, shape=(192, 192), config=random_heart(seed, start_phase=None)
        )
        # What the file of a phantom says of its beat no other file does.
        cine = replace(phantom.cine, ed_frame=None, es_frame=None, heart_rate=None)
        steps = of_heart(cine, networks)
        if steps is None:
            lost += 1
            continue
        rows.append(steps)
        truth.append(phantom.ejection_fraction)
    found, names = np.array(rows), [str(number) for number in range(len(rows))]
    error = np.abs(found - np.array(truth)[:, None])
    print(f"{args.model}, {len(rows)} hearts of {FRAMES} frames; {lost} more without a beat at every width\n")
    print("| ejection fraction from | error, points (95 % CI) | bias | against what is shown, points (95 % CI) |")
    print("| --- | --- | --- | --- |")
    for number, step in enumerate(STEPS):
        less = error[:, number] - error[:, STEPS.index(SHIPPED)]
        bias = (found[:, number] - truth).mean()
        against = "" if step == SHIPPED else f"{less.mean():+.2f} ({between(less, names)})"
        print(
            f"| {step} | {error[:, number].mean():.2f} ({between(error[:, number], names)}) | {bias:+.2f} | {against} |"
        )


def between(values: Floats, names: list[str]) -> str:
    low, high = patient_interval(values, names) or (np.nan, np.nan)
    return f"{low:.2f} to {high:.2f}"


def of_heart(cine: Cine, networks: list[Segmenter]) -> list[float] | None:
    """Return the ejection fraction of every step, percent; None where a width finds no beat."""
    sector = find_sector(cine)
    by_width: list[tuple[float, float, float, float]] = []
    for network in networks:
        masks = np.stack([one.mask for one in network.stream(cine, sector)])
        measured = measure_cine(cine, masks, sector=sector)
        if measured.ef is None or measured.primary is None:
            return None
        volumes = measured.volume
        smooth = smooth_curve(volumes, RATE)
        by_width.append(
            (
                100.0
                * (1.0 - float(volumes[np.nanargmin(measured.area_px)] / volumes[np.nanargmax(measured.area_px)])),
                measured.ef.value,
                of_beats(measured, with_smooth_landmarks(measured, masks)),
                of_beats(measured, smooth),
            )
        )
    widest, mean = by_width[0], np.mean(by_width, axis=0)
    return [*widest, float(mean[1]), float(mean[2]), float(mean[3])]


def of_beats(measured: Measurement, volumes: Floats) -> float:
    """Return the mean ejection fraction of the beats found, with other volumes at their frames."""
    return float(np.mean([100.0 * (1.0 - volumes[one.beat.es] / volumes[one.beat.ed]) for one in measured.beats]))


def with_smooth_landmarks(measured: Measurement, masks: NDArray[np.uint8]) -> Floats:
    """Return the volume of every frame, cut along an axis whose three landmarks are smoothed over time."""
    marks = np.full((len(masks), 6), np.nan)
    for frame, shape in enumerate(measured.shapes):
        if shape.disks is not None:
            marks[frame] = shape.disks.landmarks.as_array().ravel()
    smooth = np.stack([smooth_curve(column, RATE) for column in marks.T], axis=1)
    found = measured.volume.copy()
    for index in np.flatnonzero(np.isfinite(found)):
        placed = Landmarks.from_array(smooth[index].reshape(3, 2))
        cut = disks(masks[index], measured.inputs.cine.pixel_size, landmarks=placed, label=1)
        found[index] = np.nan if cut is None else cut.volume
    return found


if __name__ == "__main__":
    main()
