"""Clips of unknown patient: hidden while there is none, said in the right number."""

from __future__ import annotations

import numpy as np
import pytest

from matae.phantom import make_phantom
from matae.store import Edit, FrameStatus, Study
from napari_matae.exchange.tasks import overview
from napari_matae.exchange.unknown_patients import UnknownPatients

pytestmark = pytest.mark.gui

WAIT = 60_000


@pytest.fixture
def listed(make_workspace, qtbot, tmp_path) -> UnknownPatients:
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        for seed in (1, 2):
            phantom = make_phantom(seed=seed, n_frames=3, shape=(64, 80))
            study.add_cine(phantom.cine)
            study.put_edits(
                phantom.cine.content_id, [Edit(0, (phantom.masks[0] == 1).astype(np.uint8), 0, FrameStatus.ACCEPTED)]
            )
    workspace = make_workspace("study.sqlite")
    qtbot.waitUntil(lambda: bool(workspace.link.connection.name), timeout=WAIT)
    made = UnknownPatients(workspace.link)
    qtbot.addWidget(made)
    return made


def test_nothing_unknown_is_nothing_shown(listed) -> None:
    listed.show_cines(())
    assert listed.isHidden()


def test_selected_clips_get_a_code(listed, qtbot, tmp_path) -> None:
    found = overview(str(tmp_path / "study.sqlite")).unknown
    listed.show_cines(found)
    assert not listed.isHidden()
    assert "2 clips of unknown patient" in listed.sentence.text()
    assert "each shows" in listed.sentence.text()
    assert listed.selected == []
    listed.list.topLevelItem(0).setSelected(True)
    assert listed.selected == [found[0].content_id]
    listed.code.code.setText("P7")
    with qtbot.waitSignal(listed.named, timeout=WAIT):
        listed.code.give()
    left = overview(str(tmp_path / "study.sqlite")).unknown
    assert [cine.content_id for cine in left] == [found[1].content_id]
    listed.show_cines(left)
    assert "1 clip of unknown patient" in listed.sentence.text()
    assert "it shows" in listed.sentence.text()
