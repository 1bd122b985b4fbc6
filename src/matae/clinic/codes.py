"""The codes that a measurement report uses, each where DICOM defines it.

Nothing here was made up but RELIABILITY, NOT-RELIABLE and NO-DOUBT, which have a coding scheme of their own: DICOM has
codes for the quality of an image, none for a number that its maker warns of. The page docs/clinic-interchange.md lists
all of them, and a test holds the others against pydicom's copy of PS3.16.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CODES", "PRIVATE_SCHEME", "UNITS", "VIEWS", "Coded", "concept", "volumetric"]

PRIVATE_SCHEME = "99MATAE"


class Coded(NamedTuple):
    """A code: value, coding scheme, meaning."""

    value: str
    scheme: str
    meaning: str


CODES = {
    # What is measured. CID 12200 "Echocardiography Left Ventricle Measurement" and the groups it includes.
    "ef_percent": Coded("18043-0", "LN", "Left Ventricular Ejection Fraction by US"),
    "edv_ml": Coded("18026-5", "LN", "Left Ventricular End Diastolic Volume"),
    "esv_ml": Coded("18148-7", "LN", "Left Ventricular End Systolic Volume"),
    "sv_ml": Coded("90096001", "SCT", "Stroke Volume"),
    "co_l_min": Coded("82799009", "SCT", "Cardiac Output"),
    "heart_rate": Coded("8867-4", "LN", "Heart rate"),
    "fac_percent": Coded("399287000", "SCT", "Left Ventricular Fractional Area Change"),
    "area_ed_mm2": Coded("399109006", "SCT", "Left Ventricular Diastolic Area"),
    "area_es_mm2": Coded("399030000", "SCT", "Left Ventricular Systolic Area"),
    "length_ed_mm": Coded("103339001", "SCT", "Long Axis"),
    "length_es_mm": Coded("103339001", "SCT", "Long Axis"),
    # How and where.
    "disks": Coded("125208", "DCM", "Method of Disks, Single Plane"),
    "planimetry": Coded("125220", "DCM", "Planimetry"),
    "mean": Coded("373098007", "SCT", "Mean"),
    "ventricle": Coded("87878005", "SCT", "Left ventricle"),
    "structure": Coded("91723000", "SCT", "Anatomical Structure"),
    "end_diastole": Coded("416190007", "SCT", "End diastole"),
    "end_systole": Coded("416430001", "SCT", "End Systole"),
    "cycle_point": Coded("272518008", "SCT", "Cardiac Cycle Point"),
    "image_view": Coded("111031", "DCM", "Image View"),
    "procedure": Coded("40701008", "SCT", "Echocardiography"),
    "ai": Coded("123110", "DCM", "Artificial Intelligence"),
    "document": Coded("126000", "DCM", "Imaging Measurement Report"),
    # What is said of a number.
    "upper": Coded("371886008", "SCT", "+, range of upper measurement uncertainty"),
    "lower": Coded("371885007", "SCT", "-, range of lower measurement uncertainty"),
    "indeterminate": Coded("114011", "DCM", "Value indeterminate"),
    "failure": Coded("114006", "DCM", "Measurement failure"),
    "comment": Coded("121106", "DCM", "Comment"),
    "reliability": Coded("RELIABILITY", PRIVATE_SCHEME, "Reliability of the ejection fraction"),
    "not_reliable": Coded("NOT-RELIABLE", PRIVATE_SCHEME, "Not reliable"),
    "no_doubt": Coded("NO-DOUBT", PRIVATE_SCHEME, "No doubt was found"),
}
"""By the name they have here; measured values by their key in the JSON of ``measure``."""

_BY_VIEW = {
    # CID 12300 "Core Echo Measurement": view and method are part of the code.
    ("ef_percent", "A4C"): Coded("79993-2", "LN", "Left ventricular ejection fraction single plane 4C (MOD)"),
    ("ef_percent", "A2C"): Coded("79992-4", "LN", "Left ventricular ejection fraction single plane 2C (MOD)"),
    ("edv_ml", "A4C"): Coded("79999-9", "LN", "Left ventricular end diastolic volume single plane 4C (MOD)"),
    ("edv_ml", "A2C"): Coded("79998-1", "LN", "Left ventricular end diastolic volume single plane 2C (MOD)"),
    ("esv_ml", "A4C"): Coded("80004-5", "LN", "Left ventricular end systolic volume single plane 4C (MOD)"),
    ("esv_ml", "A2C"): Coded("80003-7", "LN", "Left ventricular end systolic volume single plane 2C (MOD)"),
    ("length_ed_mm", "A4C"): Coded("79994-0", "LN", "Left ventricular end diastolic length 4C"),
}
VIEWS = {
    # CID 12226 "Echocardiography Image View".
    "A4C": Coded("399214001", "SCT", "Apical four chamber"),
    "A2C": Coded("399232001", "SCT", "Apical two chamber"),
    "A3C": Coded("399339008", "SCT", "Apical long axis"),
}
UNITS = {
    # UCUM, case-sensitive, as PS3.16 7.2.2 asks for.
    "%": Coded("%", "UCUM", "Percent"),
    "mL": Coded("ml", "UCUM", "milliliter"),
    "mm": Coded("mm", "UCUM", "mm"),
    "mm²": Coded("mm2", "UCUM", "square millimeter"),
    "L/min": Coded("l/min", "UCUM", "liter per minute"),
    "bpm": Coded("{H.B.}/min", "UCUM", "{H.B.}/min"),
}
"""By the unit of `matae.measure.Value`."""


def volumetric(key: str, view: str | None) -> Coded:
    """Return the code of a measured value: that of its view where there is one, else the general one.

    Parameters
    ----------
    key
        Its key in the JSON of ``measure``.
    view
        Standard view, or None.
    """
    return _BY_VIEW.get((key, view or ""), CODES[key])


def concept(code: Coded) -> object:
    """Return a code as highdicom's content items take it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
