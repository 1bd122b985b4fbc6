"""study patient, check, status and migrate: who is unknown, who it is, and what an older study lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_makers import disc, make_cine, write_dicom
from typer.testing import CliRunner

from matae.cli import app
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study, SubjectSource


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MATAE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["study", *map(str, arguments)])
    assert done.exit_code == code, done.output
    # Where the database of the tests is named with its password, that is said first.
    return "".join(line for line in done.output.splitlines(keepends=True) if "a password on the command" not in line)


@pytest.fixture
def filled(target) -> str:
    """A study with two clips of nobody, named alike, and one that is known."""
    with Study.open(target) as study:
        for seed, folder in ((1, "a"), (2, "b")):
            cine = make_cine(seed, source=f"/d/{folder}/IM_0001.avi")
            study.add_as_stated(cine)
            study.put_edits(cine.content_id, [Edit(0, disc(), 0, FrameStatus.ACCEPTED)])
        study.add_cine(make_cine(3, source="/d/c/IM_0003.avi"), subject="s3")
    return target


def test_what_is_no_study_and_no_clip_is_one_line(filled, tmp_path) -> None:
    assert "study init" in run("patient", tmp_path / "none", code=1)
    assert "study init" in run("migrate", tmp_path / "none", code=1)
    assert "There is no clip IM_9" in run("patient", filled, "s1", "IM_9", code=1)
    assert "means several clips" in run("patient", filled, "s1", "IM_0001", code=1)
    run("patient", filled, "s1", code=2)
    run("patient", filled, "s1", "IM_0003", "--folder", "/d", code=2)


def test_without_a_code_the_unknown_are_listed(filled) -> None:
    lines = run("patient", filled).splitlines()
    assert len(lines) == 2
    for line, seed in zip(lines, (1, 2), strict=True):
        assert line.startswith("IM_0001 ")
        assert make_cine(seed).content_id[:12] in line
        assert "1 labelled" in line
        assert "nobody has said" in line
    assert "  of unknown patient        2" in run("status", filled)
    report = json.loads(run("status", filled, "--json"))
    assert report["n_unknown_patient"] == 2
    assert [cine["patient"] for cine in report["cines"]] == [None, None, "person"]


def test_clips_are_named_all_or_none(filled) -> None:
    first = make_cine(1).content_id
    run("patient", filled, "s1", first[:8], "IM_9", code=1)
    assert len(run("patient", filled).splitlines()) == 2
    said = run("patient", filled, "s1", first[:8], "/d/b/IM_0001.avi", "IM_0003.avi")
    assert said.count(" s1") == 3
    assert "The patient of every clip is known." in run("patient", filled)


def test_a_folder_is_named_for_clips_to_come(filled) -> None:
    assert "later show s7" in run("patient", filled, "s7", "--folder", "/d/a")
    with Study.open(filled) as study:
        assert study.add_as_stated(make_cine(8, source="/d/a/IM_8.avi")).subject == "s7"


def test_a_refusal_says_what_depends_on_it(filled) -> None:
    with Study.open(filled) as study:
        study.note_model_use("lv-1", "trained", [make_cine(3).content_id])
    assert "model lv-1 was trained with it" in run("patient", filled, "s4", "IM_0003", code=1)


@pytest.fixture
def guessed(target, tmp_path) -> str:
    """A study whose clips an earlier version named by their files: two that can be read again, two that cannot."""
    with Study.open(target) as study:
        for name, number in (("IM_0001", "4711"), ("IM_0002", "4711"), ("IM_0003", "")):
            path = write_dicom(tmp_path / f"{name}.dcm", PatientID=number)
            cine = replace(open_cine(path), patient=None)
            study.add_cine(cine, subject="P-0a1b2c", source=SubjectSource.GUESSED)
        study.add_cine(make_cine(5, source="/gone/IM_0005.dcm"), subject="P-0a1b2c", source=SubjectSource.GUESSED)
    return target


def test_check_notes_what_was_guessed_and_calls_it_sound(guessed) -> None:
    said = run("check", guessed)
    assert "Note: The patient of 4 clips was guessed from the file's name" in said
    assert "set by hand before" in said
    assert said.strip().endswith("is sound.")


def test_migrate_asks_the_files_and_says_what_is_left(guessed) -> None:
    said = run("migrate", guessed)
    with Study.open(guessed) as study:
        found = {cine.stem: cine for cine in study.cines()}
    assert found["IM_0001"].known_subject == found["IM_0002"].known_subject != "P-0a1b2c"
    assert found["IM_0001"].subject_source is SubjectSource.FILE
    assert [name for name, cine in found.items() if cine.known_subject is None] == ["IM_0003", "IM_0005"]
    assert "IM_0003: The file states no patient ID" in said
    assert "IM_0005: its file is not where it was" in said
    assert "4711" not in said
    assert "of 2 clips was guessed" in run("check", guessed)


def test_a_sound_study_has_nothing_to_mend(filled) -> None:
    for content_id in (make_cine(1).content_id, make_cine(2).content_id):
        run("patient", filled, "s1", content_id)
    assert "Note" not in run("check", filled)
    assert run("migrate", filled).strip() == "Nothing is left to mend."


def save_card(home: Path, study: Study, name: str, trained: list[str], *, digits: int = 20) -> None:
    """Register a model whose card says that it was retrained in a study."""
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(0)
    model = Matae(MataeConfig(channels=(8, 8, 16))).eval()
    facts = {
        "study": study.keyed("study", digits), "release": {"name": "retrain", "number": 1},
        "clips": [study.keyed(content_id, digits) for content_id in trained], "subjects": [],
    }  # fmt: skip
    card = ModelCard(
        name=name, family="matae", architecture=model.config.to_json(), grid=32,
        classes=("left ventricular cavity",), data="none", licence="BSD-3-Clause", training={"retrain": facts},
    )  # fmt: skip
    save(home / "models" / name, model, card)


@pytest.mark.parametrize("digits", [12, 20])
def test_migrate_notes_what_models_of_before_learnt_from(guessed, own_home, digits) -> None:
    with Study.open(guessed) as study:
        first = study.cines()[0].content_id
        save_card(own_home, study, "lv-old", [first], digits=digits)
    assert "It is not noted which clips lv-old learnt from" in run("check", guessed)
    said = run("migrate", guessed)
    assert "lv-old was trained or judged with 1 clip" in said
    assert "IM_0001 stays with P-0a1b2c: model lv-old was trained with it" in said
    with Study.open(guessed) as study:
        assert study.why_subject_is_fixed(first) == "model lv-old was trained with it"
    assert "lv-old learnt from" not in run("check", guessed)


def test_a_model_of_another_study_is_left_alone(guessed, own_home, tmp_path) -> None:
    with Study.create(tmp_path / "other.matae") as other:
        save_card(own_home, other, "lv-other", ["x"])
    assert "lv-other" not in run("check", guessed) + run("migrate", guessed)
    np.testing.assert_equal(len(run("patient", guessed).splitlines()), 2)
