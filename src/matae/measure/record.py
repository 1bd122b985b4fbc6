"""A measurement as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from matae import RESEARCH_USE, __version__
from matae.files import write_atomic, writing_to
from matae.measure.normal_ranges import SOURCE, normal_range
from matae.measure.values import NOT_STRAIN, beat_values, index_values, structure_values, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from matae.measure.beat_measurement import BeatValues
    from matae.measure.earlier import EarlierExaminations
    from matae.measure.landmarks import Landmarks
    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import QualityFlag
    from matae.view import RecognisedView

__all__ = ["RECORD_VERSION", "safe_cell", "to_json", "write_beats", "write_csv", "write_json", "write_values"]

RECORD_VERSION = 1


def to_json(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON values; the same keys whatever could be measured, null where it could not.

    Only the name of the source is kept: a path often holds a person's name.
    """
    m = measurement
    primary = m.primary
    numbers = {row.key: _number(row.value) for row in (*table(m), *index_values(m), *structure_values(m))}
    return {
        "tool": "napari-matae",
        "tool_version": __version__,
        "record": "measurement",
        "record_version": RECORD_VERSION,
        "research_use": RESEARCH_USE,
        "source": m.name,
        "content_id": m.content_id,
        "n_frames": m.n_frames,
        "frame_rate": _number(m.frame_rate),
        "ed_frame": m.ed_frame,
        "es_frame": m.es_frame,
        **numbers,
        "ef_interval": None
        if m.ef is None
        else {
            "level": 0.9,
            "low": _number(m.ef.low),
            "high": _number(m.ef.high),
            "widths_sd": _number(m.ef.widths_sd),
            "judged": m.ef.judged,
            "boundary_sd": _number(m.ef.boundary_sd),
            "reader_sd": _number(m.ef.reader_sd),
            "provisional": m.inputs.widths_pending,
        },
        "ef_reliable": None if m.ef is None else not m.doubts,
        "ef_doubts": [_flag(flag) for flag in m.doubts],
        "ef_sd_of_beats": _number(m.ef_sd),
        "ef_by_width": {width: _number(value) for width, value in m.by_width.items()},
        "shortening_note": NOT_STRAIN,
        "heart_rate_source": m.cycle.heart_rate_source,
        "method": m.method,
        "view": m.view,
        "view_source": m.view_source,
        "seen": _seen(m.inputs.seen),
        "calibrated": m.calibrated,
        "calibration": m.calibration,
        "spacing_mm": _spacing(m),
        "model": m.model or None,
        "width": m.width or None,
        "beats": [{key: _plain(value) for key, value in row.items()} for row in beat_values(m)],
        "segments": [] if primary is None else _segments(primary),
        "wall_segments": _wall_segments(m),
        "person": m.person.to_json(),
        "normal_ranges": {"source": SOURCE}
        | {key: list(found) for key in numbers if (found := normal_range(key, m.person.sex)) is not None},
        "landmarks_yx": {}
        if primary is None
        else {"ed": _landmarks(primary.volumes.ed.landmarks), "es": _landmarks(primary.volumes.es.landmarks)},
        "area_px": _numbers(m.area_px),
        "area_mm2": None if m.area_mm2 is None else _numbers(m.area_mm2),
        "length_px": _numbers(m.length_px),
        "length_mm": _numbers(m.length) if m.calibrated else None,
        "volume_ml": _numbers(m.volume) if m.calibrated else None,
        "expected_dice": None if m.expected is None else _numbers(m.expected),
        "flags": [_flag(flag) for flag in m.flags],
    }


def _seen(seen: RecognisedView | None) -> dict[str, Any] | None:
    """Return what the pictures seem to show: probability of each kind of picture and of each grade of quality."""
    if seen is None:
        return None
    return {
        "kinds": {name: _number(p) for name, p in seen.kinds.items()},
        "quality": seen.quality,
        "grades": {name: _number(p) for name, p in seen.grades.items()},
        "is_known": seen.is_known,
    }


def _flag(flag: QualityFlag) -> dict[str, Any]:
    return {"code": flag.code, "level": flag.level, "text": flag.text, "frames": list(flag.frames)}


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def _plain(value: float | int | str | bool | None) -> float | int | str | bool | None:
    return _number(value) if isinstance(value, float) else value


def _numbers(values: Iterable[float]) -> list[float | int | None]:
    rounded = (_number(value) for value in values)
    return [None if v is None else int(v) if v == int(v) else v for v in rounded]


def _spacing(m: Measurement) -> dict[str, float] | None:
    spacing = m.inputs.cine.spacing
    return None if spacing is None else {"y": spacing.y, "x": spacing.x}


def _landmarks(marks: Landmarks) -> dict[str, Any]:
    points = {"apex": marks.apex, "left": marks.left, "right": marks.right, "base": marks.base}
    return {name: [round(y, 2), round(x, 2)] for name, (y, x) in points.items()} | {"by_hand": marks.by_hand}


def _segments(values: BeatValues) -> list[dict[str, Any]]:
    return [
        {
            "name": segment.name,
            "side": segment.side,
            "level": segment.level,
            "inward_percent": _number(segment.inward_percent),
            "inward_px": _number(segment.inward_px),
            "inward_mm": _number(segment.inward_mm),
            "area_change_percent": _number(segment.area_change_percent),
        }
        for segment in values.segments
    ]


def _wall_segments(m: Measurement) -> list[dict[str, Any]]:
    """Return the thickness of the wall of the primary beat, mm; empty where there is no wall or no scale."""
    beside = [parts for values, parts in zip(m.beats, m.structures, strict=True) if values is m.primary]
    wall = beside[0].wall if beside and m.calibrated else None
    return (
        []
        if wall is None
        else [
            {"name": part.name, "side": part.side, "level": part.level, "thickness_mm": _number(part.thickness)}
            for part in wall.segments
        ]
    )


def write_json(
    path: Path, measurement: Measurement, *, key: str = "", earlier: EarlierExaminations | None = None
) -> None:
    """Write a measurement as JSON, whole or not at all; a file of that name is replaced.

    Parameters
    ----------
    path
        The file.
    measurement
        What was measured.
    key
        What it was computed from (`matae.output.key`), to be kept with it.
    earlier
        What was measured before, as ``earlier_examinations``; left out if None.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    beside = {} if earlier is None else {"earlier_examinations": earlier.to_json()}
    write_values(path, to_json(measurement) | beside | ({"key": key} if key else {}))


def write_values(path: Path, values: dict[str, Any]) -> None:
    """Write JSON values, whole or not at all, a list of numbers on one line.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    # A list of numbers goes on one line; a line break never stands inside a text.
    text = re.sub(r"\[\n[^\[\]{}\"]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    _write(path, f"{text}\n".encode())


def write_csv(path: Path, measurement: Measurement) -> None:
    """Write one row a beat as CSV, with what is needed to read it beside other clips; a file of that name is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_beats(path, [measurement])


def write_beats(path: Path, measurements: Sequence[Measurement], more: Mapping[str, Any] | None = None) -> None:
    """Write one row a beat of each of some clips as CSV, as `write_csv` does of one; `more` stands in each row."""
    more = dict(more or {})
    rows = [
        {"source": m.name} | row | _about(m) | more for m in measurements for row in beat_values(m) or [{"beat": None}]
    ]
    keys = list(dict.fromkeys(key for row in sorted(rows, key=len, reverse=True) for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, keys, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: safe_cell(_plain(row.get(key))) for key in keys})
    _write(path, buffer.getvalue().encode())


def _about(m: Measurement) -> dict[str, Any]:
    return {
        "view": m.view,
        "view_source": m.view_source,
        "method": m.method,
        "calibrated": m.calibrated,
        "model": m.model,
        "width": m.width,
        "heart_rate": _number(m.cycle.heart_rate),
        "clip_ef_percent": None if m.ef is None else _number(m.ef.value),
        "clip_ef_low": None if m.ef is None else _number(m.ef.low),
        "clip_ef_high": None if m.ef is None else _number(m.ef.high),
        "clip_ef_provisional": None if m.ef is None else m.inputs.widths_pending,
        "ef_reliable": None if m.ef is None else not m.doubts,
        "ef_doubts": " ".join(flag.code for flag in m.doubts),
        "flags": " ".join(flag.code for flag in m.flags),
        "note": "Research use only. Not for diagnosis.",
    }


def safe_cell(value: Any) -> Any:
    """Return a value for a cell of a spreadsheet, which would run one that begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _write(path: Path, data: bytes) -> None:
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
