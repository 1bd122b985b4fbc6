"""Cavity, wall and atrium through every layout: values and names kept, or one sentence on what has no place there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from exchange_makers import ED, ES, add_clip, cavity, labels

from matae.anatomy import CLASS_NAMES, STRUCTURES
from matae.exchange import plan_export, plan_import, run_export, run_import
from matae.exchange.registry import FORMATS
from matae.store import Edit, Study

NAMES = {str(value): name for value, name in enumerate(CLASS_NAMES, start=1)}


@pytest.fixture
def study(other: Study, tmp_path: Path) -> Study:
    add_clip(other, tmp_path / "a.dcm", classes=3, frames=(ED, ES))
    return other


@pytest.fixture
def of_the_cavity(other: Study, tmp_path: Path) -> Study:
    add_clip(other, tmp_path / "a.dcm", frames=(ED, ES))
    return other


def test_the_makers_draw_all_three() -> None:
    assert set(np.unique(cavity(ED, classes=3))) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", FORMATS)
def test_a_release_says_its_structures(study: Study, tmp_path: Path, name: str) -> None:
    plan = plan_export(study, name)
    alone = name == "echonet"
    kept = {"1": CLASS_NAMES[0]} if alone else NAMES
    assert dict(plan.fields)["structures"] == ", ".join(kept.values())
    said = [finding.sentence for finding in plan.findings if "EchoNet-Dynamic has room" in finding.sentence]
    sentence = (
        f"EchoNet-Dynamic has room for the tracing of the {CLASS_NAMES[0]} alone, so the {CLASS_NAMES[1]} and "
        f"{CLASS_NAMES[2]} will not leave; choose another format for all structures."
    )
    assert said == ([sentence] if alone else [])
    release = run_export(plan, tmp_path / "out")
    assert release.manifest["structures"] == kept
    with Study.create(tmp_path / "new.matae") as new:
        assert not run_import(plan_import(new, release.folder)).problems
        (masks,) = labels(new).values()
    found = {value for mask in masks.values() for value in np.unique(mask).tolist()} - {0}
    assert found == ({1} if alone else {1, 2, 3})


@pytest.mark.parametrize("name", FORMATS)
def test_a_release_of_the_cavity_says_nothing_of_structures(of_the_cavity: Study, tmp_path: Path, name: str) -> None:
    plan = plan_export(of_the_cavity, name)
    assert "structures" not in dict(plan.fields)
    assert "structures" not in run_export(plan, tmp_path / "out").manifest


def test_names_stand_where_a_layout_has_a_place_for_them(study: Study, tmp_path: Path) -> None:
    png = run_export(plan_export(study, "png"), tmp_path / "png").folder
    with (png / "classes.csv").open(newline="") as file:
        rows = [(row["value"], row["name"], row["code"], row["coding_scheme"]) for row in csv.DictReader(file)]
    assert rows == [(str(s.value), s.name, s.code, "SCT") for s in STRUCTURES]
    coco = run_export(plan_export(study, "coco"), tmp_path / "coco").folder
    (listed,) = [
        json.loads(path.read_text()) for path in coco.rglob("*.json") if "annotations" in json.loads(path.read_text())
    ]
    assert [(c["id"], c["name"]) for c in listed["categories"]] == [(s.value, s.name) for s in STRUCTURES]
    npz = run_export(plan_export(study, "npz"), tmp_path / "npz").folder
    with np.load(next(npz.rglob("*.npz")), allow_pickle=False) as arrays:
        assert arrays["class_names"].tolist() == list(CLASS_NAMES)
        assert arrays["class_values"].tolist() == [1, 2, 3]


def test_segments_have_the_codes_of_their_structures(study: Study, tmp_path: Path) -> None:
    import pydicom

    folder = run_export(plan_export(study, "dicom-seg"), tmp_path / "seg").folder
    files = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    segments = {
        (part.SegmentLabel, code.CodeValue, code.CodingSchemeDesignator)
        for file in files
        for part in getattr(file, "SegmentSequence", ())
        for code in part.SegmentedPropertyTypeCodeSequence
    }
    assert segments == {(s.name, s.code, "SCT") for s in STRUCTURES}


def test_the_cavity_of_an_export_has_the_same_volumes_whatever_else_is_drawn(
    study: Study, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = run_export(plan_export(study, "echonet"), tmp_path / "three").folder
    (content_id,) = labels(study)
    for t, info in study.frames(content_id).items():
        mask = study.mask(content_id, t)
        study.put_edits(content_id, [Edit(t, np.where(mask == 1, 1, 0), info.revision, info.status)])
    second = run_export(plan_export(study, "echonet"), tmp_path / "one").folder
    for name in ("FileList.csv", "VolumeTracings.csv"):
        assert (first / name).read_text() == (second / name).read_text()
