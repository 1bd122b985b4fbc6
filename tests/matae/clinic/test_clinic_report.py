"""The structured report: what stands in it, read back by pydicom, dciodvfy and dcmtk; and what may not stand in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clinic_makers import NAME, PATIENT, STUDY_DATE, dciodvfy, dsrdump, items, numbers, phantom_dataset, points, save
from pydicom import dcmread

from matae.clinic import algorithm_of, make_report, read_source, write_dicom, write_report_beside
from matae.errors import ExchangeError
from matae.measure import QualityFlag, measure_cine
from matae.measure.reliability import PROVISIONAL
from matae.phantom import make_phantom
from matae.read import open_cine
from matae.read._formats import quiet

INDETERMINATE, FAILURE = "114011", "114006"


def written(measurement, cine, path, algorithm=None):
    write_dicom(path, make_report(measurement, read_source(cine), algorithm))
    return dcmread(path)


def comments(report) -> list[str]:
    return [item.TextValue for item in items(report, "TEXT") if item.ConceptNameCodeSequence[0].CodeValue == "121106"]


def doubtful(measured):
    frame = measured.ed_frame
    flag = QualityFlag("implausible-shape", "The shape is odd.", (frame,))
    found = replace(measured, flags=(*measured.flags, flag))
    assert found.doubts
    return found


@pytest.fixture(scope="module")
def report(measured, cine, tmp_path_factory):
    return written(measured, cine, tmp_path_factory.mktemp("sr") / "sr.dcm", algorithm_of("matae-lv", "1/2"))


def test_a_measurement_of_nothing_says_so_and_has_no_number(cine, phantom, tmp_path) -> None:
    nothing = measure_cine(cine, np.zeros_like(phantom.masks))
    found = written(nothing, cine, tmp_path / "sr.dcm")
    assert numbers(found) == {"79993-2": (None, FAILURE)}
    assert any("no beat" in text for text in comments(found))
    assert not list(items(found, "SCOORD"))
    assert dciodvfy(tmp_path / "sr.dcm") == []


def centroid(polygon) -> np.ndarray:
    """Return the centre of the area of a closed polygon (N, 2)."""
    (x, y), (u, v) = polygon[:-1].T, polygon[1:].T
    cross = x * v - u * y
    return np.array([((x + u) * cross).sum(), ((y + v) * cross).sum()]) / (3 * cross.sum())


def test_a_report_never_takes_the_place_of_its_clip(measured, clip, tmp_path) -> None:
    before = clip.read_bytes()
    with pytest.raises(ExchangeError, match="is the clip itself"):
        write_report_beside(clip, measured)
    assert clip.read_bytes() == before
    write_report_beside(tmp_path / "sr.dcm", measured)
    assert dcmread(tmp_path / "sr.dcm").PatientID == PATIENT


def test_an_ejection_fraction_that_is_not_reliable_does_not_leave_as_a_number(measured, cine, tmp_path) -> None:
    found = written(doubtful(measured), cine, tmp_path / "sr.dcm", algorithm_of("matae-lv", "1/2"))
    values = numbers(found)
    # Nothing that was measured on the outlines: from volumes, areas or lengths it could be computed again.
    assert {code for code, (value, _) in values.items() if value is not None} == set()
    assert {qualifier for value, qualifier in values.values()} == {INDETERMINATE}
    assert {"79993-2", "79999-9", "80004-5", "90096001", "399109006", "399030000"} <= set(values)
    states = [i.ConceptCodeSequence[0].CodeValue for i in items(found, "CODE")]
    assert "NOT-RELIABLE" in states
    assert "NO-DOUBT" not in states
    said = comments(found)
    assert any(f"{measured.ef.value:.0f} %" in text and "not reliable" in text for text in said)
    assert any(f"(frame {measured.ed_frame + 1})" in text and "Why not reliable" in text for text in said)
    assert dciodvfy(tmp_path / "sr.dcm") == []
    assert "indeterminate" in dsrdump(tmp_path / "sr.dcm")


def test_a_heart_rate_of_the_file_stays_where_the_outlines_are_doubtful(tmp_path) -> None:
    phantom = make_phantom(2, n_frames=12, frame_rate=20.0, shape=(96, 96))  # less than a beat: no rate in the curve
    made = phantom_dataset(phantom, HeartRate=70)
    cine = open_cine(save(made, tmp_path / "clip.dcm"))
    measured = measure_cine(cine, phantom.masks)
    assert measured.cycle.heart_rate_source == "file"
    values = numbers(written(doubtful(measured), cine, tmp_path / "sr.dcm"))
    assert values["8867-4"] == (70, "{H.B.}/min")
    assert values["79993-2"] == values["82799009"] == (None, INDETERMINATE)


def test_the_numbers_are_those_of_the_measurement(measured, report) -> None:
    rows = {row.key: row.value for row in measured.table()}
    values = numbers(report)
    for code, key, unit in (
        ("79993-2", "ef_percent", "%"), ("79999-9", "edv_ml", "ml"), ("80004-5", "esv_ml", "ml"),
        ("90096001", "sv_ml", "ml"), ("82799009", "co_l_min", "l/min"), ("8867-4", "heart_rate", "{H.B.}/min"),
        ("399287000", "fac_percent", "%"), ("399109006", "area_ed_mm2", "mm2"), ("399030000", "area_es_mm2", "mm2"),
        ("79994-0", "length_ed_mm", "mm"), ("103339001", "length_es_mm", "mm"),
    ):  # fmt: skip
        assert values[code] == (pytest.approx(rows[key], abs=0.051), unit), key
    assert values["371886008"] == (pytest.approx(measured.ef.high - measured.ef.value, abs=0.051), "%")
    assert values["371885007"] == (pytest.approx(measured.ef.value - measured.ef.low, abs=0.051), "%")
    assert "Research use only. Not for diagnosis." in comments(report)


def test_without_a_scale_only_ratios_leave(phantom, tmp_path) -> None:
    cine = open_cine(save(phantom_dataset(phantom, calibrated=False, view=None), tmp_path / "clip.dcm"))
    found = written(measure_cine(cine, phantom.masks), cine, tmp_path / "sr.dcm")
    assert {unit for _, unit in numbers(found).values()} == {"%", "{H.B.}/min"}
    assert "18043-0" in numbers(found)  # the code that leaves the view open
    assert any("uncalibrated" in text for text in comments(found))
    assert any("view is not stated" in text for text in comments(found))
    assert dciodvfy(tmp_path / "sr.dcm") == []


def test_it_refers_to_the_frames_of_the_source(measured, report, clip) -> None:
    source = dcmread(clip, stop_before_pixels=True)
    images = list(items(report, "IMAGE"))
    for image in images:
        reference = image.ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == source.SOPClassUID
    ed, es = measured.ed_frame + 1, measured.es_frame + 1
    frames = [image.ReferencedSOPSequence[0].get("ReferencedFrameNumber") for image in images]
    assert frames[1:] == [ed, es]
    assert {ed, es} <= set(frames[0])
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == source.StudyInstanceUID
    assert evidence.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID


def test_the_outlines_lie_on_the_cavity(measured, report, phantom) -> None:
    from skimage.draw import polygon2mask

    for item, frame in zip(items(report, "SCOORD"), (measured.ed_frame, measured.es_frame), strict=True):
        found = points(item)
        assert item.GraphicType == "POLYLINE"
        assert (found[0] == found[-1]).all()
        assert found.min() >= 0
        assert found.max() <= 96
        drawn = polygon2mask((96, 96), found[:, ::-1] - 0.5)
        cavity = phantom.masks[frame] == 1
        # The corner of the picture is 0, so that the centre of its first pixel is 0.5: half a pixel would show.
        assert centroid(found) == pytest.approx(np.argwhere(cavity).mean(0)[::-1] + 0.5, abs=0.2)
        assert 2 * (drawn & cavity).sum() / (drawn.sum() + cavity.sum()) > 0.97


def test_patient_study_and_state_of_the_document(report, clip) -> None:
    source = dcmread(clip, stop_before_pixels=True)
    assert (report.PatientID, str(report.PatientName), report.StudyDate) == (PATIENT, NAME, STUDY_DATE)
    assert report.StudyInstanceUID == source.StudyInstanceUID
    assert report.SeriesInstanceUID != source.SeriesInstanceUID
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE", "UNVERIFIED", "PRELIMINARY",
    )  # fmt: skip
    assert report.Modality == "SR"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MATAE"
    assert "PatientIdentityRemoved" not in report


def test_a_deidentified_source_stays_one(phantom, tmp_path) -> None:
    made = phantom_dataset(
        phantom, PatientName="Subject^7", PatientID="S7", PatientBirthDate="", StudyDate="", StudyTime="",
        PatientIdentityRemoved="YES", DeidentificationMethod="by the archive", AccessionNumber="",
        LongitudinalTemporalInformationModified="REMOVED",
    )  # fmt: skip
    cine = open_cine(save(made, tmp_path / "clip.dcm"))
    found = written(measure_cine(cine, phantom.masks), cine, tmp_path / "sr.dcm")
    assert (found.PatientID, str(found.PatientName), found.StudyDate) == ("S7", "Subject^7", "")
    assert (found.PatientIdentityRemoved, found.DeidentificationMethod) == ("YES", "by the archive")
    assert found.LongitudinalTemporalInformationModified == "REMOVED"
    assert dciodvfy(tmp_path / "sr.dcm") == []


def test_the_algorithm_is_identified(report) -> None:
    from matae.models import find_model

    said = {item.TextValue for item in items(report, "TEXT")}
    assert {"matae-lv", "width 1/2", f"weights sha256 {find_model('matae-lv').card.sha256}"} <= said
    device = [i for i in items(report, "CODE") if i.ConceptNameCodeSequence[0].CodeValue == "121005"]
    assert [i.ConceptCodeSequence[0].CodeValue for i in device] == ["121007"]


def test_masks_of_a_person_name_no_algorithm(measured, cine, tmp_path) -> None:
    found = written(replace(measured, model="", width=""), cine, tmp_path / "sr.dcm")
    names = {item.ConceptNameCodeSequence[0].CodeValue for item in items(found, "TEXT")}
    assert "111001" not in names
    assert any("from a file or a person" in text for text in comments(found))


def test_an_interval_that_lacks_a_part_says_provisional(measured, cine, tmp_path) -> None:
    pending = replace(measured, inputs=replace(measured.inputs, widths_pending=True))
    assert PROVISIONAL in comments(written(pending, cine, tmp_path / "sr.dcm"))
    assert PROVISIONAL not in comments(written(measured, cine, tmp_path / "sr2.dcm"))


@pytest.mark.parametrize(("keyword", "value"), [("StudyDate", "unknown"), ("PatientSex", "not known at all")])
def test_a_header_that_dicom_does_not_allow_is_no_traceback(phantom, tmp_path, keyword, value) -> None:
    made = phantom_dataset(phantom, **{keyword: "F" if keyword == "PatientSex" else "20260112"})
    with quiet():
        setattr(made, keyword, value)
        cine = open_cine(save(made, tmp_path / "clip.dcm"))
    with pytest.raises(ExchangeError, match="a value that DICOM does not allow"):
        make_report(measure_cine(cine, phantom.masks), read_source(cine))


def test_letters_of_every_alphabet_stay(phantom, tmp_path) -> None:
    made = phantom_dataset(phantom, SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Jörg=山田^太郎")
    cine = open_cine(save(made, tmp_path / "clip.dcm"))
    assert str(written(measure_cine(cine, phantom.masks), cine, tmp_path / "sr.dcm").PatientName) == made.PatientName


def test_dciodvfy_and_dcmtk_read_it_without_complaint(report) -> None:
    assert dciodvfy(report.filename) == []
    said = dsrdump(report.filename)
    for part in (
        "Comprehensive SR Document", "(79993-2,LN,", "(125208,DCM,", "(272518008,SCT,", "UNVERIFIED", "POLYLINE",
    ):  # fmt: skip
        assert part in said, part


def test_it_says_how_the_view_is_known(measured, cine, tmp_path) -> None:
    note = QualityFlag("view-recognised", "The pictures look like A2C.", level="note")
    unsaid = replace(measured.inputs.cine, view=None)
    seen = measure_cine(replace(unsaid, view="A2C"), measured.inputs.masks, remarks=[note])
    for number, (found, words) in enumerate(
        (
            (measure_cine(unsaid, measured.inputs.masks), "The standard view is not stated."),
            (seen, "Standard view: A2C, recognised from the pictures."),
            (seen.updated(view="A4C"), "Standard view: A4C, chosen by a person."),
        )
    ):
        assert words in comments(written(found, cine, tmp_path / f"{number}.dcm"))
