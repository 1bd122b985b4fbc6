"""Biplane volumes: an apical four-chamber and an apical two-chamber clip of the same person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae import RESEARCH_USE, __version__
from matae.errors import MeasureError
from matae.measure.disks import biplane
from matae.measure.uncertainty import Interval, QualityFlag, ef_interval

if TYPE_CHECKING:
    from matae.measure.measurement import BeatValues, Measurement

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
    """

    edv_ml: float
    esv_ml: float
    ef: Interval
    length_difference_percent: float
    flags: tuple[QualityFlag, ...]
    four_chamber: Measurement
    two_chamber: Measurement

    @property
    def stroke_volume_ml(self) -> float:
        """End-diastolic minus end-systolic volume."""
        return self.edv_ml - self.esv_ml

    @property
    def doubts(self) -> tuple[QualityFlag, ...]:
        """Why the ejection fraction is not reliable: what speaks against that of either view."""
        return (*self.four_chamber.doubts, *self.two_chamber.doubts)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "tool": "napari-matae",
            "tool_version": __version__,
            "record": "biplane measurement",
            "research_use": RESEARCH_USE,
            "method": "biplane disks",
            "edv_ml": round(self.edv_ml, 4),
            "esv_ml": round(self.esv_ml, 4),
            "sv_ml": round(self.stroke_volume_ml, 4),
            "ef_percent": round(self.ef.value, 4),
            "ef_interval": {"level": 0.9, "low": round(self.ef.low, 4), "high": round(self.ef.high, 4)},
            "ef_reliable": not self.doubts,
            "ef_doubts": [flag.code for flag in self.doubts],
            "calibrated": True,
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
                }
                for view, m in (("A4C", self.four_chamber), ("A2C", self.two_chamber))
            },
            "flags": [{"code": f.code, "level": f.level, "text": f.text, "frames": list(f.frames)} for f in self.flags],
        }


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
    sensitivity = 0.5 * float((four.sensitivity**2 + two.sensitivity**2) ** 0.5)
    first, second = (0.0 if m.ef is None else m.ef.widths_sd for m in (four_chamber, two_chamber))
    spread = 0.5 * float((first**2 + second**2) ** 0.5)
    ef = ef_interval(100.0 * (edv - esv) / edv, sensitivity, widths_sd=spread)
    lengths = four.volumes.ed.length, two.volumes.ed.length
    differ = 100.0 * abs(lengths[0] - lengths[1]) / max(lengths)
    flags = []
    if differ > LENGTHS_DIFFER:
        shorter = "four" if lengths[0] < lengths[1] else "two"
        text = f"The long axes differ by {differ:.0f} %: the {shorter}-chamber view is probably foreshortened."
        flags.append(QualityFlag("lengths-differ", text))
    return TwoViews(edv, esv, ef, differ, tuple(flags), four_chamber, two_chamber)


def _primary(measurement: Measurement) -> BeatValues:
    if not measurement.calibrated:
        raise MeasureError(f"{measurement.name} is not calibrated; draw over its depth scale first.")
    if measurement.primary is None:
        raise MeasureError(f"{measurement.name} has no beat to measure; mark end-diastole and end-systole.")
    return measurement.primary
