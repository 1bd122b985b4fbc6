"""A measurement as the objects that go to an archive: none, each, and all of one study."""

from __future__ import annotations

import pytest
from clinic_makers import PATIENT
from pydicom import dcmread

from matae.clinic import describe, read_source
from matae.clinic.objects import write_objects
from matae.errors import OutputError


def test_nothing_asked_for_writes_nothing(measured, cine, tmp_path) -> None:
    write_objects(measured, read_source(cine), {})
    assert list(tmp_path.iterdir()) == []


def test_each_kind_is_what_it_says_and_belongs_to_the_study_of_the_clip(measured, cine, clip, tmp_path) -> None:
    outputs = {kind: tmp_path / f"{kind}.dcm" for kind in ("sr", "seg", "pdf")}
    write_objects(measured, read_source(cine), outputs)
    found = {kind: describe(path) for kind, path in outputs.items()}
    assert {kind: one.kind for kind, one in found.items()} == {
        "sr": "structured report", "seg": "segmentation", "pdf": "encapsulated PDF",
    }  # fmt: skip
    study = dcmread(clip, stop_before_pixels=True).StudyInstanceUID
    assert {one.study_uid for one in found.values()} == {study}
    assert {one.patient_id for one in found.values()} == {PATIENT}


def test_a_place_that_cannot_be_written_is_an_error_in_words(measured, cine, tmp_path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError):
        write_objects(measured, read_source(cine), {"sr": tmp_path / "taken" / "sr.dcm"})
