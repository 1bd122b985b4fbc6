"""What a person is told of an object before it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clinic_makers import NAME, PATIENT

from matae.clinic import (
    algorithm_of,
    describe,
    make_document,
    make_report,
    make_segmentation,
    read_source,
    write_dicom,
)
from matae.errors import ExchangeError
from matae.measure import QualityFlag


def test_what_is_no_such_object_is_refused(clip, tmp_path) -> None:
    with pytest.raises(ExchangeError, match="is not there"):
        describe(tmp_path / "nothing.dcm")
    (tmp_path / "text.dcm").write_text("text")
    with pytest.raises(ExchangeError, match="is not a DICOM file"):
        describe(tmp_path / "text.dcm")
    with pytest.raises(ExchangeError, match="only what was made from a clip goes back"):
        describe(clip)


def test_every_kind_is_described_with_its_identity(measured, cine, phantom, tmp_path) -> None:
    source, algorithm = read_source(cine), algorithm_of("matae-lv", "1/2")
    made = {
        "structured report": make_report(measured, source, algorithm),
        "segmentation": make_segmentation(phantom.masks, source, algorithm),
        "encapsulated PDF": make_document(measured, source),
    }
    for kind, one in made.items():
        path = tmp_path / f"{kind}.dcm"
        write_dicom(path, one)
        found = describe(path)
        assert (found.kind, found.patient_id, found.patient_name) == (kind, PATIENT, NAME)
        assert found.refers_to == (source.SOPInstanceUID,)
        assert found.study_uid == source.StudyInstanceUID
        assert found.size == path.stat().st_size
        assert found.made_by.startswith("napari-matae ")
        assert found.says
    said = describe(tmp_path / "structured report.dcm").says
    assert f"Left ventricular ejection fraction single plane 4C (MOD): {measured.ef.value:.1f} %" in said
    assert "Comment: Research use only. Not for diagnosis." in said


def test_a_value_that_is_withheld_is_shown_as_none(measured, cine, tmp_path) -> None:
    flag = QualityFlag("implausible-shape", "Odd.", (measured.ed_frame,))
    write_dicom(tmp_path / "sr.dcm", make_report(replace(measured, flags=(flag,)), read_source(cine)))
    said = describe(tmp_path / "sr.dcm").says
    assert "Left ventricular ejection fraction single plane 4C (MOD): no value (Value indeterminate)" in said
    assert "Reliability of the ejection fraction: Not reliable" in said
