"""Biplane volumes: an apical four-chamber and an apical two-chamber clip of the same person."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from matae import RESEARCH_USE, __version__
from matae.errors import MeasureError
from matae.measure.atrium import AtrialVolume, biplane_atrial_volume
from matae.measure.disks import biplane
from matae.measure.normal_ranges import SOURCE, normal_range, range_text
from matae.measure.person import Person
from matae.measure.reliability import NOT_RELIABLE
from matae.measure.uncertainty import Interval, QualityFlag, interval_of
from matae.measure.values import Value, entry
from matae.measure.wall import DENSITY

if TYPE_CHECKING:
    from matae.measure.beat_measurement import BeatValues
    from matae.measure.measurement import Measurement
    from matae.measure.structures import BeatStructures

__all__ = ["TwoViews", "measure_two_views"]

LENGTHS_DIFFER = 10.0
"""Percent between the two long axes above which one view is taken for foreshortened."""


@dataclass(frozen=True, eq=False)
class TwoViews:
    """Biplane volumes and ejection fraction.

    Parameters
    ----------
    edv_ml, esv_ml
        Biplane summation of disks.
    ef
        Ejection fraction with its 90 % interval.
    length_difference_percent
        Between the two end-diastolic long axes, relative to the longer.
    flags
        What to know before a number is believed.
    four_chamber, two_chamber
        The measurements behind them; their primary beats are used.
    atrium
        Largest volume of the left atrium; None where a view has none.
    mass_g
        Mass of the wall by biplane disks of epicardium and endocardium; None where a view has no wall.
    person
        Whom they show: what one of both says where the other does not.
    """

    edv_ml: float
    esv_ml: float
    ef: Interval
    length_difference_percent: float
    flags: tuple[QualityFlag, ...]
    four_chamber: Measurement
    two_chamber: Measurement
    atrium: AtrialVolume | None = None
    mass_g: float | None = None
    person: Person = field(default_factory=Person)

    @property
    def stroke_volume_ml(self) -> float:
        """End-diastolic minus end-systolic volume."""
        return self.edv_ml - self.esv_ml

    @property
    def doubts(self) -> tuple[QualityFlag, ...]:
        """Why the ejection fraction is not reliable: what speaks against that of either view, which it names."""
        views = ("A4C", self.four_chamber), ("A2C", self.two_chamber)
        return tuple(replace(flag, text=f"{view}: {flag.text}") for view, m in views for flag in m.doubts)

    def table(self) -> list[Value]:
        """Return every number with its unit, its normal range and why it is missing, in the order of a report."""
        person, atrium = self.person, self.atrium
        ef = f"90 % interval {self.ef.low:.0f} to {self.ef.high:.0f} %"
        if self.doubts:
            ef = f"{NOT_RELIABLE}; {ef}"
        no_atrium, no_wall = "a view without left atrium", "a view without wall"
        size = "needs height and weight"
        largest = None if atrium is None else atrium.disks
        rows = (
            ("ef_percent", "Ejection fraction, biplane disks", self.ef.value, "%", "Ejection fraction", ""),
            ("edv_ml", "End-diastolic volume", self.edv_ml, "mL", "Volumes", ""),
            ("esv_ml", "End-systolic volume", self.esv_ml, "mL", "Volumes", ""),
            ("sv_ml", "Stroke volume", self.stroke_volume_ml, "mL", "Volumes", ""),
            ("edv_index_ml_m2", "EDV / body surface", person.indexed(self.edv_ml), "mL/m²", "Volumes",
             size),
            ("esv_index_ml_m2", "ESV / body surface", person.indexed(self.esv_ml), "mL/m²", "Volumes",
             size),
            ("la_volume_ml", "Largest volume, disks", largest, "mL", "Left atrium", no_atrium),
            ("la_volume_area_length_ml", "Largest volume, area-length", None if atrium is None else atrium.area_length,
             "mL", "Left atrium", no_atrium),
            ("la_volume_index_ml_m2", "LA volume / body surface", person.indexed(largest), "mL/m²", "Left atrium",
             no_atrium if atrium is None else size),
            ("lv_mass_g", "Mass, disks", self.mass_g, "g", "Wall at end-diastole", no_wall),
            ("lv_mass_index_g_m2", "Mass / body surface", person.indexed(self.mass_g), "g/m²", "Wall at end-diastole",
             no_wall if self.mass_g is None else size),
            ("wall_thickness_a4c_mm", "Thickness, A4C", _thickness(self.four_chamber), "mm", "Wall at end-diastole",
             no_wall),
            ("wall_thickness_a2c_mm", "Thickness, A2C", _thickness(self.two_chamber), "mm", "Wall at end-diastole",
             no_wall),
        )  # fmt: skip
        return [
            entry(
                key, label, value, unit, frames=(), group=group, missing=missing, digits=1 if unit == "mm" else 0,
                note="; ".join(filter(None, (ef if key == "ef_percent" else "", range_text(key, person.sex)))),
            )
            for key, label, value, unit, group, missing in rows
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        numbers = {row.key: None if row.value is None else round(row.value, 4) for row in self.table()}
        return {
            "tool": "napari-matae",
            "tool_version": __version__,
            "record": "biplane measurement",
            "research_use": RESEARCH_USE,
            "method": "biplane disks",
            **numbers,
            "ef_interval": {"level": 0.9, "low": round(self.ef.low, 4), "high": round(self.ef.high, 4)},
            "ef_reliable": not self.doubts,
            "ef_doubts": [flag.code for flag in self.doubts],
            "calibrated": True,
            "person": self.person.to_json(),
            "normal_ranges": {"source": SOURCE}
            | {key: list(found) for key in numbers if (found := normal_range(key, self.person.sex)) is not None},
            "length_difference_percent": round(self.length_difference_percent, 4),
            "views": {
                view: {
                    "source": m.name,
                    "content_id": m.content_id,
                    "ed_frame": m.ed_frame,
                    "es_frame": m.es_frame,
                    "calibration": m.calibration,
                    "model": m.model or None,
                    "width": m.width or None,
                    "flags": [flag.code for flag in m.flags],
                    "ef_doubts": [_flag(flag) for flag in m.doubts],
                }
                for view, m in (("A4C", self.four_chamber), ("A2C", self.two_chamber))
            },
            "flags": [_flag(flag) for flag in self.flags],
        }

    def csv_columns(self) -> dict[str, float | str | bool | None]:
        """Return what stands in each row of a table of both views' beats: every number of both together."""
        return {
            **{f"biplane_{row.key}": row.value for row in self.table()},
            "biplane_ef_low": self.ef.low,
            "biplane_ef_high": self.ef.high,
            "biplane_ef_reliable": not self.doubts,
            "biplane_ef_doubts": " ".join(dict.fromkeys(flag.code for flag in self.doubts)),
        }


def _flag(flag: QualityFlag) -> dict[str, Any]:
    return {"code": flag.code, "level": flag.level, "text": flag.text, "frames": list(flag.frames)}


def measure_two_views(four_chamber: Measurement, two_chamber: Measurement) -> TwoViews:
    """Return biplane volumes from the primary beats of two views of the same person.

    Parameters
    ----------
    four_chamber, two_chamber
        Calibrated measurements of an A4C and an A2C clip. Whether they show the same person is for the caller to know.

    Raises
    ------
    MeasureError
        If a view is stated as another, a clip is not calibrated, or one has no beat.
    """
    for measurement, view in ((four_chamber, "A4C"), (two_chamber, "A2C")):
        if measurement.view is not None and measurement.view != view:
            raise MeasureError(f"{measurement.name} is stated to be {measurement.view}; choose an A4C and an A2C clip.")
    four, two = _primary(four_chamber), _primary(two_chamber)
    edv = biplane(four.volumes.ed, two.volumes.ed)
    esv = biplane(four.volumes.es, two.volumes.es)
    if edv <= 0:
        raise MeasureError("The end-diastolic cavity has no volume; correct the masks.")
    # Each plane carries half of the product of the diameters; their outlines err independently.
    both = [one.ef for one in (four_chamber, two_chamber) if one.ef is not None]  # where there is a beat, there is one
    judged = any(one.judged for one in both)
    spread = 0.5 * math.hypot(*(one.widths_sd for one in both))
    # In an interval that is judged the widths do not count, but of a view that is not they do.
    apart = [one.widths_sd if judged and not one.judged else 0.0 for one in both]
    boundary = 0.5 * math.hypot(*(one.boundary_sd for one in both), *apart)
    reader = max(one.reader_sd for one in both)
    ef = interval_of(100.0 * (edv - esv) / edv, spread, boundary, reader, judged=judged)
    lengths = four.volumes.ed.length, two.volumes.ed.length
    differ = 100.0 * abs(lengths[0] - lengths[1]) / max(lengths)
    flags = []
    if differ > LENGTHS_DIFFER:
        shorter = "four" if lengths[0] < lengths[1] else "two"
        text = f"The long axes differ by {differ:.0f} %: the {shorter}-chamber view is probably foreshortened."
        flags.append(QualityFlag("lengths-differ", text))
    person = _same_person(four_chamber, two_chamber)
    of_four, of_two = _structures(four_chamber, four), _structures(two_chamber, two)
    atrium = None
    if of_four.atrium_es is not None and of_two.atrium_es is not None:
        atrium = biplane_atrial_volume(of_four.atrium_es, of_two.atrium_es)
    mass = None
    if of_four.wall is not None and of_two.wall is not None:
        mass = DENSITY * (biplane(of_four.wall.epicardium, of_two.wall.epicardium) - edv)
    return TwoViews(edv, esv, ef, differ, tuple(flags), four_chamber, two_chamber, atrium, mass, person)


def _structures(measurement: Measurement, primary: BeatValues) -> BeatStructures:
    return measurement.structures[measurement.beats.index(primary)]


def _thickness(measurement: Measurement) -> float | None:
    """Return the thickness of the wall of the primary beat, mean of base and middle, mm; None without a wall."""
    primary = measurement.primary
    wall = None if primary is None else _structures(measurement, primary).wall
    return None if wall is None else wall.thickness


def _same_person(four: Measurement, two: Measurement) -> Person:
    """Return what both views say of the person, one in place of the other where it says nothing."""
    a, b = four.person, two.person
    return Person(
        a.sex or b.sex,
        b.height_cm if a.height_cm is None else a.height_cm,
        b.weight_kg if a.weight_kg is None else a.weight_kg,
    )


def _primary(measurement: Measurement) -> BeatValues:
    if not measurement.calibrated:
        raise MeasureError(f"{measurement.name} is not calibrated; draw over its depth scale first.")
    if all(shape.disks is None for shape in measurement.shapes):
        raise MeasureError(f"{measurement.name} has no outline of a left ventricle; segment it, and look at its masks.")
    if measurement.primary is None:
        raise MeasureError(f"{measurement.name} has no beat to measure; mark end-diastole and end-systole.")
    return measurement.primary
