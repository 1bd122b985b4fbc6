"""Saving what was measured: the file, what cannot be written, and numbers that are of an outline no more."""

from __future__ import annotations

import json

import pytest

from matae.store.types import OverrideName

from .measure_makers import dicom_of, two_beats

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("suffix", [".pdf", ".json", ".csv"])
def test_what_was_measured_is_saved(bench, qtbot, tmp_path, suffix):
    bench.open(qtbot, *two_beats())
    measured = bench.measured(qtbot)
    path = tmp_path / "out" / f"heart{suffix}"
    button = bench.panel.report_button
    with qtbot.waitSignal(button.finished, timeout=30_000) as ended:
        button.save(path)
    assert ended.args == [True]
    assert "Saved heart" in bench.panel.words.text()
    data = path.read_bytes()
    if suffix == ".json":
        record = json.loads(data)
        assert record["ef_percent"] == pytest.approx(measured.ef.value, abs=1e-3)
        assert "Research use only" in record["research_use"]
    elif suffix == ".csv":
        assert data.count(b"\n") == 3
    else:
        assert data[:4] == b"%PDF"


def test_numbers_of_the_outline_before_are_neither_saved_nor_stored(bench, qtbot, tmp_path):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    panel, path = bench.panel, tmp_path / "heart.json"
    assert panel.stored._timer.isActive()
    outline = ((5.0, 5.0), (5.0, 90.0), (70.0, 90.0), (70.0, 5.0))
    bench.workspace.session.overrides.apply(OverrideName.SECTOR, outline)
    assert panel.content.isVisible()  # the frame on screen comes first
    assert not panel.stored._timer.isActive()
    panel.report_button.ask()
    assert "no numbers to save just now" in panel.words.text()
    panel.report_button.save(path)
    panel._send()
    assert not path.exists()
    assert not panel.report_button._worker.is_running
    assert not panel.sending
    bench.measured(qtbot)
    with qtbot.waitSignal(panel.report_button.finished, timeout=30_000):
        panel.report_button.save(path)
    assert path.exists()


def test_a_report_that_cannot_be_written_is_a_sentence(bench, qtbot, tmp_path):
    (tmp_path / "file").write_text("in the way")
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    button = bench.panel.report_button
    with qtbot.waitSignal(button.finished, timeout=30_000) as ended:
        button.save(tmp_path / "file" / "heart.json")
    assert ended.args == [False]
    assert bench.panel.words.text()
    assert button.isEnabled()
    bench.open(qtbot, *two_beats())
    assert bench.panel.words.isHidden(), "what was said of one clip stands over another"


def test_a_structured_report_of_a_clip_that_is_no_dicom_is_a_sentence(bench, qtbot, tmp_path):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    button = bench.panel.report_button
    with qtbot.waitSignal(button.finished, timeout=30_000) as ended:
        button.save(tmp_path / "heart.dcm")
    assert ended.args == [False]
    assert "no DICOM object can refer to it" in bench.panel.words.text()
    assert not (tmp_path / "heart.dcm").exists()


def test_a_structured_report_of_a_dicom_clip_is_saved(bench, qtbot, tmp_path):
    from pydicom import dcmread

    from matae.read import open_cine

    cine, masks = two_beats()
    made = dicom_of(cine, PatientID="P-0042")
    made.save_as(tmp_path / "heart.dcm", enforce_file_format=True)
    bench.open(qtbot, open_cine(tmp_path / "heart.dcm"), masks)
    bench.measured(qtbot)
    button = bench.panel.report_button
    with qtbot.waitSignal(button.finished, timeout=30_000) as ended:
        button.save(tmp_path / "heart_report.dcm")
    assert ended.args == [True], bench.panel.words.text()
    assert "names the patient" in bench.panel.words.text()
    assert dcmread(tmp_path / "heart_report.dcm").PatientID == "P-0042"
