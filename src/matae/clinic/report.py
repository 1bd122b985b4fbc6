"""A measurement as a DICOM Structured Report: TID 1500 "Measurement Report", in a Comprehensive SR.

The root holds who observed (the program, as a device) and the procedure; three groups follow:

- the beat (TID 1501): ejection fraction with its interval, volumes, output, and what is to be known of them in words;
- end-diastole and end-systole (TID 1410): the outline as a polyline on its frame, with its area and long axis.

**An ejection fraction that is not reliable does not leave as a number.** Neither does anything else that was measured
on those outlines, since it could be computed from that again: each of them stands with its code, an empty Measured
Value Sequence and the qualifier "Value indeterminate" (PS3.3 C.18.1), beside the coded statement "Not reliable" and the
reasons in words. What was computed is told in a sentence, which no system takes for a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae import __version__
from matae.clinic.codes import CODES, PRIVATE_SCHEME, UNITS, VIEWS, concept, volumetric
from matae.clinic.source import (
    RESEARCH,
    algorithm_of,
    allowed,
    new_uid,
    read_source,
    say_equipment,
    write_dicom,
)
from matae.errors import ExchangeError
from matae.measure.reliability import PROVISIONAL
from matae.measure.seen_view import view_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matae.clinic.source import Algorithm
    from matae.measure import Measurement, QualityFlag, Value

__all__ = ["make_report", "write_report_beside"]

_OF_THE_BEAT = ("ef_percent", "edv_ml", "esv_ml", "sv_ml", "co_l_min", "heart_rate", "fac_percent")
_OF_A_PHASE = {"ed": ("area_ed_mm2", "length_ed_mm"), "es": ("area_es_mm2", "length_es_mm")}
_BY_DISKS = {"ef_percent", "edv_ml", "esv_ml", "sv_ml", "co_l_min"}
_DIGITS = 1  # what is behind the point of a percentage or a millilitre is below every reader's error
_SERIES, _INSTANCE = 9001, 1


def make_report(measurement: Measurement, source: Any, algorithm: Algorithm | None = None) -> Any:
    """Return a measurement as a Comprehensive SR by TID 1500.

    Parameters
    ----------
    measurement
        What was measured.
    source
        Header of the instance it was measured on, as `matae.clinic.read_source` gives it; patient and study are taken
        over.
    algorithm
        What outlined the cavity; None for a person or a file.

    Returns
    -------
    highdicom.sr.ComprehensiveSR
        To be written by `matae.clinic.write_dicom`. It is preliminary and not verified: no person vouches for it.

    Raises
    ------
    ExchangeError
        If highdicom is not installed.
    """
    from matae.exchange.layouts.dicom_seg import require_highdicom

    require_highdicom("leave out the DICOM outputs")
    import highdicom as hd

    groups = [_beat(measurement, source, algorithm)]
    if measurement.primary is not None:
        groups += [_phase(measurement, source, algorithm, phase) for phase in ("ed", "es")]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_observer()),
        procedure_reported=concept(CODES["procedure"]),
        imaging_measurements=groups,
        title=concept(CODES["document"]),
    )
    with allowed(source):
        made = hd.sr.ComprehensiveSR(
            evidence=[source],
            content=content,
            series_instance_uid=new_uid(),
            series_number=_SERIES,
            sop_instance_uid=new_uid(),
            instance_number=_INSTANCE,
            manufacturer="napari-matae",
            is_complete=True,
            is_final=False,
            is_verified=False,
        )
    _leave_empty(made)
    _say_scheme(made)
    say_equipment(made, source, "Left ventricle, measurements")
    return made


def write_report_beside(path: Path, measurement: Measurement) -> None:
    """Write the structured report of a measurement, read from the clip it was measured in.

    Parameters
    ----------
    path
        The file; never that of the clip.
    measurement
        What was measured.

    Raises
    ------
    ExchangeError
        If the clip is no DICOM file that a report can refer to, the name is the clip's own, or highdicom is missing.
    OutputError
        If it cannot be written.
    """
    cine = measurement.inputs.cine
    if path.exists() and cine.source.exists() and path.samefile(cine.source):
        raise ExchangeError(f"{path.name} is the clip itself; give the report another name.")
    source = read_source(cine)
    write_dicom(path, make_report(measurement, source, algorithm_of(measurement.model, measurement.width)))


def _observer() -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    attributes = hd.sr.DeviceObserverIdentifyingAttributes(
        # The same for every report of this version: it names the program, not the computer.
        uid=str(generate_uid(entropy_srcs=["napari-matae", __version__])),
        name="napari-matae",
        manufacturer_name="napari-matae developers",
        model_name=f"napari-matae {__version__}",
    )
    return hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=attributes
    )


def _beat(m: Measurement, source: Any, algorithm: Algorithm | None) -> Any:
    import highdicom as hd

    rows = {row.key: row for row in m.table()}
    withheld = bool(m.doubts)
    found = [
        _number(m, rows[key], withheld=withheld and not _independent(m, key))
        for key in _OF_THE_BEAT
        if rows[key].value is not None or key == "ef_percent"
    ]
    said = []
    if m.ef is not None:
        state = CODES["not_reliable"] if m.doubts else CODES["no_doubt"]
        said.append(hd.sr.QualitativeEvaluation(concept(CODES["reliability"]), concept(state)))
    if m.view in VIEWS:
        said.append(hd.sr.QualitativeEvaluation(concept(CODES["image_view"]), concept(VIEWS[m.view])))
    frames = sorted({frame for values in m.beats for frame in values.frames})
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking("Left ventricle, beat"),
        finding_type=concept(CODES["ventricle"]),
        finding_category=concept(CODES["structure"]),
        finding_sites=[hd.sr.FindingSite(concept(CODES["ventricle"]))],
        algorithm_id=_identification(algorithm),
        measurements=found,
        qualitative_evaluations=said,
        source_images=[_image(hd.sr.SourceImageForMeasurementGroup, source, frames or None)],
    )
    _comment(group, _sentences(m, algorithm))
    return group


def _phase(m: Measurement, source: Any, algorithm: Algorithm | None, phase: str) -> Any:
    import highdicom as hd

    assert m.primary is not None  # noqa: S101 - for the type; whoever calls asked
    frame = m.primary.beat.ed if phase == "ed" else m.primary.beat.es
    disks = m.primary.volumes.ed if phase == "ed" else m.primary.volumes.es
    title, point = {
        "ed": ("Left ventricle, end-diastole", CODES["end_diastole"]),
        "es": ("Left ventricle, end-systole", CODES["end_systole"]),
    }[phase]
    rows = {row.key: row for row in m.table()}
    found = []
    for key, value in zip(_OF_A_PHASE[phase], (disks.area, disks.length), strict=True):
        if m.calibrated:  # of this frame, where the table has the mean of the beats
            found.append(_number(m, rows[key], withheld=bool(m.doubts), value=value))
    region = hd.sr.ImageRegion(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=_polyline(m.outline(frame), m.inputs.cine.shape),
        source_image=_image(hd.sr.SourceImageForRegion, source, [frame]),
    )
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(title),
        referenced_region=region,
        finding_type=concept(CODES["ventricle"]),
        finding_category=concept(CODES["structure"]),
        finding_sites=[hd.sr.FindingSite(concept(CODES["ventricle"]))],
        algorithm_id=_identification(algorithm),
        measurements=found,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(concept(CODES["cycle_point"]), concept(point))],
    )


def _independent(m: Measurement, key: str) -> bool:
    """Say whether a number does not come from the outlines: a heart rate of the file or its ECG."""
    return key == "heart_rate" and m.cycle.heart_rate_source != "curve"


def _number(m: Measurement, row: Value, *, withheld: bool, value: float | None = None) -> Any:
    """Return a value with its code and unit (TID 300), or its code without a value."""
    import highdicom as hd

    given = row.value if value is None else value
    several = len(m.beats) > 1 and value is None and row.key != "heart_rate"
    properties = None
    if row.key == "ef_percent" and m.ef is not None and not withheld:
        properties = hd.sr.MeasurementProperties(
            upper_measurement_uncertainty=round(m.ef.high - m.ef.value, _DIGITS),
            lower_measurement_uncertainty=round(m.ef.value - m.ef.low, _DIGITS),
        )
        for item in properties:  # percent as the value itself, not highdicom's "no units"
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [concept(UNITS["%"])]
    reason = CODES["failure"] if given is None else CODES["indeterminate"] if withheld else None
    method = CODES["disks"] if row.key in _BY_DISKS else CODES["planimetry"] if "area" in row.key else None
    return hd.sr.Measurement(
        name=concept(volumetric(row.key, m.view)),
        value=0.0 if given is None or withheld else round(given, 2 if row.unit == "L/min" else _DIGITS),
        unit=concept(UNITS[row.unit]),
        qualifier=None if reason is None else concept(reason),
        method=None if method is None else concept(method),
        derivation=concept(CODES["mean"]) if several and given is not None else None,
        properties=properties,
    )


def _leave_empty(item: Any) -> None:
    """Take the value from every number that has a qualifier instead; highdicom makes and copies none without one."""
    for child in item.get("ContentSequence", ()):
        if "NumericValueQualifierCodeSequence" in child:
            child.MeasuredValueSequence = []
        _leave_empty(child)


def _sentences(m: Measurement, algorithm: Algorithm | None) -> list[str]:
    """Return what a person is to know of the numbers, a sentence each."""
    said = [RESEARCH]
    if m.ef is None:
        said.append("No ejection fraction: no beat of the clip could be measured.")
    elif m.doubts:
        said.append(
            f"The ejection fraction is not reliable, so no value measured on these outlines is given. Computed were "
            f"{m.ef.value:.0f} % (90 % interval {m.ef.low:.0f} to {m.ef.high:.0f} %)."
        )
        said += [f"Why not reliable: {_told(flag)}" for flag in m.doubts]
    else:
        said.append(f"90 % interval of the ejection fraction: {m.ef.low:.0f} to {m.ef.high:.0f} %.")
    if m.ef is not None and m.inputs.widths_pending:
        said.append(PROVISIONAL)
    said.append(f"Calibration: {m.calibration}")
    if m.view is None:
        said.append("The standard view is not stated.")
    else:
        said.append(f"Standard view: {view_in_words(m.view, m.view_source)}.")
    if algorithm is None:
        said.append("The outlines come from a file or a person.")
    codes = {flag.code for flag in m.doubts}
    return said + [_told(flag) for flag in m.flags if flag.code not in codes]


def _told(flag: QualityFlag) -> str:
    frames = ", ".join(str(frame + 1) for frame in flag.frames[:12])
    more = ", ..." if len(flag.frames) > 12 else ""
    return f"{flag.text} (frame {frames}{more})" if frames else flag.text


def _comment(group: Any, sentences: Iterable[str]) -> None:
    import highdicom as hd

    for sentence in sentences:
        group[0].ContentSequence.append(
            hd.sr.TextContentItem(
                name=concept(CODES["comment"]), value=sentence,
                relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
            )
        )  # fmt: skip


def _tracking(identifier: str) -> Any:
    import highdicom as hd

    return hd.sr.TrackingIdentifier(uid=hd.UID(new_uid()), identifier=identifier)


def _identification(algorithm: Algorithm | None) -> Any:
    import highdicom as hd

    if algorithm is None:
        return None
    return hd.sr.AlgorithmIdentification(
        name=algorithm.name, version=algorithm.version, parameters=algorithm.parameters or None,
        family=concept(CODES["ai"]), manufacturer="napari-matae developers",
    )  # fmt: skip


def _image(kind: Any, source: Any, frames: Sequence[int] | None) -> Any:
    """Return a reference to frames of the source, counted from 1 as DICOM does; to all of it for a single picture."""
    multiframe = int(source.get("NumberOfFrames") or 1) > 1
    return kind(
        referenced_sop_class_uid=source.SOPClassUID,
        referenced_sop_instance_uid=source.SOPInstanceUID,
        referenced_frame_numbers=[frame + 1 for frame in frames] if multiframe and frames else None,
    )


def _polyline(points: Any, shape: tuple[int, int]) -> Any:
    """Return an outline (N, 2) as (y, x), pixel centres at whole numbers, as closed (column, row) of DICOM.

    There the corner of the first pixel is 0, so that its centre is 0.5 (PS3.3 C.18.6.1.1).
    """
    xy = np.asarray(points, np.float64)[:, ::-1] + 0.5
    xy = np.clip(xy, 0.0, (shape[1], shape[0]))
    return np.round(np.vstack([xy, xy[:1]]), 2)


def _say_scheme(made: Any) -> None:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "napari-matae"
    item.CodingSchemeResponsibleOrganization = "napari-matae developers"
    made.CodingSchemeIdentificationSequence = [item]
