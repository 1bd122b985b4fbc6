"""The pictures of an export: those to be looked at first, and a tick only when all of them were on screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from matae.exchange import ExportOptions, Finding, Preview
from napari_matae.exchange.export_pictures import ExportPictures, _drawn
from napari_matae.exchange.tasks import ExportChoice, PreparedExport

pytestmark = pytest.mark.gui


def prepared(count: int, odd: tuple[int, ...] = ()) -> PreparedExport:
    picture, mask = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    mask[5:10, 5:10] = 1
    previews = tuple(Preview(f"clip-{n}", f"id{n}", 0, picture, mask, 0.25) for n in range(count))
    findings = tuple(Finding("text", "Text seems to be here.", f"id{n}") for n in odd)
    plan = SimpleNamespace(previews=previews, findings=findings, clips=[0] * count)
    before = {f"id{n}": np.zeros((20, 30, 3), np.uint8) for n in range(count)}
    return PreparedExport("study", ExportChoice(ExportOptions(), Path("out")), plan, before, {"id0": "mine"}, None)


def make(qtbot, *arguments) -> ExportPictures:
    made = ExportPictures(prepared(*arguments))
    qtbot.addWidget(made)
    return made


def test_nothing_to_show_is_all_seen(qtbot) -> None:
    pictures = make(qtbot, 0)
    assert pictures.all_seen
    assert pictures.where.text() == ""
    assert pictures.more_button.isHidden()


def test_what_needs_a_look_comes_first(qtbot) -> None:
    pictures = make(qtbot, 8, (7,))
    assert pictures._previews[0].clip == "id7"
    assert pictures.all_seen  # it is on the first page
    assert pictures.where.text() == "1 to 6 of 8 clips"


def test_all_pages_with_something_odd_have_to_be_turned(qtbot) -> None:
    pictures = make(qtbot, 8, tuple(range(8)))
    assert not pictures.all_seen
    assert not pictures.back_button.isEnabled()
    with qtbot.waitSignal(pictures.page_changed):
        pictures.more_button.click()
    assert pictures.all_seen
    assert pictures.where.text() == "7 to 8 of 8 clips"
    pictures.turn(5)
    assert not pictures.more_button.isEnabled()


def test_the_outline_of_a_clip_that_others_read_blind_is_not_drawn(qtbot) -> None:
    shown = replace(prepared(2), hidden=frozenset({"id1"}))
    pictures = ExportPictures(shown)
    qtbot.addWidget(pictures)
    drawn = [_drawn(preview, outlined=preview.clip not in shown.hidden) for preview in shown.plan.previews]
    assert drawn[0].any()
    assert not drawn[1].any()
    texts = [label.text() for label in pictures.findChildren(QLabel)]
    assert sum("others read this clip blind" in text for text in texts) == 1
