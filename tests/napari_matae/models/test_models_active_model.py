"""Which model is in use, and changing it."""

from __future__ import annotations

import pytest

from matae.models import current_model
from napari_matae.models.active_model import ActiveModel

from ..verdict.verdict_makers import second_model

pytestmark = pytest.mark.gui

WAIT = 60_000


@pytest.fixture
def active(make_workspace, tiny_model) -> ActiveModel:
    return ActiveModel(make_workspace(None))


def test_a_model_that_is_not_there_is_a_sentence(active, qtbot) -> None:
    before = active.name
    with qtbot.waitSignal(active.said, timeout=WAIT) as said:
        active.use("nobody", anyway=True)
    assert "nobody" in said.args[0]
    assert active.name == before


def test_without_one_before_there_is_nothing_to_go_back_to(active, qtbot) -> None:
    assert active.before == ""
    with qtbot.waitSignal(active.said, timeout=WAIT) as said:
        active.go_back()
    assert said.args[0]


def test_a_model_is_put_into_use_and_taken_back(active, qtbot, tmp_path) -> None:
    before = active.name
    second_model(tmp_path)
    with qtbot.waitSignals([active.changed, active.busy], timeout=WAIT):
        active.use("second", anyway=True)
    assert active.name == current_model() == "second"
    assert active.before == before
    qtbot.waitUntil(lambda: not active.is_busy, timeout=WAIT)
    with qtbot.waitSignal(active.changed, timeout=WAIT):
        active.go_back()
    assert active.name == before
