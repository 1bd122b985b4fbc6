"""The whole way with a real archive, by both protocols, on the command line (matae.cli.pacs).

A clip is found, fetched and segmented; what was made of it is sent back, and read from the archive.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from clinic_makers import NAME, PATIENT, STUDY_DATE, dciodvfy, numbers, phantom_dataset, save
from pydicom import dcmread
from typer.testing import CliRunner

from matae.cli import app
from matae.pacs import ClipQuery, connect, fetch_clip, find_archive, find_clips
from matae.store import Study

PROTOCOLS = ("web", "dimse")


@pytest.fixture(params=PROTOCOLS)
def address(request, orthanc) -> str:
    return getattr(orthanc, request.param)


@pytest.fixture
def run():
    def do(*arguments, code=0):
        done = CliRunner().invoke(app, [str(one) for one in arguments])
        assert done.exit_code == code, done.output
        return done.output

    return do


def test_an_empty_archive_has_no_clip_and_answers(run, address) -> None:
    assert "answers" in run("pacs", "check", address)
    assert "holds no ultrasound clip" in run("pacs", "list", address, "--patient", PATIENT)
    assert "holds no ultrasound clip of study" in run(
        "pacs", "fetch", address, "--study", "1.2.3", "--out", "x", code=1
    )


def test_stills_and_reports_are_no_clips(*, run, address, orthanc, stored, phantom, tmp_path) -> None:
    same = {"StudyInstanceUID": stored.StudyInstanceUID}
    still = phantom_dataset(phantom, **same, NumberOfFrames=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")
    still.PixelData = stored.PixelData[: 96 * 96]
    orthanc.put(save(still, tmp_path / "still.dcm"))
    ct = phantom_dataset(phantom, **same, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")
    orthanc.put(save(ct, tmp_path / "ct.dcm"))
    with connect(find_archive(address)) as connection:
        found = find_clips(connection, ClipQuery(study_uid=stored.StudyInstanceUID))
    assert [clip.instance_uid for clip in found] == [stored.SOPInstanceUID]
    (clip,) = found
    assert (clip.patient_id, clip.patient_name, clip.study_date, clip.frames) == (PATIENT, NAME, STUDY_DATE, 20)
    asked = ("pacs", "fetch", address, "--study", stored.StudyInstanceUID, "--out", tmp_path / "got")
    said = run(*asked, "--instance", still.SOPInstanceUID, code=1)
    assert "has no ultrasound clip" in said
    assert not (tmp_path / "got").exists()


def test_it_is_found_by_each_way_to_ask(address, stored) -> None:
    with connect(find_archive(address)) as connection:
        for query in (
            ClipQuery(patient_id=PATIENT), ClipQuery(date=STUDY_DATE), ClipQuery(date="20260101-20260131"),
            ClipQuery(accession="ACC-1"), ClipQuery(study_uid=stored.StudyInstanceUID),
        ):  # fmt: skip
            assert len(find_clips(connection, query)) == 1, query
        assert find_clips(connection, ClipQuery(date="20250101-20250131")) == []


def test_a_compressed_clip_comes_as_it_is_stored(address, orthanc, phantom, tmp_path) -> None:
    from pydicom.uid import RLELossless

    made = phantom_dataset(phantom)
    made.compress(RLELossless)
    orthanc.put(save(made, tmp_path / "rle.dcm"))
    with connect(find_archive(address)) as connection:
        (clip,) = find_clips(connection, ClipQuery(patient_id=PATIENT))
        path = fetch_clip(connection, clip, tmp_path / "got")
    found = dcmread(path)
    assert found.file_meta.TransferSyntaxUID == RLELossless
    assert (found.pixel_array == phantom.cine.frames).all()


def test_fetched_into_the_worklist_of_a_study(*, run, address, stored, tmp_path) -> None:
    target, got = tmp_path / "study.sqlite", tmp_path / "got"
    asked = ("pacs", "fetch", address, "--study", stored.StudyInstanceUID, "--out", got, "--into", target)
    assert "study.sqlite" in run(*asked, code=1)  # there is no such study: nothing is fetched
    assert not got.exists()
    Study.create(target).close()
    assert run(*asked) == "1 of 1 clip added to the queue.\n"
    with Study.open(target) as study:
        assert study.queue_counts().waiting == 1
        waiting = study.take_next()
    assert waiting.path == got / f"{stored.SOPInstanceUID}.dcm"
    assert run(*asked) == "0 of 1 clip added to the queue, 1 there already.\n"


def test_what_cannot_be_fetched_does_not_keep_the_rest_from_the_worklist(
    *, run, address, orthanc, stored, phantom, tmp_path
) -> None:
    target = tmp_path / "study.sqlite"
    Study.create(target).close()
    still = phantom_dataset(phantom, StudyInstanceUID=stored.StudyInstanceUID, NumberOfFrames=None)
    still.PixelData = stored.PixelData[: 96 * 96]
    orthanc.put(save(still, tmp_path / "still.dcm"))  # the archive cannot tell it from a clip
    asked = ("pacs", "fetch", address, "--study", stored.StudyInstanceUID, "--out", tmp_path / "got", "--into", target)
    said = run(*asked, code=1)
    assert said.startswith("1 of 2 clips added to the queue, 1 could not be fetched. ")
    assert "is a single picture, not a clip" in said
    assert [path.stem for path in (tmp_path / "got").iterdir()] == [stored.SOPInstanceUID]


def test_there_and_back(*, run, address, orthanc, stored, phantom, tiny_model, tmp_path) -> None:
    out = tmp_path / "out"
    run("pacs", "list", address, "--patient", PATIENT, "--json", tmp_path / "list.json")
    (clip,) = json.loads((tmp_path / "list.json").read_text())["clips"]
    assert clip["instance_uid"] == stored.SOPInstanceUID
    said = run("pacs", "fetch", address, "--study", clip["study_uid"], "--out", tmp_path / "got")
    fetched = tmp_path / "got" / f"{stored.SOPInstanceUID}.dcm"
    assert str(fetched) in said
    assert (dcmread(fetched).pixel_array == phantom.cine.frames).all()

    files = [out / name for name in ("sr.dcm", "seg.dcm", "page.dcm")]
    options = zip(("--sr", "--dicom-seg", "--dicom-pdf"), files, strict=True)
    run(
        "measure", fetched, "--model", tiny_model, "--width", "1", "--ed", 1, "--es", 9, "--json", out / "m.json",
        *(part for pair in options for part in pair),
    )  # fmt: skip
    preview = run("pacs", "send", address, *files)
    for part in ("structured report", "segmentation", "encapsulated PDF", PATIENT, NAME, "Nothing was sent"):
        assert part in preview, part
    assert orthanc.held("SR") == orthanc.held("SEG") == orthanc.held("DOC") == []

    said = run("pacs", "send", address, *files, "--send", "--json", tmp_path / "sent.json")
    assert said.count("sent: ") == 3
    assert json.loads((tmp_path / "sent.json").read_text())["sent"] is True
    held = {kind: [dcmread(io.BytesIO(data)) for data in orthanc.held(kind)] for kind in ("US", "SR", "SEG", "DOC")}
    assert {kind: len(found) for kind, found in held.items()} == {"US": 1, "SR": 1, "SEG": 1, "DOC": 1}
    assert len(orthanc.get("/studies")) == 1  # all of it lies in the study that the clip came from
    record = json.loads((out / "m.json").read_text())
    (report,) = held["SR"]
    assert record["ef_reliable"] is False  # the tiny network knows nothing
    assert numbers(report)["79993-2"] == (None, "114011")
    (seg,) = held["SEG"]
    assert seg.NumberOfFrames % phantom.cine.n_frames == 0
    assert np.frombuffer(seg.PixelData, np.uint8).any()
    (page,) = held["DOC"]
    assert page.EncapsulatedDocument.startswith(b"%PDF")
    for kind in ("SR", "SEG", "DOC"):
        path = tmp_path / f"{kind}.dcm"
        path.write_bytes(orthanc.held(kind)[0])
        assert dciodvfy(path) == []


def test_a_clip_that_is_there_already_is_kept(address, stored, tmp_path) -> None:
    with connect(find_archive(address)) as connection:
        (clip,) = find_clips(connection, ClipQuery(patient_id=PATIENT))
        path = tmp_path / f"{clip.instance_uid}.dcm"
        path.write_bytes(b"somebody's")
        assert fetch_clip(connection, clip, tmp_path) == path
    assert path.read_bytes() == b"somebody's"
