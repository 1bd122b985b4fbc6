"""The numbers of a measurement as a table: each with its unit, the frames it comes from, and why it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.normal_ranges import range_text
from matae.measure.reliability import NOT_RELIABLE
from matae.measure.structures import mean_of

if TYPE_CHECKING:
    from matae.measure.measurement import Measurement

__all__ = ["Value", "beat_values", "entry", "index_values", "structure_values", "table"]

NOT_STRAIN = "from the outline, not speckle-tracking strain"
_NEEDS_SCALE = "needs calibration"
_NEEDS_BEAT = "needs a beat"
_NEEDS_TIME = "needs the heart rate"
_NEEDS_SIZE = "needs height and weight"


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
        ``%``, ``mL``, ``mm``, ``mm²``, ``mL/m²``, ``g``, ``g/m²``, ``L/min``, ``bpm``, or empty.
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


def entry(
    key: str, label: str, value: float | None, unit: str, *, frames: tuple[int, ...], group: str, digits: int = 0,
    note: str = "", missing: str = _NEEDS_BEAT,
) -> Value:  # fmt: skip
    """Return a number as it is shown, or a dash with the reason in `missing`; see `Value`."""
    if value is None or not np.isfinite(value):
        return Value(key, label, None, unit, "–", frames, missing, group)
    shown = f"{value:.{digits}f}"
    shown = shown[1:] if shown.strip("-0.") == "" and shown.startswith("-") else shown  # no minus nought
    return Value(key, label, float(value), unit, f"{shown} {unit}".rstrip(), frames, note, group)


def table(measurement: Measurement) -> list[Value]:
    """Return every number of a measurement, in the order of a report.

    Volumes and lengths are there only when calibrated; ratios always. Atrium and wall are there only where the masks of
    a beat have them (`structure_values` has their names always).
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
        entry("edv_ml", "End-diastolic volume", metric(mean(lambda b: b.volumes.edv)), "mL", frames=ed, group=volumes,
               missing=why),
        entry("esv_ml", "End-systolic volume", metric(mean(lambda b: b.volumes.esv)), "mL", frames=es, group=volumes,
               missing=why),
        entry("sv_ml", "Stroke volume", stroke, "mL", frames=both, group=volumes, missing=why),
        entry("co_l_min", "Cardiac output", output, "L/min", frames=both, group=volumes, digits=1,
               missing=why if stroke is None else _NEEDS_TIME),
        entry("heart_rate", "Heart rate", rate, "bpm", frames=ed, group=volumes, missing="needs two beats in time",
               note={"curve": "from the area curve", "ecg": "from the R waves", "file": "stated by the file"}.get(
                   m.cycle.heart_rate_source, "")),
    ]  # fmt: skip
    by_area = "By area-length"
    rows += [
        entry("area_length_ef_percent", "Ejection fraction", mean(lambda b: b.volumes.area_length_ef_percent), "%",
               frames=both, group=by_area),
        entry("area_length_edv_ml", "End-diastolic volume", metric(mean(lambda b: b.volumes.area_length_edv)), "mL",
               frames=ed, group=by_area, missing=why),
        entry("area_length_esv_ml", "End-systolic volume", metric(mean(lambda b: b.volumes.area_length_esv)), "mL",
               frames=es, group=by_area, missing=why),
    ]  # fmt: skip
    motion = "Size and motion"
    travel = mean(lambda b: b.annulus.middle)
    rows += [
        entry("fac_percent", "Fractional area change", mean(lambda b: b.volumes.area_change_percent), "%",
               frames=both, group=motion),
        entry("shortening_percent", "Contour shortening", mean(lambda b: b.shortening_percent), "%", frames=both,
               group=motion, digits=1, note=NOT_STRAIN),
        entry("mitral_excursion_mm", "Mitral annular excursion", metric(travel), "mm", frames=both, group=motion,
               digits=1, missing=why, note="MAPSE-like, from the outline"),
        entry("mitral_excursion_percent", "Excursion / long axis", mean(lambda b: b.annulus.percent), "%",
               frames=both, group=motion),
        entry("length_ed_mm", "Long axis, end-diastole", metric(mean(lambda b: b.volumes.ed.length)), "mm",
               frames=ed, group=motion, missing=why),
        entry("length_es_mm", "Long axis, end-systole", metric(mean(lambda b: b.volumes.es.length)), "mm",
               frames=es, group=motion, missing=why),
        entry("area_ed_mm2", "Area, end-diastole", metric(mean(lambda b: b.volumes.ed.area)), "mm²", frames=ed,
               group=motion, missing=why),
        entry("area_es_mm2", "Area, end-systole", metric(mean(lambda b: b.volumes.es.area)), "mm²", frames=es,
               group=motion, missing=why),
    ]  # fmt: skip
    here = {
        "Left atrium": any(beside.atrium_es is not None for beside in m.structures),
        "Wall at end-diastole": any(beside.wall is not None for beside in m.structures),
    }
    indexed = index_values(m) if m.person.body_surface_m2 is not None else []
    return [*rows[:3], *indexed, *rows[3:], *(row for row in structure_values(m) if here[row.group])]


def index_values(measurement: Measurement) -> list[Value]:
    """Return the volumes by body surface area, of every measurement the same ones; one plane has no normal range."""
    m = measurement
    found = []
    for place, key in enumerate(("edv", "esv")):
        means = {"edv": m.mean(lambda b: b.volumes.edv), "esv": m.mean(lambda b: b.volumes.esv)}
        whole = means[key] if m.calibrated else None
        why = _NEEDS_BEAT if not m.beats else _NEEDS_SCALE if whole is None else _NEEDS_SIZE
        frames = tuple(values.frames[place] for values in m.beats)
        found.append(
            entry(f"{key}_index_ml_m2", f"{key.upper()} / body surface", m.person.indexed(whole), "mL/m²",
                  frames=frames, group="Volumes", missing=why, note="one plane")
        )  # fmt: skip
    return found


def structure_values(measurement: Measurement) -> list[Value]:
    """Return the numbers of the left atrium and of the wall, of every measurement the same ones."""
    m, person = measurement, measurement.person
    both = tuple(frame for values in m.beats for frame in values.frames)
    ed, es = both[0::2], both[1::2]

    def metric(value: float | None) -> float | None:
        return value if m.calibrated else None

    def ranged(key: str, note: str = "") -> str:
        return "; ".join(filter(None, (note, range_text(key, person.sex))))

    atrium = metric(mean_of(m.structures, lambda b: None if b.largest is None else b.largest.disks))
    by_area = metric(mean_of(m.structures, lambda b: None if b.largest is None else b.largest.area_length))
    mass = mean_of(m.structures, lambda b: b.mass_g)
    why = _NEEDS_BEAT if not m.beats else _NEEDS_SCALE
    left, wall = "Left atrium", "Wall at end-diastole"
    return [
        entry("la_volume_ml", "Largest volume, disks", atrium, "mL", frames=es, group=left, missing=why,
               note="one plane, at end-systole"),
        entry("la_volume_area_length_ml", "Largest volume, area-length", by_area, "mL", frames=es, group=left,
               missing=why),
        entry("la_volume_index_ml_m2", "LA volume / body surface", person.indexed(atrium), "mL/m²", frames=es,
               group=left, missing=why if atrium is None else _NEEDS_SIZE, note=ranged("la_volume_index_ml_m2")),
        entry("la_emptying_percent", "Emptying fraction", mean_of(m.structures, lambda b: b.emptying_percent), "%",
               frames=both, group=left),
        entry("wall_thickness_mm", "Thickness, base and middle",
               metric(mean_of(m.structures, lambda b: None if b.wall is None else b.wall.thickness)), "mm", frames=ed,
               group=wall, digits=1, missing=why),
        entry("lv_mass_g", "Mass, disks", mass, "g", frames=ed, group=wall, missing=why,
               note=ranged("lv_mass_g", "from apical outlines")),
        entry("lv_mass_area_length_g", "Mass, area-length", mean_of(m.structures, lambda b: b.area_length_mass_g), "g",
               frames=ed, group=wall, missing=why, note="from apical outlines"),
        entry("lv_mass_index_g_m2", "Mass / body surface", person.indexed(mass), "g/m²", frames=ed, group=wall,
               missing=why if mass is None else _NEEDS_SIZE, note=ranged("lv_mass_index_g_m2")),
    ]  # fmt: skip


def _ef(m: Measurement, frames: tuple[int, ...]) -> Value:
    label = f"Ejection fraction, {m.method}"
    if m.ef is None:
        return entry("ef_percent", label, None, "%", frames=frames, group="Ejection fraction")
    note = f"90 % interval {m.ef.low:.0f} to {m.ef.high:.0f} %"
    if m.ef_sd is not None:
        note += f"; {len(m.beats)} beats, SD {m.ef_sd:.1f}"
    if m.doubts:
        note = f"{NOT_RELIABLE}; {note}"
    elif normal := range_text("ef_percent", m.person.sex):
        note = f"{note}; {normal}"
    return entry("ef_percent", label, m.ef.value, "%", frames=frames, group="Ejection fraction", note=note)


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
