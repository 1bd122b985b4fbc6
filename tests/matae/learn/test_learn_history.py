"""Runs that are kept: what can be gone on with, and verdicts that can be read again."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from learn_makers import BASE

from matae.errors import TrainError
from matae.learn import RetrainOptions, Verdict, finished_runs, unfinished_runs
from matae.learn.folders import PLAN, VERDICT, runs_home
from matae.learn.plan import Plan, code_of
from matae.learn.verdict import BETTER, WORSE, MinutesSaved, Side
from matae.store import Study

SIDE = Side("held-out patients", ("val",), 0, 0, {}, ())
TOLD = Verdict("made", BASE, SIDE, SIDE, None, False, MinutesSaved(None, 0, "No."), BETTER, "It is.")


def keep(study: Study, name: str, verdict: Verdict | None = None, *, second: int = 0) -> Path:
    folder = runs_home() / name
    Plan(RetrainOptions(base=BASE, name=name), code_of(study)).write(folder)
    if verdict is not None:
        (folder / VERDICT).write_text(json.dumps(verdict.to_json()))
        os.utime(folder / VERDICT, (second, second))
    return folder


def test_a_study_without_runs(empty_study: Study, matae_home: Path) -> None:
    assert finished_runs(empty_study) == []
    assert unfinished_runs(empty_study) == []


def test_verdicts_are_read_again_the_newest_last(empty_study: Study, matae_home: Path) -> None:
    # Begun first, judged last: it went on later.
    keep(empty_study, "1-first", replace(TOLD, name="late", outcome=WORSE), second=200)
    keep(empty_study, "2-second", TOLD, second=100)
    waiting = keep(empty_study, "3-waits")
    early, late = finished_runs(empty_study)
    assert (early.name, early.against, early.outcome) == ("made", BASE, BETTER)
    assert (late.name, late.outcome) == ("late", WORSE)
    assert early.time == datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC)
    assert early.verdict() == TOLD
    assert [info.folder for info in unfinished_runs(empty_study)] == [waiting]


def test_runs_of_earlier_versions_which_wrote_short_codes_are_the_studys(empty_study: Study, matae_home: Path) -> None:
    early, other = (keep(empty_study, name) for name in ("1-early", "2-other"))
    Plan(RetrainOptions(base=BASE, name="early"), code_of(empty_study)[:12]).write(early)
    Plan(RetrainOptions(base=BASE, name="other"), "0" * 12).write(other)
    assert [info.folder for info in unfinished_runs(empty_study)] == [early]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "x"}', "\xff"])
def test_damaged_verdicts_are_left_out_and_said(empty_study: Study, matae_home: Path, text: str) -> None:
    folder = keep(empty_study, "run", TOLD)
    (found,) = finished_runs(empty_study)
    (folder / VERDICT).write_text(text, encoding="latin-1")
    assert finished_runs(empty_study) == []
    with pytest.raises(TrainError, match="The verdict of the run run is gone or damaged"):
        found.verdict()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"options": 1, "study": "x", "release": null, "steps": 0}'])
def test_damaged_plans_are_passed_over(empty_study: Study, matae_home: Path, text: str) -> None:
    folder = keep(empty_study, "run", TOLD)
    (folder / PLAN).write_text(text)
    assert finished_runs(empty_study) == []
    with pytest.raises(TrainError, match="The plan of the run run is damaged"):
        Plan.read(folder)


def test_runs_of_another_study_are_nobodys_business(empty_study: Study, tmp_path: Path, matae_home: Path) -> None:
    keep(empty_study, "run", TOLD)
    with Study.create(tmp_path / "other.matae") as other:
        assert finished_runs(other) == []
        with pytest.raises(TrainError, match="belongs to another study"):
            Plan(RetrainOptions(), code_of(empty_study)).check_study(other)
