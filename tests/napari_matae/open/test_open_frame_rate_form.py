"""A rate the file does not state is asked for; the answer can be taken back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.cine import Cine
from matae.store.types import OverrideName
from napari_matae.open.frame_rate_form import RateQuestion


@pytest.fixture
def untimed(tmp_path) -> Cine:
    return Cine(np.zeros((4, 40, 40), np.uint8), None, None, tmp_path / "clip.avi")


@pytest.fixture
def question(qtbot, session):
    made = RateQuestion(session)
    qtbot.addWidget(made)
    return made


def test_nothing_is_asked_without_a_cine_or_where_the_file_says_it(question, session, cine):
    question.ask(None)
    assert question.isHidden()
    session.open(cine)
    question.ask(session.current)
    assert question.isHidden()
    question.button.click()
    assert OverrideName.FRAME_RATE not in session.current.overrides


def test_a_rate_is_never_guessed(question, session, untimed):
    session.open(untimed)
    question.ask(session.current)
    assert not question.isHidden()
    assert question.candidates.isHidden()
    question.button.click()  # nothing chosen yet
    assert session.current.cine.frame_times is None


def test_one_of_the_files_own_is_taken_and_given_back(question, session, untimed):
    session.open(replace(untimed, info={"frame_rate_candidates": {"CineRate": 50.0, "FrameTime": 40.0}}))
    question.ask(session.current)
    assert [question.candidates.itemText(k) for k in (1, 2)] == ["50.00 Hz (CineRate)", "40.00 Hz (FrameTime)"]
    question.candidates.setCurrentIndex(2)
    question.candidates.activated.emit(2)
    question.button.click()
    assert session.current.cine.frame_rate == pytest.approx(40.0)
    question.ask(session.current)
    assert "40.00 Hz" in question.text.text()
    question.forget_button.click()
    assert session.current.cine.frame_times is None
