"""The numbers of a measurement as a table: each with its unit, the frames it comes from, and why it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.reliability import NOT_RELIABLE

if TYPE_CHECKING:
    from matae.measure.measurement import Measurement

__all__ = ["Value", "beat_values", "table"]

NOT_STRAIN = "from the outline, not speckle-tracking strain"
_NEEDS_SCALE = "needs calibration"
_NEEDS_BEAT = "needs a beat"
_NEEDS_TIME = "needs the heart rate"


@dataclass(frozen=True)
class Value:
    """One number.

    Parameters
    ----------
    key
        Its name in the JSON.
    label
        Its name for a person.
    value
        Mean of the beats; None where it cannot be told.
    unit
        ``%``, ``mL``, ``mm``, ``mm²``, ``L/min``, ``bpm``, or empty.
    text
        Value and unit as shown; ``–`` where there is none.
    frames
        Frames it comes from, end-diastole before end-systole, beat by beat.
    note
        What else to know: the interval, the spread over the beats, or why it is missing.
    group
        Heading under which it stands.
    """

    key: str
    label: str
    value: float | None
    unit: str
    text: str
    frames: tuple[int, ...]
    note: str
    group: str


def _value(
    key: str, label: str, value: float | None, unit: str, *, frames: tuple[int, ...], group: str, digits: int = 0,
    note: str = "", missing: str = _NEEDS_BEAT,
) -> Value:  # fmt: skip
    if value is None or not np.isfinite(value):
        return Value(key, label, None, unit, "–", frames, missing, group)
    shown = f"{value:.{digits}f}"
    shown = shown[1:] if shown.strip("-0.") == "" and shown.startswith("-") else shown  # no minus nought
    return Value(key, label, float(value), unit, f"{shown} {unit}".rstrip(), frames, note, group)


def table(measurement: Measurement) -> list[Value]:
    """Return every number of a measurement, in the order of a report.

    Volumes and lengths are there only when calibrated; ratios always.
    """
    m = measurement
    both = tuple(frame for values in m.beats for frame in values.frames)
    ed, es = both[0::2], both[1::2]
    scale = m.calibrated
    why = _NEEDS_BEAT if not m.beats else _NEEDS_SCALE

    def metric(value: float | None) -> float | None:
        return value if scale else None

    mean = m.mean
    rows = [_ef(m, both)]
    volumes = "Volumes"
    stroke = metric(mean(lambda b: b.volumes.stroke_volume))
    rate = m.cycle.heart_rate
    output = stroke * rate / 1000.0 if stroke is not None and rate is not None else None
    rows += [
        _value("edv_ml", "End-diastolic volume", metric(mean(lambda b: b.volumes.edv)), "mL", frames=ed, group=volumes,
               missing=why),
        _value("esv_ml", "End-systolic volume", metric(mean(lambda b: b.volumes.esv)), "mL", frames=es, group=volumes,
               missing=why),
        _value("sv_ml", "Stroke volume", stroke, "mL", frames=both, group=volumes, missing=why),
        _value("co_l_min", "Cardiac output", output, "L/min", frames=both, group=volumes, digits=1,
               missing=why if stroke is None else _NEEDS_TIME),
        _value("heart_rate", "Heart rate", rate, "bpm", frames=ed, group=volumes, missing="needs two beats in time",
               note={"curve": "from the area curve", "ecg": "from the R waves", "file": "stated by the file"}.get(
                   m.cycle.heart_rate_source, "")),
    ]  # fmt: skip
    by_area = "By area-length"
    rows += [
        _value("area_length_ef_percent", "Ejection fraction", mean(lambda b: b.volumes.area_length_ef_percent), "%",
               frames=both, group=by_area),
        _value("area_length_edv_ml", "End-diastolic volume", metric(mean(lambda b: b.volumes.area_length_edv)), "mL",
               frames=ed, group=by_area, missing=why),
        _value("area_length_esv_ml", "End-systolic volume", metric(mean(lambda b: b.volumes.area_length_esv)), "mL",
               frames=es, group=by_area, missing=why),
    ]  # fmt: skip
    motion = "Size and motion"
    travel = mean(lambda b: b.annulus.middle)
    rows += [
        _value("fac_percent", "Fractional area change", mean(lambda b: b.volumes.area_change_percent), "%",
               frames=both, group=motion),
        _value("shortening_percent", "Contour shortening", mean(lambda b: b.shortening_percent), "%", frames=both,
               group=motion, digits=1, note=NOT_STRAIN),
        _value("mitral_excursion_mm", "Mitral annular excursion", metric(travel), "mm", frames=both, group=motion,
               digits=1, missing=why, note="MAPSE-like, from the outline"),
        _value("mitral_excursion_percent", "Excursion / long axis", mean(lambda b: b.annulus.percent), "%",
               frames=both, group=motion),
        _value("length_ed_mm", "Long axis, end-diastole", metric(mean(lambda b: b.volumes.ed.length)), "mm",
               frames=ed, group=motion, missing=why),
        _value("length_es_mm", "Long axis, end-systole", metric(mean(lambda b: b.volumes.es.length)), "mm",
               frames=es, group=motion, missing=why),
        _value("area_ed_mm2", "Area, end-diastole", metric(mean(lambda b: b.volumes.ed.area)), "mm²", frames=ed,
               group=motion, missing=why),
        _value("area_es_mm2", "Area, end-systole", metric(mean(lambda b: b.volumes.es.area)), "mm²", frames=es,
               group=motion, missing=why),
    ]  # fmt: skip
    return rows


def _ef(m: Measurement, frames: tuple[int, ...]) -> Value:
    label = f"Ejection fraction, {m.method}"
    if m.ef is None:
        return _value("ef_percent", label, None, "%", frames=frames, group="Ejection fraction")
    note = f"90 % interval {m.ef.low:.0f} to {m.ef.high:.0f} %"
    if m.ef_sd is not None:
        note += f"; {len(m.beats)} beats, SD {m.ef_sd:.1f}"
    if m.doubts:
        note = f"{NOT_RELIABLE}; {note}"
    return _value("ef_percent", label, m.ef.value, "%", frames=frames, group="Ejection fraction", note=note)


def beat_values(measurement: Measurement) -> list[dict[str, float | int | str | bool | None]]:
    """Return one row a beat: frames, who chose them, volumes, ejection fraction, motion."""
    rows: list[dict[str, float | int | str | bool | None]] = []
    for number, values in enumerate(measurement.beats, start=1):
        scale, v = measurement.calibrated, values.volumes
        rows.append(
            {
                "beat": number,
                "ed_frame": values.beat.ed,
                "es_frame": values.beat.es,
                "next_ed_frame": values.beat.next_ed,
                "ed_source": values.beat.ed_source,
                "es_source": values.beat.es_source,
                "whole": values.beat.whole,
                "ef_percent": v.ef_percent,
                "edv_ml": v.edv if scale else None,
                "esv_ml": v.esv if scale else None,
                "sv_ml": v.stroke_volume if scale else None,
                "area_length_ef_percent": v.area_length_ef_percent,
                "fac_percent": v.area_change_percent,
                "mitral_excursion_mm": values.annulus.middle if scale else None,
                "mitral_excursion_percent": values.annulus.percent,
                "shortening_percent": values.shortening_percent,
            }
        )
    return rows
