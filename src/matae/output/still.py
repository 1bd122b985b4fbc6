"""The still picture: the fullest and the emptiest frame with their outlines, and the area curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from matae import RESEARCH_USE
from matae.output.draw import COLOURS, draw_outlines, draw_text, font, picture_size, to_picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image, ImageDraw

    from matae.cine import Cine
    from matae.segment import Segmentation
    from matae.segment.margins import Margins

__all__ = ["MARKS", "write_still"]

_PAPER, _INK, _FAINT, _GRID = (18, 20, 24), (232, 234, 237), (150, 155, 163), (50, 54, 61)
_LINE = COLOURS[0]
MARKS = ((230, 159, 0), (86, 180, 233))  # fullest, emptiest; also told apart by shape and by name
_PANEL, _GAP, _MARGIN, _CURVE = 560, 24, 32, 260


def write_still(
    path: Path,
    cine: Cine,
    result: Segmentation,
    shown: Margins | None = None,
    masks: Mapping[int, NDArray[np.uint8]] | None = None,
) -> None:
    """Write a PNG that shows at a glance whether a segmentation makes sense.

    Parameters
    ----------
    path
        The file, ending in ``.png``.
    cine
        The frames.
    result
        Their masks and areas.
    shown
        What of the pictures is shown; everything if left out.
    masks
        Those of the first frame and of the largest and the smallest area, where the result does not hold them.
    """
    draw_still(cine, result, shown, masks).save(path, format="PNG")


def draw_still(
    cine: Cine,
    result: Segmentation,
    shown: Margins | None = None,
    masks: Mapping[int, NDArray[np.uint8]] | None = None,
) -> Image.Image:
    """Return the still picture of a segmentation, as `write_still` writes it."""
    from PIL import Image, ImageDraw

    panels = _panels(result.area_px)
    size = _fit(picture_size(cine, _PANEL))
    width = max(2 * _MARGIN + len(panels) * size[0] + (len(panels) - 1) * _GAP, 560)
    curve = _CURVE if cine.n_frames > 1 else 0
    top = 84
    notice = _lines(RESEARCH_USE, width - 2 * _MARGIN, 12)
    height = top + 30 + size[1] + (_GAP + curve if curve else 0) + 30 + 18 * len(notice)
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, 24), _shortened(draw, cine.source.name, width - 2 * _MARGIN, 22), fill=_INK, font=font(22))
    draw.text((_MARGIN, 54), _shortened(draw, _subtitle(cine, result), width - 2 * _MARGIN, 14), _FAINT, font(14))

    left = (width - len(panels) * size[0] - (len(panels) - 1) * _GAP) // 2
    for column, (title, t) in enumerate(panels):
        x = left + column * (size[0] + _GAP)
        frame = np.asarray(cine.frames[t])
        picture = to_picture(frame if shown is None else shown.frame(frame), size)
        mask = masks[t] if masks is not None and t in masks else result.masks[t]
        draw_outlines(picture, np.asarray(mask), thickness=2.0)
        _mark(draw, (x + 7, top + 12), column if len(panels) > 1 else 0)
        draw_text(draw, (x + 22, top + 3), f"{title}: {_frame_text(cine, result, t)}", _INK, 15)
        page.paste(picture, (x, top + 30))
        draw.rectangle((x - 1, top + 29, x + size[0], top + 30 + size[1]), outline=_GRID)
    if curve:
        box = (_MARGIN, top + 30 + size[1] + _GAP, width - _MARGIN, top + 30 + size[1] + _GAP + curve)
        _draw_curve(page, box, cine, result, [t for _, t in panels])
    for number, line in enumerate(reversed(notice)):
        draw.text((_MARGIN, height - 26 - 18 * number), line, fill=_FAINT, font=font(12))
    return page


def _panels(area: NDArray[np.float64]) -> list[tuple[str, int]]:
    known = np.where(np.isnan(area), -1.0, area)
    largest = int(known.argmax())
    if known[largest] <= 0:
        return [("No left ventricle found", 0)]
    # An empty frame says nothing about how small the cavity gets.
    smallest = int(np.where(known > 0, known, np.inf).argmin())
    if largest == smallest:
        return [("Segmented", largest)]
    return [("Largest area", largest), ("Smallest area", smallest)]


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    # Large frames are reduced here: a still is looked at, the mask file is measured.
    factor = min(1.0, _PANEL / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _area_text(cine: Cine, area: float) -> str:
    if math.isnan(area):
        return "not segmented"
    if cine.spacing is None:
        return f"{area:,.0f} px"
    return f"{area * cine.spacing.y * cine.spacing.x / 100:.1f} cm²"


def _frame_text(cine: Cine, result: Segmentation, t: int) -> str:
    when = "" if cine.frame_times is None else f" ({cine.frame_times[t]:.2f} s)"
    # For people the first frame is 1, as in the dock; the record counts from 0.
    return f"frame {t + 1}{when}, {_area_text(cine, result.area_px[t])}"


def _subtitle(cine: Cine, result: Segmentation) -> str:
    run = result.run
    facts = ["1 frame"]
    if cine.n_frames > 1:
        rate = "frame rate unknown" if cine.frame_rate is None else f"{cine.frame_rate:.1f} Hz"
        facts = [f"{cine.n_frames} frames", rate]
    if cine.spacing is None:
        facts.append("not calibrated")
    elif cine.spacing.x == cine.spacing.y:
        facts.append(f"{cine.spacing.x:.3f} mm/px")
    else:
        facts.append(f"{cine.spacing.x:.3f} x {cine.spacing.y:.3f} mm/px")
    facts.append(f"{run.get('model', '?')}, width {run.get('width', '?')}")
    return "  ·  ".join(facts)


def _shortened(draw: ImageDraw.ImageDraw, text: str, room: float, size: int) -> str:
    if draw.textlength(text, font=font(size)) <= room:
        return text
    while text and draw.textlength(text + "…", font=font(size)) > room:
        text = text[:-1]
    return text + "…"


def _lines(text: str, room: float, size: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font(size).getlength(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _mark(draw: ImageDraw.ImageDraw, centre: tuple[float, float], which: int) -> None:
    x, y = centre
    if which == 0:
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=MARKS[0], outline=_PAPER)
    else:
        draw.regular_polygon((x, y, 7), 4, fill=MARKS[1], outline=_PAPER, rotation=45)


def _draw_curve(
    page: Image.Image, box: tuple[int, int, int, int], cine: Cine, result: Segmentation, marked: list[int]
) -> None:
    from PIL import Image, ImageDraw

    calibrated = cine.spacing is not None
    factor = cine.spacing.y * cine.spacing.x / 100 if cine.spacing else 1.0
    area = result.area_px * factor
    times = cine.frame_times
    across = np.arange(0.0, cine.n_frames) if times is None else times
    draw = ImageDraw.Draw(page)
    label = f"Area of the cavity ({'cm²' if calibrated else 'pixels'})"
    draw_text(draw, (box[0], box[1]), label, _INK, 15)
    left, top, right, bottom = box[0] + 54, box[1] + 30, box[2] - 8, box[3] - 44

    ticks_y = _ticks(0.0, float(np.nanmax(area, initial=0.0)) * 1.05 or 1.0)
    ticks_x = [v for v in _ticks(float(across[0]), float(across[-1]), 8) if across[0] <= v <= across[-1]]
    if times is None:
        ticks_x = [v for v in ticks_x if v == round(v)]
    high = ticks_y[-1]

    def at(x: float, y: float) -> tuple[float, float]:
        span = float(across[-1] - across[0]) or 1.0
        return left + (x - across[0]) / span * (right - left), bottom - y / high * (bottom - top)

    for value in ticks_y:
        y = at(float(across[0]), value)[1]
        draw.line((left, y, right, y), fill=_GRID)
        draw.text((left - 8, y), f"{value:,g}", fill=_FAINT, font=font(13), anchor="rm")
    for value in ticks_x:
        x = at(value, 0.0)[0]
        draw.line((x, bottom, x, bottom + 4), fill=_FAINT)
        draw.text((x, bottom + 8), f"{value:g}", fill=_FAINT, font=font(13), anchor="ma")
    name = "Frame (frame rate unknown)" if times is None else "Time (s)"
    draw.text(((left + right) / 2, bottom + 26), name, fill=_FAINT, font=font(13), anchor="ma")

    # Drawn at three times the size and reduced, as the outlines are.
    stencil = Image.new("L", ((right - left) * 3, (bottom - top + 8) * 3))
    pen = ImageDraw.Draw(stencil)
    run: list[tuple[float, float]] = []
    for x_value, y_value in [*zip(across, area, strict=True), (0.0, math.nan)]:
        if math.isnan(y_value):
            pen.line(run, fill=255, width=6, joint="curve")
            run = []
            continue
        x, y = at(float(x_value), float(y_value))
        run.append(((x - left) * 3, (y - top + 4) * 3))
    alpha = stencil.resize((right - left, bottom - top + 8), Image.Resampling.BOX)
    page.paste(_LINE, (left, top - 4), alpha)
    for which, t in enumerate(marked):
        if not math.isnan(area[t]):
            _mark(draw, at(float(across[t]), float(area[t])), which)


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers from at or below `low` to at or above `high`."""
    raw = max(high - low, 1e-9) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]
