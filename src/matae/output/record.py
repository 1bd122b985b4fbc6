"""The record of a segmentation: what was segmented, how, and what came out, as JSON."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from matae import RESEARCH_USE, __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import Segmentation

__all__ = ["RECORD_VERSION", "TOOL", "class_counts", "dump_record", "make_record", "read_record"]

TOOL = "napari-matae"
RECORD_VERSION = 1
_NO_TIMING = "The file does not state the frame times."
_NO_SPACING = "The file states no sound pixel calibration."


def class_counts(mask: NDArray[np.uint8]) -> list[int]:
    """Return the pixels of the classes 1, 2 and so on of a mask, as far as there are any."""
    # A few looks at bytes are several times quicker than a histogram, which makes whole numbers of all pixels.
    return [int(np.count_nonzero(mask == value)) for value in range(1, int(mask.max(initial=0)) + 1)]


def make_record(cine: Cine, result: Segmentation, counts: Sequence[Sequence[int]] | None = None) -> dict[str, Any]:
    """Return the record of a segmented cine, JSON values only.

    Only the name of the source file is kept: a path often holds a person's name.

    Parameters
    ----------
    cine
        What was segmented.
    result
        What came out.
    counts
        `class_counts` of each mask where they are known; counted if None.
    """
    spacing = cine.spacing
    area_px = [None if math.isnan(area) else int(area) for area in result.area_px]
    pixel_mm2 = None if spacing is None else spacing.y * spacing.x
    return {
        "tool": TOOL,
        "tool_version": __version__,
        "record_version": RECORD_VERSION,
        "research_use": RESEARCH_USE,
        "source": cine.source.name,
        "content_id": cine.content_id,
        "n_frames": cine.n_frames,
        "height": cine.shape[0],
        "width": cine.shape[1],
        "view": cine.view,
        "frame_rate": cine.frame_rate,
        "frame_rate_note": cine.timing_note or ("" if cine.frame_rate else _NO_TIMING),
        "frame_times": None if cine.frame_times is None else [round(float(t), 6) for t in cine.frame_times],
        "spacing_mm": None if spacing is None else {"y": spacing.y, "x": spacing.x},
        "spacing_note": cine.spacing_note or ("" if spacing else _NO_SPACING),
        "sector": {
            "polygon_yx": [[round(float(y), 2), round(float(x), 2)] for y, x in result.sector.polygon],
            "source": result.sector.source,
            "apex_down": result.sector.apex_down,
            "confidence": None if result.sector.confidence is None else round(result.sector.confidence, 3),
            "unsure": result.sector.is_unsure,
        },
        "run": result.run,
        "area_px": area_px,
        "area_mm2": None if pixel_mm2 is None else [None if a is None else round(a * pixel_mm2, 3) for a in area_px],
        **_areas(result, counts),
        "empty_frames": [t for t, area in enumerate(area_px) if area == 0],
        "warnings": list(cine.warnings),
        "notices": list(result.notices),
    }


def _areas(result: Segmentation, counts: Sequence[Sequence[int]] | None) -> dict[str, Any]:
    """Return the areas of every structure by name where there are several; those of a cavity alone are at the top."""
    classes = result.run.get("classes", {})
    if len(classes) < 2:
        return {}
    areas: dict[str, list[int | None]] = {name: [] for name in classes.values()}
    known = (class_counts(np.asarray(mask)) for mask in result.masks) if counts is None else counts
    for found, cavity in zip(known, result.area_px, strict=True):
        for number, name in classes.items():
            pixels = found[int(number) - 1] if int(number) <= len(found) else 0
            areas[name].append(None if math.isnan(cavity) else pixels)
    return {"areas_px": areas}


def dump_record(record: dict[str, Any]) -> bytes:
    """Return a record as JSON text, indented, a list of numbers on one line.

    Parameters
    ----------
    record
        As `make_record` returns it.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    # A line break stands only between values, never inside a text, so no sentence is touched.
    folded = re.sub(r"\[\n[^\[\]{}\"]*\]", _on_one_line, text)
    return f"{folded}\n".encode()


def _on_one_line(found: re.Match[str]) -> str:
    return "[" + ", ".join(found[0].strip("[]").replace(",", " ").split()) + "]"


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record of ours, or None if the file is something else, of a later version, or unreadable."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or values.get("tool") != TOOL:
        return None
    version = values.get("record_version", 0)
    return values if isinstance(version, int) and version <= RECORD_VERSION else None
