"""Why nothing can be done with the study, with the next step."""

from __future__ import annotations

import pytest

from matae.store import Study
from napari_matae.workspace.study_ready import why_not_open, why_not_ready

pytestmark = pytest.mark.gui

WAIT = 60_000


def test_without_a_study_it_says_where_to_choose_one_and_what_for(make_workspace) -> None:
    workspace = make_workspace(None)
    assert why_not_open(workspace) == "No study is open: choose one or begin a new one in step 1."
    assert why_not_ready(workspace, "It is needed.").endswith("in step 1. It is needed.")


def test_one_that_cannot_be_opened_is_another_thing(make_workspace, qtbot, tmp_path) -> None:
    (tmp_path / "study.sqlite").write_bytes(b"no database at all" * 100)
    workspace = make_workspace("study.sqlite")
    qtbot.waitUntil(lambda: bool(workspace.link.connection.problem), timeout=WAIT)
    assert why_not_open(workspace).startswith("The study cannot be opened;")


def test_an_open_study_is_no_problem(make_workspace, qtbot, tmp_path) -> None:
    Study.create(tmp_path / "study.sqlite", rater="anna").close()
    workspace = make_workspace("study.sqlite")
    qtbot.waitUntil(lambda: bool(workspace.link.connection.opened_target), timeout=WAIT)
    assert why_not_open(workspace) == why_not_ready(workspace) == ""
