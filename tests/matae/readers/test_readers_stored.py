"""The two views of a subject in a study: found, refused with what there is, and measured from the stored masks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "measure"))

from measure_makers import beating

from matae.cine import Spacing
from matae.cli import app
from matae.errors import MeasureError, StoreError
from matae.measure import MeasureOptions, measure_cine, measure_two_views
from matae.read import open_cine
from matae.readers import find_stored_pair, measure_stored
from matae.store import Edit, FrameStatus, OverrideName, Study

AREAS = [1, 0.95, 0.85, 0.72, 0.6, 0.55, 0.6, 0.72, 0.85, 0.95, 1]


@pytest.fixture
def study(tmp_path):
    with Study.create(tmp_path / "hearts.matae", rater="anna") as made:
        yield made


def put(study: Study, folder: Path, name: str, view: str | None, day: str | None, *, factor: float = 1.0, masks=True):
    """Store a clip of subject p1, its masks drawn by a person, with its scale and rate."""
    made, outlines = beating([factor * area for area in AREAS], shape=(110, 100))
    frames = np.array(made.frames)
    frames[0, 0, 0] = sum(name.encode()) % 251  # no two clips show the same pixels
    np.save(folder / f"{name}.npy", frames)
    cine = open_cine(folder / f"{name}.npy")
    study.add_cine(cine, subject="p1")
    for key, value in ((OverrideName.SPACING, Spacing(1.0, 1.0)), (OverrideName.FRAME_RATE, 20.0)):
        study.set_override(cine.content_id, key, value)
    if view is not None:
        study.set_override(cine.content_id, OverrideName.VIEW, view)
    if day is not None:
        study.set_recorded(cine.content_id, day)
    if masks:
        edits = [Edit(t, mask.astype(np.uint8), 0, FrameStatus.ACCEPTED) for t, mask in enumerate(outlines)]
        study.put_edits(cine.content_id, edits)
    return cine


def test_nobody_and_nothing_are_refused(study, tmp_path) -> None:
    with pytest.raises(StoreError, match="no subject p1"):
        find_stored_pair(study, "p1")
    put(study, tmp_path, "four", "A4C", None)
    put(study, tmp_path, "two", "A2C", None, masks=False)
    with pytest.raises(MeasureError, match=r"p1 has 1 A4C and 0 A2C clips with masks .*four \(A4C\)\); name the two"):
        find_stored_pair(study, "p1")
    with pytest.raises(MeasureError, match="no clip with masks called two; name two of these: four"):
        find_stored_pair(study, "p1", ["four", "two"])


def test_the_latest_examination_with_both_views_counts(study, tmp_path) -> None:
    put(study, tmp_path, "four-old", "A4C", "2024-01-01")
    put(study, tmp_path, "two-old", "A2C", "2024-01-01", factor=0.9)
    four = put(study, tmp_path, "four", "A4C", "2025-01-01")
    two = put(study, tmp_path, "two", "A2C", "2025-01-01", factor=0.9)
    put(study, tmp_path, "four-last", "A4C", "2026-01-01")  # no second view of that day
    assert find_stored_pair(study, "p1") == (four.content_id, two.content_id)
    again = put(study, tmp_path, "four-again", "A4C", "2025-01-01")
    with pytest.raises(MeasureError, match="2 A4C and 1 A2C"):
        find_stored_pair(study, "p1")
    assert find_stored_pair(study, "p1", ["two", "four-again"]) == (again.content_id, two.content_id)


def test_a_rejected_frame_and_a_file_that_is_gone(study, tmp_path) -> None:
    cine = put(study, tmp_path, "four", None, None)
    study.set_status(cine.content_id, [0], FrameStatus.REJECTED)
    found = measure_stored(study, cine.content_id, "A4C")
    assert found.view == "A4C"  # what it counts as where nobody says
    assert not found.area_px[0] > 0  # the frame counts as one without a mask
    (tmp_path / "four.npy").unlink()
    with pytest.raises(MeasureError, match="four cannot be measured: its file is not where it was"):
        measure_stored(study, cine.content_id)


def test_the_command_measures_the_pair_as_two_measurements_of_its_masks_do(study, tmp_path) -> None:
    out = tmp_path / "found.json"
    four = put(study, tmp_path, "four", "A4C", None)
    two = put(study, tmp_path, "two", "A2C", None, factor=0.9)
    study.set_override(four.content_id, OverrideName.HEIGHT, 165)
    target = str(tmp_path / "hearts.matae")

    def run(*arguments: object):
        return CliRunner().invoke(app, ["measure", *map(str, arguments)], env={"COLUMNS": "200"})

    for wrong in (
        ("--study", target, "--json", out), ("--study", target, "--subject", "p1", "--json", out),
        ("--biplane", "--study", target, "--subject", "p1"), ("--json", out),
    ):  # fmt: skip
        assert run(*wrong).exit_code == 2, wrong
    asked = ("--biplane", "--study", target, "--subject", "p1", "--json", out)
    found = run(*asked, "--report", tmp_path / "page.pdf", "--weight", "60")
    assert found.exit_code == 0, found.output
    record = json.loads(out.read_text())
    expected = []
    for cine, view, factor in ((four, "A4C", 1.0), (two, "A2C", 0.9)):
        _, masks = beating([factor * area for area in AREAS], shape=(110, 100))
        from dataclasses import replace

        calibrated = replace(cine.with_frame_rate(20.0), spacing=Spacing(1.0, 1.0))
        expected.append(measure_cine(calibrated, masks, MeasureOptions(view=view)))
    views = measure_two_views(*expected)
    assert record["ef_percent"] == pytest.approx(views.ef.value, abs=0.01)
    assert record["edv_ml"] == pytest.approx(views.edv_ml, rel=1e-3)
    assert record["person"]["body_surface_m2"] == pytest.approx(1.6587, abs=1e-3)  # one size stored, one said
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
