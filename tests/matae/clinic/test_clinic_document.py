"""The page of a measurement as Encapsulated PDF."""

from __future__ import annotations

import numpy as np
from clinic_makers import NAME, PATIENT, dciodvfy, phantom_dataset, save
from pydicom import dcmread

from matae.clinic import make_document, read_source, write_dicom
from matae.measure import measure_cine
from matae.measure.report import write_report
from matae.read import open_cine


def test_a_page_of_nothing_is_a_page(cine, phantom, tmp_path) -> None:
    nothing = measure_cine(cine, np.zeros_like(phantom.masks))
    write_dicom(tmp_path / "page.dcm", make_document(nothing, read_source(cine)))
    assert dcmread(tmp_path / "page.dcm").EncapsulatedDocument.startswith(b"%PDF")
    assert dciodvfy(tmp_path / "page.dcm") == []


def test_it_holds_the_page_that_report_writes(measured, cine, clip, tmp_path) -> None:
    write_report(tmp_path / "page.pdf", measured)
    write_dicom(tmp_path / "page.dcm", make_document(measured, read_source(cine)))
    found, source = dcmread(tmp_path / "page.dcm"), dcmread(clip, stop_before_pixels=True)
    page = (tmp_path / "page.pdf").read_bytes()
    assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == page
    assert (found.PatientID, str(found.PatientName)) == (PATIENT, NAME)
    assert found.StudyInstanceUID == source.StudyInstanceUID
    assert found.SourceInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert found.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert (found.BurnedInAnnotation, found.VerificationFlag) == ("YES", "UNVERIFIED")
    assert "Not for diagnosis" in found.DocumentTitle
    assert dciodvfy(tmp_path / "page.dcm") == []


def test_a_deidentified_source_stays_one(phantom, tmp_path) -> None:
    made = phantom_dataset(
        phantom, PatientName="", PatientID="S7", PatientIdentityRemoved="YES", DeidentificationMethod="by the archive"
    )
    cine = open_cine(save(made, tmp_path / "clip.dcm"))
    write_dicom(tmp_path / "page.dcm", make_document(measure_cine(cine, phantom.masks), read_source(cine)))
    found = dcmread(tmp_path / "page.dcm")
    assert (found.PatientIdentityRemoved, found.PatientID) == ("YES", "S7")
