"""The instance that DICOM objects refer to: what is no DICOM, has no identity, or counts other frames is refused."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from clinic_makers import NAME, PATIENT, phantom_dataset, save

from matae.clinic import Algorithm, algorithm_of, read_source, write_dicom
from matae.clinic.source import allowed, new_uid
from matae.errors import ExchangeError, OutputError
from matae.read import open_cine


def test_a_clip_that_is_not_dicom_is_refused_with_the_next_step(cine, tmp_path) -> None:
    np.save(tmp_path / "clip.npy", cine.frames)
    with pytest.raises(ExchangeError, match=r"clip\.npy is not a DICOM file.*take the clip from the archive") as said:
        read_source(open_cine(tmp_path / "clip.npy"))
    assert str(said.value).count(".") == 2  # the suffix, and the end of the one sentence


def test_a_clip_within_an_archive_file_is_refused(clip, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        archive.write(clip, "clip.dcm")
    with pytest.raises(ExchangeError, match=r"no file by itself.*unpack it"):
        read_source(open_cine(tmp_path / "clips.zip"))


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_an_instance_without_identity_is_refused(phantom, tmp_path, keyword) -> None:
    made = phantom_dataset(phantom)
    path = save(made, tmp_path / "clip.dcm")
    uid = str(made[keyword].value).encode()
    head, _, rest = path.read_bytes().rpartition(uid)
    path.write_bytes(head + b"\0" * len(uid) + rest)  # the pixels hold no such text
    with pytest.raises(ExchangeError, match=keyword):
        read_source(open_cine(tmp_path / "clip.dcm"))


def test_a_clip_of_which_frames_are_lost_is_refused(cine) -> None:
    with pytest.raises(ExchangeError, match="counts 20 frames and 19 decoded"):
        read_source(replace(cine, frames=cine.frames[:-1], frame_times=None))


def test_the_header_comes_without_pixels_and_with_what_may_be_empty(phantom, tmp_path) -> None:
    made = phantom_dataset(phantom, AccessionNumber=None, PatientBirthDate=None, ReferringPhysicianName=None)
    source = read_source(open_cine(save(made, tmp_path / "clip.dcm")))
    assert "PixelData" not in source
    assert (source.PatientID, str(source.PatientName)) == (PATIENT, NAME)
    assert source.AccessionNumber == source.PatientBirthDate == source.ReferringPhysicianName == ""


def test_a_value_that_dicom_does_not_allow_becomes_a_sentence(clip, cine) -> None:
    source = read_source(cine)
    words = f"instance {source.SOPInstanceUID} has a value that DICOM does not allow"
    with pytest.raises(ExchangeError, match=words), allowed(source):
        raise ValueError("Invalid")


def test_the_algorithm_is_named_with_its_weights() -> None:
    from matae.models import find_model

    assert algorithm_of("") is None
    found = algorithm_of("matae-lv", "1/2")
    digest = find_model("matae-lv").card.sha256
    assert digest
    assert found.parameters == ["width 1/2", f"weights sha256 {digest}"]
    assert digest[:16] in found.version
    gone = algorithm_of("a-model-that-was-removed")
    assert gone == Algorithm("a-model-that-was-removed")
    assert "weights unknown" in gone.version
    assert gone.parameters == []
    assert len(Algorithm("m", "0" * 64).version) <= 64  # LO of a segment's algorithm


def test_a_file_is_written_whole_or_not_at_all(phantom, tmp_path) -> None:
    made = phantom_dataset(phantom)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_dicom(tmp_path / "file" / "sr.dcm", made)
    write_dicom(tmp_path / "new" / "a.dcm", made)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.dcm"]


def test_no_identifier_is_given_twice() -> None:
    found = {new_uid() for _ in range(100)}
    assert len(found) == 100
    assert all(len(uid) <= 64 and uid.startswith("2.25.") for uid in found)
