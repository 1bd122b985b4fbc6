"""The pictures and plots of the report; each draws into axes it is given."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.anatomy import ATRIUM, ATRIUM_COLOUR, CAVITY, WALL, WALL_COLOUR
from matae.measure._plane import resample
from matae.measure.bullseye import MOST_INWARD_PERCENT, all_places, place
from matae.measure.reliability import NOT_RELIABLE, PROVISIONAL, judged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.measure.disks import Disks
    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import Interval, QualityFlag
    from matae.segment.margins import Margins

__all__ = ["draw_curve", "draw_ef", "draw_number", "draw_picture", "draw_segments", "smoothed"]

ED, ES = "#e69f00", "#56b4e9"
"""Colours of end-diastole and end-systole everywhere (Okabe-Ito: distinct under every colour blindness)."""
_BESIDE = {WALL: (WALL_COLOUR, "myocardium"), ATRIUM: (ATRIUM_COLOUR, "left atrium")}
_INK, _FAINT, _WARNING = "#1b242c", "#66717c", "#a33b00"
_MOST_DOUBT_LINES = 5


def smoothed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an outline without the steps of its pixels, closed, for drawing only."""
    if len(points) < 24:
        return np.concatenate([points, points[:1]])
    ring = resample(points, 160)
    kernel = range(-2, 3)
    ring = np.mean([np.roll(ring, shift, 0) for shift in kernel], axis=0)
    return np.concatenate([ring, ring[:1]])


def draw_ef(axes: Any, measurement: Measurement) -> None:
    """Draw the ejection fraction, large, and its interval on a scale from 0 to 100 %."""
    if measurement.ef is None:
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")
        axes.text(0, 0.5, "No ejection fraction", fontsize=20, color=_FAINT, va="center", weight="bold")
        return
    about = f"Ejection fraction, {measurement.method}, {measurement.view or 'view not stated'}"
    detail = ""
    if (spread := measurement.ef_sd) is not None:
        detail = f";  {len(measurement.beats)} beats, SD {spread:.1f} points"
    draw_number(axes, measurement.ef, about, measurement.doubts, detail)
    if measurement.doubts:
        return
    # From the left: half of the page is too short for it, and the pictures begin in the next line.
    if measurement.inputs.widths_pending:
        axes.text(0, -0.14, PROVISIONAL, fontsize=7.6, color=_WARNING, va="center")
    else:
        axes.text(0, -0.14, judged(measurement), fontsize=6.8, color=_FAINT, va="center")


def draw_number(axes: Any, ef: Interval, about: str, doubts: tuple[QualityFlag, ...], detail: str = "") -> None:
    """Draw an ejection fraction, large, with its interval on a scale; in its place why it is not reliable.

    Parameters
    ----------
    axes
        Where.
    ef
        Value and interval.
    about
        What it is, under the number.
    doubts
        Why it is not reliable; empty where it is.
    detail
        What stands after the words of the interval.
    """
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    if doubts:
        _draw_doubts(axes, doubts, f"{ef.value:.0f} % computed, 90 % interval {ef.low:.0f} to {ef.high:.0f} %")
        return
    axes.text(0, 0.62, f"{ef.value:.0f} %", fontsize=31, color=_INK, va="center", weight="bold")
    axes.text(0, 0.06, about, fontsize=8.5, color=_INK, va="center")
    x0, x1, y = 0.5, 0.985, 0.62

    def at(percent: float) -> float:
        return x0 + (x1 - x0) * min(max(percent, 0.0), 100.0) / 100.0

    axes.plot([x0, x1], [y, y], color="#dfe5ea", linewidth=6, solid_capstyle="butt")
    axes.plot([at(ef.low), at(ef.high)], [y, y], color=ES, linewidth=6, solid_capstyle="butt")
    axes.plot([at(ef.value)] * 2, [y - 0.2, y + 0.2], color=_INK, linewidth=2.2)
    for tick in range(0, 101, 20):
        axes.text(at(tick), y - 0.36, f"{tick}", fontsize=7, color=_FAINT, ha="center", va="center")
    parts = f"90 % interval {ef.low:.0f} to {ef.high:.0f} %{detail}"
    axes.text(x0, 0.06, parts, fontsize=8.5, color=_INK, va="center")


def _draw_doubts(axes: Any, doubts: tuple[QualityFlag, ...], computed: str) -> None:
    """Say why there is no number to rely on, where the number stands otherwise."""
    axes.text(0, 0.66, f"EF {NOT_RELIABLE}", fontsize=20, color=_FAINT, va="center", weight="bold")
    axes.text(0, 0.16, computed, fontsize=8.5, color=_FAINT, va="center")
    lines = [line for flag in doubts for line in textwrap.wrap(flag.sentence, 74, subsequent_indent="   ")]
    if len(lines) > _MOST_DOUBT_LINES:
        lines = [*lines[: _MOST_DOUBT_LINES - 1], "… and more: see below."]
    for number, line in enumerate(lines):
        axes.text(0.42, 0.86 - 0.2 * number, line, fontsize=7.6, color=_WARNING, va="center")


def _crop(measurement: Measurement) -> tuple[slice, slice]:
    """Return the part of the picture around the cavity at both phases, with room around it."""
    primary = measurement.primary
    height, width = measurement.inputs.cine.shape
    if primary is None:
        return slice(0, height), slice(0, width)
    beside = [points for frame in primary.frames for points in _beside(measurement, frame).values()]
    points = np.concatenate([*(measurement.outline(frame) for frame in primary.frames), *beside])
    low, high = points.min(0), points.max(0)
    scale = np.array(measurement.inputs.cine.pixel_aspect)
    # As wide as the panel is for its height, so that all three pictures fill theirs.
    size = (high - low) * scale * 1.3
    tall = max(size[0], size[1] / 0.91)
    half = np.array([tall, 0.91 * tall]) / 2 / scale
    middle = (low + high) / 2
    y0, x0 = np.floor(middle - half).astype(int)
    y1, x1 = np.ceil(middle + half).astype(int)
    return slice(max(0, y0), min(height, y1 + 1)), slice(max(0, x0), min(width, x1 + 1))


def draw_picture(axes: Any, measurement: Measurement, which: str, shown: Margins) -> None:
    """Draw end-diastole (``ed``) or end-systole (``es``) with outline, disks and axis, or both outlines (``both``).

    Of the picture there is what `shown` allows.
    """
    m, primary = measurement, measurement.primary
    cine = m.inputs.cine
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if primary is None:
        first = {"ed": 0, "es": cine.n_frames // 2, "both": cine.n_frames - 1}[which]
        axes.imshow(
            shown.frame(cine.frames[first]), cmap="gray", vmin=0, vmax=255,
            aspect=cine.pixel_aspect[0] / cine.pixel_aspect[1],
        )  # fmt: skip
        axes.set_title(f"Frame {first + 1}", fontsize=8.5, color=_INK, pad=4)
        return
    ed, es = primary.frames
    frame = ed if which == "ed" else es
    rows, columns = _crop(m)
    extent = (columns.start - 0.5, columns.stop - 0.5, rows.stop - 0.5, rows.start - 0.5)
    axes.imshow(
        shown.frame(cine.frames[frame])[rows, columns], cmap="gray", vmin=0, vmax=255, extent=extent,
        interpolation="bilinear", aspect=cine.pixel_aspect[0] / cine.pixel_aspect[1],
    )  # fmt: skip
    if which == "both":
        for number, colour in ((ed, ED), (es, ES)):
            line = smoothed(m.outline(number))
            axes.plot(line[:, 1], line[:, 0], color=colour, linewidth=1.5)
        axes.set_title("Both outlines on end-systole", fontsize=8.5, color=_INK, pad=4)
        axes.text(0.03, 0.03, "end-diastole", color=ED, fontsize=7.5, transform=axes.transAxes, weight="bold")
        axes.text(
            0.97, 0.03, "end-systole", color=ES, fontsize=7.5, transform=axes.transAxes, ha="right", weight="bold"
        )
    else:
        disks, colour, name = (
            (primary.volumes.ed, ED, "End-diastole") if which == "ed" else (primary.volumes.es, ES, "End-systole")
        )
        _draw_beside(axes, m, frame)
        _draw_disks(axes, disks, m.outline(frame), colour)
        amount = f", {disks.volume:.0f} mL" if m.calibrated else ""
        axes.set_title(f"{name}, frame {frame + 1}{amount}", fontsize=8.5, color=_INK, pad=4)
        if which == "ed":
            _scale_bar(axes, m)
    axes.set(xlim=extent[:2], ylim=extent[2:])


def _beside(measurement: Measurement, frame: int) -> dict[int, NDArray[np.float64]]:
    """Return the outlines of what stands beside the cavity in a mask: the epicardium of a wall, an atrium."""
    from matae.measure.contour import contour

    mask = measurement.inputs.mask(frame)
    regions = {WALL: np.isin(mask, (WALL, CAVITY)), ATRIUM: mask == ATRIUM}
    return {value: contour(region) for value, region in regions.items() if (mask == value).any()}


def _draw_beside(axes: Any, measurement: Measurement, frame: int) -> None:
    """Draw what is not measured: thin, in colours of its own, with its name."""
    for row, (value, points) in enumerate(_beside(measurement, frame).items()):
        colour, name = _BESIDE[value]
        line = smoothed(points)
        axes.plot(line[:, 1], line[:, 0], color=colour, linewidth=1.1)
        axes.text(
            0.97, 0.97 - 0.065 * row, name, color=colour, fontsize=7.5, transform=axes.transAxes, ha="right", va="top",
            weight="bold",
        )  # fmt: skip


def _draw_disks(axes: Any, disks: Disks, points: NDArray[np.float64], colour: str) -> None:
    for chord in disks.chords:
        axes.plot(chord[:, 1], chord[:, 0], color="white", linewidth=0.45, alpha=0.75)
    marks = disks.landmarks
    axes.plot([marks.apex[1], marks.base[1]], [marks.apex[0], marks.base[0]], color="white", linewidth=0.9)
    line = smoothed(points)
    axes.plot(line[:, 1], line[:, 0], color=colour, linewidth=1.5)
    spots = np.array([marks.apex, marks.left, marks.right])
    axes.plot(spots[:, 1], spots[:, 0], "o", color=colour, markersize=4.2, markeredgecolor="black", markeredgewidth=0.6)


def _scale_bar(axes: Any, measurement: Measurement) -> None:
    spacing = measurement.inputs.cine.spacing
    rows, columns = _crop(measurement)
    x, y = columns.start + 0.05 * (columns.stop - columns.start), rows.stop - 0.05 * (rows.stop - rows.start)
    if spacing is None:
        axes.text(x, y, "uncalibrated", color="#ffd479", fontsize=7.5, va="center", weight="bold")
        return
    room = 0.5 * (columns.stop - columns.start) * spacing.x  # its text stands beside it
    bar = next((length for length in (20.0, 10.0, 5.0, 2.0, 1.0) if length <= room), 0.5)
    wide = bar / spacing.x
    axes.plot([x, x + wide], [y, y], color="white", linewidth=2, solid_capstyle="butt")
    axes.text(x + wide * 1.12, y, f"{bar:g} mm", color="white", fontsize=7, va="center")


def draw_curve(axes: Any, measurement: Measurement) -> None:
    """Draw volume (area in percent of its largest, when not calibrated) over time, with the beats."""
    m = measurement
    times = m.inputs.clip.frame_times
    x = np.arange(m.n_frames) if times is None else times
    if m.calibrated:
        y, label = m.volume, "Volume (mL)"
    else:
        area = m.area_px
        top = float(np.nanmax(area)) if np.isfinite(area).any() else 1.0
        y, label = 100.0 * area / top, "Area (% of largest)"
    axes.plot(x, y, color=_INK, linewidth=1.2, marker="." if m.n_frames <= 60 else None, markersize=3)
    doubtful = bool(m.doubts)
    for number, values in enumerate(m.beats, start=1):
        ed, es = values.frames
        axes.axvspan(x[min(ed, es)], x[max(ed, es)], color="#eef2f5", zorder=0)
        axes.plot(x[ed], y[ed], "o", color=ED, markersize=7, markeredgecolor="black", markeredgewidth=0.6)
        axes.plot(x[es], y[es], "s", color=ES, markersize=6.5, markeredgecolor="black", markeredgewidth=0.6)
        if len(m.beats) > 1:
            middle = (x[ed] + x[es]) / 2
            text = f"{number}" if doubtful else f"{number}: {values.volumes.ef_percent:.0f} %"
            axes.annotate(text, (middle, 1), xycoords=("data", "axes fraction"), xytext=(0, -3),
                          textcoords="offset points", ha="center", va="top", fontsize=7, color=_FAINT)  # fmt: skip
    if len(x) > 1:
        axes.set_xlim(x[0] - 0.01 * (x[-1] - x[0]), x[-1] + 0.01 * (x[-1] - x[0]))
    if np.isfinite(y).any():
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
        room = max(high - low, 1e-6)
        axes.set_ylim(max(0.0, low - 0.15 * room), high + (0.3 if len(m.beats) > 1 else 0.15) * room)
    axes.set_xlabel("Frame" if times is None else "Time (s)", fontsize=8, color=_FAINT, labelpad=2)
    axes.set_ylabel(label, fontsize=8, color=_FAINT)
    axes.tick_params(labelsize=7.5, colors=_FAINT, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c9d1d8")


def draw_segments(figure: Any, box: tuple[float, float, float, float], measurement: Measurement) -> None:
    """Draw inward motion of the six segments of the view on a bull's-eye of the left ventricle."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    left, bottom, width, height = box
    axes = figure.add_axes((left + 0.030, bottom + 0.010, width - 0.05, height - 0.046), projection="polar")
    axes.set(ylim=(0, 1), xticks=[], yticks=[])
    axes.spines["polar"].set_visible(False)
    figure.text(0.06, bottom + height - 0.0015, "Wall motion", fontsize=8.5, weight="bold", color="#22313f",
                va="center")  # fmt: skip
    about = "inward, % of the distance to the long axis"
    figure.text(0.06, bottom + height - 0.0165, about, fontsize=6.8, color=_FAINT, va="center")
    colours, scale = colormaps["viridis"], Normalize(0, MOST_INWARD_PERCENT)
    named = measurement.primary is None or not measurement.primary.segments[0].name.endswith("left")
    if named:
        _empty_bulls_eye(axes)
    if measurement.primary is None:
        return
    for segment in measurement.primary.segments:
        centre, span, inner, outer = place(segment)
        shade = colours(scale(segment.inward_percent))
        axes.bar(math.radians(centre), outer - inner, math.radians(span), inner, color=shade, edgecolor="white",
                 linewidth=1.2)  # fmt: skip
        bright = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] > 0.5
        radius = (inner + outer) / 2 if segment.level != "apical" else 0.24
        axes.text(math.radians(centre), radius, f"{segment.inward_percent:.0f}", ha="center", va="center",
                  fontsize=8.5, weight="bold", color="black" if bright else "white")  # fmt: skip
    sides = [segment.name.split(" ", 1)[1] for segment in measurement.primary.segments if segment.level == "basal"]
    for segment, side in zip([s for s in measurement.primary.segments if s.level == "basal"], sides, strict=True):
        centre, *_ = place(segment)
        _name_wall(axes, side, math.cos(math.radians(centre)), math.sin(math.radians(centre)))
    bar = figure.add_axes((left + 0.065, bottom - 0.004, width - 0.12, 0.0065))
    filled = figure.colorbar(ScalarMappable(scale, colours), cax=bar, orientation="horizontal")
    filled.outline.set_visible(False)
    bar.tick_params(labelsize=6.5, colors=_FAINT, length=2)


def _name_wall(axes: Any, name: str, x: float, y: float) -> None:
    """Write the name of a wall where it lies, seen from the middle of the bull's-eye.

    Between it and the column beside there is no room for a long one, and below it none at all: what lies askew, or
    straight down, is named in the corner that the circle leaves free.
    """
    side, end = ("left", 0.0) if x < 0 else ("right", 1.0)
    if abs(x) < 0.1:
        side, end = ("center", 0.5) if y > 0 else ("right", 0.3)
    if abs(y) < 0.1:  # short ones: left and right
        place, side, line = (0.5 + 0.515 * x, 0.5), "right" if x < 0 else "left", "center"
    else:
        line = "bottom" if y > 0 else "top"
        place = (end, 1.015 if abs(x) < 0.1 and y > 0 else 0.97 if y > 0 else 0.03)
    axes.text(*place, name, ha=side, va=line, fontsize=7, color=_INK, transform=axes.transAxes)


def _empty_bulls_eye(axes: Any) -> None:
    for spot in all_places():
        axes.bar(math.radians(spot.centre), spot.outer - spot.inner, math.radians(spot.span), spot.inner,
                 color="#eef1f4", edgecolor="white", linewidth=1.2)  # fmt: skip
