"""What an archive may answer that is no clip, has no identity, or is another instance than was asked for."""

from __future__ import annotations

import io

import pytest
from clinic_makers import PATIENT, phantom_dataset
from pydicom.dataset import Dataset

from matae.clinic.listing import clip_of
from matae.errors import PacsError
from matae.pacs import ClipQuery, fetch_clip, find_clips


class Answers:
    """A connection that gives what it was made with."""

    def __init__(self, **found):
        self.found = found

    def find(self, level, keys):
        self.asked = dict(keys)
        return self.found.get(level, [])

    def fetch(self, *uids):
        return self.found["data"]


def made(**elements):
    found = Dataset()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    return found


def bytes_of(dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("query", [ClipQuery(), ClipQuery(patient_id=" * "), ClipQuery(patient_id="*")])
def test_nobody_asks_for_everything(query) -> None:
    with pytest.raises(PacsError, match="Say what to look for"):
        find_clips(Answers(), query)


@pytest.mark.parametrize("date", ["2026", "2026-01-12", "20260101-2026", "yesterday", "-"])
def test_a_date_that_is_none_is_refused(date) -> None:
    with pytest.raises(PacsError, match="is no date"):
        find_clips(Answers(), ClipQuery(date=date))


def test_answers_without_identity_are_passed_over() -> None:
    nameless = made(PatientID=PATIENT)
    study = made(StudyInstanceUID="1.2", PatientID=PATIENT)
    assert find_clips(Answers(STUDY=[nameless]), ClipQuery(patient_id=PATIENT)) == []
    assert find_clips(Answers(STUDY=[study], SERIES=[nameless]), ClipQuery(patient_id=PATIENT)) == []
    series = made(SeriesInstanceUID="1.3", Modality="US")
    found = Answers(STUDY=[study], SERIES=[series], IMAGE=[made(NumberOfFrames=9)])
    assert find_clips(found, ClipQuery(patient_id=PATIENT)) == []


def test_what_an_archive_does_not_tell_stays_open() -> None:
    study, series = made(StudyInstanceUID="1.2"), made(SeriesInstanceUID="1.3")
    images = [
        made(SOPInstanceUID="1.4.1"),
        made(SOPInstanceUID="1.4.2", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1"),  # a single picture by its class
        made(SOPInstanceUID="1.4.3", SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1"),
        made(SOPInstanceUID="1.4.4", NumberOfFrames=1),
    ]
    found = find_clips(Answers(STUDY=[study], SERIES=[series], IMAGE=images), ClipQuery(study_uid="1.2"))
    assert [(clip.instance_uid, clip.frames, clip.series_uid) for clip in found] == [
        ("1.4.1", None, "1.3"), ("1.4.3", None, "1.3"),
    ]  # fmt: skip


def test_what_is_fetched_is_looked_at(phantom, tmp_path) -> None:
    clip = phantom_dataset(phantom)
    entry = clip_of(clip)
    report = phantom_dataset(phantom, SOPInstanceUID=clip.SOPInstanceUID, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33")
    still = phantom_dataset(phantom, SOPInstanceUID=clip.SOPInstanceUID, NumberOfFrames=1)
    for data, words in (
        (b"no DICOM at all", "another instance|is no DICOM"),
        (bytes_of(phantom_dataset(phantom)), "gave another instance"),
        (bytes_of(report), "is a structured report, not an ultrasound clip"),
        (bytes_of(still), "a single picture, not a clip"),
    ):
        with pytest.raises(PacsError, match=words):
            fetch_clip(Answers(data=data), entry, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert fetch_clip(Answers(data=bytes_of(clip)), entry, tmp_path).name == f"{clip.SOPInstanceUID}.dcm"


def test_a_name_of_an_instance_never_leads_out_of_the_folder(phantom, tmp_path) -> None:
    entry = clip_of(made(StudyInstanceUID="1.2", SeriesInstanceUID="1.3", SOPInstanceUID="1.4"))
    object.__setattr__(entry, "instance_uid", "../../outside")
    with pytest.raises(PacsError, match="no UID"):
        fetch_clip(Answers(data=b""), entry, tmp_path)
