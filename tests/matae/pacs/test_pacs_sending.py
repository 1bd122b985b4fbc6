"""What may go back to an archive, and to which."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from clinic_makers import numbers, phantom_dataset, save
from pydicom import dcmread
from typer.testing import CliRunner

from matae.cli import app
from matae.clinic import make_report, read_source, write_dicom
from matae.errors import ExchangeError, PacsError
from matae.measure import measure_cine
from matae.pacs import connect, find_archive, send
from matae.read import open_cine

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset


@pytest.fixture
def report(phantom, tmp_path):
    """Return a report on a clip, and the file of that clip."""
    clip = save(phantom_dataset(phantom), tmp_path / "clip.dcm")
    cine = open_cine(clip)
    write_dicom(tmp_path / "sr.dcm", make_report(measure_cine(cine, phantom.masks), read_source(cine)))
    return tmp_path / "sr.dcm", clip


def test_a_clip_never_leaves_and_nothing_else_with_it(orthanc, report) -> None:
    path, clip = report
    orthanc.put(clip)
    with connect(find_archive(orthanc.web)) as connection, pytest.raises(ExchangeError, match="only what was made"):
        send(connection, [path, clip])
    assert orthanc.held("SR") == []


@pytest.mark.parametrize("protocol", ["web", "dimse"])
def test_an_archive_without_the_study_gets_nothing(orthanc, report, protocol) -> None:
    with (
        connect(find_archive(getattr(orthanc, protocol))) as connection,
        pytest.raises(PacsError, match=r"holds no study.*Nothing was sent"),
    ):
        send(connection, [report[0]])
    assert orthanc.get("/instances") == []


@pytest.mark.parametrize("protocol", ["web", "dimse"])
def test_a_report_for_another_patient_is_not_sent(orthanc, report, protocol) -> None:
    path, clip = report
    orthanc.put(clip)
    changed = dcmread(path)
    changed.PatientID = "P-0043"
    changed.save_as(path)
    with (
        connect(find_archive(getattr(orthanc, protocol))) as connection,
        pytest.raises(PacsError, match=r"for another patient ID.*Nothing was sent"),
    ):
        send(connection, [path])
    assert orthanc.held("SR") == []


@pytest.mark.parametrize("protocol", ["web", "dimse"])
def test_a_report_arrives_value_by_value(orthanc, report, protocol) -> None:
    path, clip = report
    orthanc.put(clip)
    with connect(find_archive(getattr(orthanc, protocol))) as connection:
        assert [one.kind for one in send(connection, [path])] == ["structured report"]
    (data,) = orthanc.held("SR")
    there, here = numbers(dcmread(io.BytesIO(data))), numbers(dcmread(path))
    assert there == here
    assert here["79993-2"][0] > 0


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of pynetdicom, as nobody listens
def test_the_preview_needs_no_archive_and_sends_nothing(report, tmp_path) -> None:
    asked = ["pacs", "send", "dimse://NOBODY@127.0.0.1:1", str(report[0]), "--json", str(tmp_path / "what.json")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "Nothing was sent. With --send these 1 go to NOBODY at 127.0.0.1:1." in done.output
    assert '"sent": false' in (tmp_path / "what.json").read_text()
    done = CliRunner().invoke(app, [*asked, "--send"])
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
    assert '"sent": false' in (tmp_path / "what.json").read_text()


class Taking:
    """An archive in memory that holds the study of a report, and takes one object before its disk is full."""

    def __init__(self, path: Path) -> None:
        self.header, self.taken = dcmread(path), []

    def find(self, _level: str, _keys: dict[str, str]) -> list[Dataset]:
        return [self.header]

    def store(self, path: Path) -> None:
        if self.taken:
            raise PacsError("archive could not store it (status A700H); ask whoever runs the archive.")
        self.taken.append(path)


def test_what_had_left_is_told_where_the_rest_could_not(report, tmp_path) -> None:
    path, _ = report
    second = shutil.copy(path, tmp_path / "second.dcm")
    archive, told = Taking(path), []
    with pytest.raises(PacsError, match=r"\(status A700H\).*\. Sent before that: sr\.dcm\.$"):
        send(archive, [path, second], sent=told.append)
    assert [one.file for one in told] == ["sr.dcm"]


def test_a_transfer_that_is_stopped_says_what_had_left(report, tmp_path) -> None:
    path, _ = report
    second = shutil.copy(path, tmp_path / "second.dcm")
    archive = Taking(path)
    with pytest.raises(PacsError, match=r"^Stopped; .*Nothing was sent\.$"):
        send(archive, [path, second], should_stop=lambda: True)
    with pytest.raises(PacsError, match=r"^Stopped; .*Sent before that: sr\.dcm\.$"):
        send(archive, [path, second], should_stop=lambda: bool(archive.taken))
    assert archive.taken == [path]


def test_the_record_of_the_command_says_what_had_left(report, tmp_path, monkeypatch) -> None:
    path, _ = report
    second = shutil.copy(path, tmp_path / "second.dcm")
    monkeypatch.setattr("matae.pacs.connect", lambda _: nullcontext(Taking(path)))
    asked = ["pacs", "send", "dimse://A@127.0.0.1:1", str(path), str(second), "--send"]
    done = CliRunner().invoke(app, [*asked, "--json", str(tmp_path / "what.json")])
    assert done.exit_code == 1
    record = json.loads((tmp_path / "what.json").read_text())
    assert record["sent"] is False
    assert [one["sent"] for one in record["objects"]] == [True, False]
