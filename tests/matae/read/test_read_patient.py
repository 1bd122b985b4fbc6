"""Whom a file shows: stated, or nobody; a placeholder that an export writes for everybody is nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from read_makers import dataset, grey_clip, save

from matae.cine import Patient
from matae.read import open_cine
from matae.read._patient import data_set_patient, dicom_patient, is_placeholder

if TYPE_CHECKING:
    from pathlib import Path


def header(**elements: Any) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def test_a_file_without_a_number_is_nobodys_and_says_so() -> None:
    for made in (header(), header(PatientID=""), header(PatientID="   "), header(PatientID=None)):
        patient, note = dicom_patient(made)
        assert patient is None
        assert "states no patient ID; say whom the clip shows" in note


@pytest.mark.parametrize(
    "number",
    ["ANONYMOUS", "anonymous", "Anonymous Patient", "ANON", "Anonymisiert", "anonymisé^", "UNKNOWN", "n/a", "N.A.",
     "None", "null", "0", "000000", "0000-0000", "XXXX", "-", "***", "^", "Patient ID", "NO_ID", "de-identified",
     "REMOVED", "test", "\u0410", "...", "zzz"],
)  # fmt: skip
def test_what_an_export_writes_for_everybody_is_nobody(number: str) -> None:
    patient, note = dicom_patient(header(PatientID=number))
    assert patient is None
    assert "say whom" in note


@pytest.mark.parametrize("number", ["4711", "01", "MRN-4711", "anon-0042", "patient0001", "Ä12", "10"])
def test_a_number_is_a_patient(number: str) -> None:
    assert dicom_patient(header(PatientID=number))[0] == Patient(number)


def test_the_issuer_belongs_to_the_number() -> None:
    named = header(PatientID="4711", IssuerOfPatientID="North")
    item = header(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO")
    qualified = header(PatientID="4711", IssuerOfPatientIDQualifiersSequence=[item])
    both = header(PatientID="4711", IssuerOfPatientID="North", IssuerOfPatientIDQualifiersSequence=[item])
    assert [dicom_patient(made)[0] for made in (named, qualified, both)] == [
        Patient("4711", "North"), Patient("4711", "1.2.3"), Patient("4711", "North"),
    ]  # fmt: skip


def test_one_number_written_in_two_ways_of_unicode_is_one() -> None:
    assert dicom_patient(header(PatientID="A\u0308 1"))[0] == dicom_patient(header(PatientID="\u00c4 1"))[0]


@settings(max_examples=40)
@given(st.text(max_size=20))
def test_any_text_is_a_patient_or_a_sentence(text: str) -> None:
    for found, note in (dicom_patient(header(PatientID=text.replace("\\", ""))), data_set_patient(text)):
        assert (found is None) == bool(note)
    assert isinstance(is_placeholder(text), bool)


def test_a_clip_knows_whom_it_shows_and_shows_it_to_nobody(tmp_path: Path) -> None:
    made = dataset(grey_clip())
    made.PatientID, made.IssuerOfPatientID = "4711-0815", "North Hospital"
    cine = open_cine(save(made, tmp_path / "Doe_Jane.dcm"))
    assert cine.patient == Patient("4711-0815", "North Hospital", "file")
    assert cine.patient_note == ""
    for shown in (repr(cine), repr(cine.patient), str(cine.info)):
        assert "4711" not in shown
        assert "North" not in shown


def test_a_name_of_a_file_is_nobody(tmp_path: Path) -> None:
    np.save(tmp_path / "Doe_Jane_4711.npy", grey_clip())
    assert open_cine(tmp_path / "Doe_Jane_4711.npy").patient is None
