"""``retrain`` and the commands of the models in use."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from learn_makers import BASE
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import TrainError
from matae.learn import RetrainOptions
from matae.learn.forecast import LearntFrom
from matae.learn.history import runs_of
from matae.learn.plan import start_run
from matae.learn.run_lock import claim
from matae.models import current_model, find_model
from matae.nn.checkpoint import load
from matae.store import Study


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def no_training(*_: object, **__: object) -> None:
    raise TrainError("Not today; come back tomorrow.")


@pytest.fixture
def file(study: Study) -> Path:
    return Path(study.target)


def test_wrong_use_and_refusals(tmp_path: Path, base: str, empty_study: Study) -> None:
    run("retrain", code=2)
    target = empty_study.target
    assert "choose quick or full" in run("retrain", "--study", target, "--base", BASE, "--kind", "slow", code=1)
    assert "0 corrected frames" in run("retrain", "--study", target, "--base", BASE, code=1)
    assert "is no run" in run("retrain", "--study", target, "--resume", tmp_path, code=1)
    assert "No model was in use before" in run("models", "rollback", code=1)
    assert "nobody has compared" in run("models", "promote", BASE, code=1)
    assert "No held-out patient" in run("models", "compare", BASE, BASE, "--study", target, code=1)
    assert "the side 'val'" in run("models", "compare", BASE, BASE, "--study", target, "--split", "val", code=1)
    assert not (tmp_path / "home" / "runs").exists()


def test_who_was_killed_finds_the_run_again_and_what_more_frames_bring(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = start_run(study, RetrainOptions(base=BASE, steps=1, replay="none", name="killed"))
    retrain = ["retrain", "--study", study.target, "--base", BASE, "--kind", "quick", "--steps", 1, "--replay", "none"]
    with claim(killed), monkeypatch.context() as patched:
        patched.setattr("matae.learn.run.go_on", no_training)  # what is said before it begins is what is looked at
        assert "An earlier run" not in run(*retrain, "--name", "other", code=1)
    said = run(*retrain, "--name", "third")
    assert f"An earlier run, killed, has no verdict; go on with --resume {killed} or delete it with --discard\n" in said
    (own,) = [folder for folder, plan in runs_of(study) if plan.options.name == "third"]
    assert f"If this is stopped or killed, go on with --resume {own}\n" in said
    assert "more corrected frames" not in said  # two retrainings, and from as many frames
    points = [LearntFrom(10, 0.85), LearntFrom(20, 0.88), LearntFrom(40, 0.90)]
    asked: list[RetrainOptions] = []
    monkeypatch.setattr("matae.learn.forecast.earlier_points", lambda _, options: asked.append(options) or points)
    said = run("retrain", "--study", study.target, "--resume", killed)
    assert "An earlier run" not in said
    assert "20 more corrected frames should bring the Dice of held-out patients from 0.900 to" in said
    assert asked[0].name == "killed"  # the run's own base and kind, not those of the command


def test_the_run_in_which_one_stands_is_deleted(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = start_run(study, RetrainOptions(base=BASE, steps=1, replay="none", name="left"))
    monkeypatch.chdir(left)
    said = run("retrain", "--study", study.target, "--discard", ".")
    monkeypatch.chdir(tmp_path)
    assert f"The run {left.name}, which was to make left, is deleted" in said
    assert not left.exists()


def test_an_abandoned_run_is_deleted_and_named_no_more(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RetrainOptions(base=BASE, steps=1, replay="none")
    left, other = (start_run(study, replace(options, name=name)) for name in ("left", "other"))
    retrain = ["retrain", "--study", study.target]
    assert "is no run" in run(*retrain, "--discard", tmp_path, code=1)
    shutil.copytree(left, tmp_path / "work" / "copy")
    (tmp_path / "work" / "copy" / "thesis.txt").write_text("the only one")
    assert "where retrain makes its runs" in run(*retrain, "--discard", tmp_path / "work" / "copy", code=1)
    assert (tmp_path / "work" / "copy" / "thesis.txt").exists()
    run(*retrain, "--discard", left, "--resume", left, code=2)
    Study.create(tmp_path / "another.matae").close()
    assert "another study" in run("retrain", "--study", tmp_path / "another.matae", "--discard", left, code=1)
    with claim(left):
        assert "is under way" in run(*retrain, "--discard", left, code=1)
    assert left.exists()
    assert "which was to make left, is deleted" in run(*retrain, "--discard", left)
    assert not left.exists()
    run(*retrain, "--resume", other)
    assert "has its verdict" in run(*retrain, "--discard", other, code=1)
    monkeypatch.setattr("matae.learn.run.go_on", no_training)
    assert "An earlier run" not in run(*retrain, "--base", BASE, "--steps", 1, "--replay", "none", code=1)


def test_from_corrections_to_use_and_back(file: Path, base: str, tmp_path: Path) -> None:
    out = tmp_path / "verdict.json"
    run("models", "promote", BASE, "--anyway")  # what the new one is compared with
    said = run("retrain", "--study", file, "--base", BASE, "--kind", "quick", "--steps", 20, "--replay", "none",
               "--name", "mine", "--device", "cpu", "--json", out)  # fmt: skip
    assert "checked on 9 frames of 3 held-out patients, 0 replay frames" in said
    assert "Held-out patients, never learnt from: accuracy" in said
    assert "Agreement with your edits on training patients" in said
    verdict = json.loads(out.read_text())
    assert verdict["name"] == "mine"
    assert verdict["sentence"] in said
    assert set(verdict["held_out"]["figures"]) >= {"dice", "iou", "pixel_accuracy", "hd95", "ef_error"}
    assert find_model("mine").card.figures["verdict"]["sentence"] == verdict["sentence"]
    # Once more is the same verdict; it is put into use only where it says so.
    (again,) = (tmp_path / "home" / "runs").iterdir()
    said = run("retrain", "--study", file, "--resume", again, "--promote", code=0 if verdict["offered"] else 1)
    assert verdict["sentence"] in said
    if not verdict["offered"]:
        assert "mine was not put into use" in said
        unclear = verdict["outcome"] == "no clear difference"
        assert ("--by-choice takes it" in run("models", "promote", "mine", "--study", file, code=1)) is unclear
        insist = ["--by-choice", "--study", file] if unclear else ["--anyway"]
        run("models", "promote", "mine", *insist)
    with claim(again):
        assert "is under way in another window" in run("retrain", "--study", file, "--resume", again, code=1)
    assert current_model() == "mine"
    assert "mine" in run("models", "list").splitlines()[1]
    assert "in use" in run("models", "list").splitlines()[1]
    assert f"{BASE} is in use again" in run("models", "rollback")
    compared = tmp_path / "compared.json"
    run("models", "compare", BASE, "mine", "--study", file, "--device", "cpu", "--json", compared)
    again = json.loads(compared.read_text())
    assert again["held_out"]["figures"]["dice"] == verdict["held_out"]["figures"]["dice"]
    run("models", "convert", "mine", "--width", "1/2", "--out", tmp_path / "small")
    assert load(tmp_path / "small")[1].widths == (1.0,)
    assert "models learnt from a and will be removed" in run("study", "forget", file, "a", "--yes", "--no-retrain")
    assert "There is no model 'mine'" in run("models", "show", "mine", code=1)
