"""The Learn step: what others labelled comes in, looked at first."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from matae.store import Edit, FrameStatus, Study

from .data_makers import WAIT, exported, fill, looked_at, previewed, write

pytestmark = pytest.mark.gui


def test_an_import_lists_conflicts_first_and_leaves_them_alone(learn, qtbot, tmp_path):
    (content_id,) = fill(tmp_path / "study.sqlite", {"P1": write(tmp_path / "a.mha")}, frames=(6,))
    with Study.open(tmp_path / "study.sqlite") as study:
        study.backup(tmp_path / "copy.sqlite")
    fill(tmp_path / "study.sqlite", {"P1": tmp_path / "a.mha"}, frames=(1, 2))
    panel = learn()
    release = exported(qtbot, previewed(qtbot, panel))

    drawn = np.zeros((96, 112), np.uint8)
    drawn[10:30, 40:60] = 1
    with Study.open(tmp_path / "copy.sqlite", rater="bea") as study:  # another workplace, meanwhile
        study.put_edits(content_id, [Edit(1, drawn, 0, FrameStatus.EDITED)])
    panel = learn("copy.sqlite")
    dialog = looked_at(qtbot, panel, release.folder)
    first = dialog.clips.topLevelItem(0)
    assert [first.text(place) for place in range(4)] == ["a", "frame 2", "frame 3", "frame 7"]
    assert "1 differs from a manual label" in dialog.summary.text()
    dialog.rater.setText("anna")
    with qtbot.waitSignal(dialog.imported, timeout=WAIT) as done:
        dialog.import_button.click()
    assert (done.args[0].stored, done.args[0].conflicts) == (1, 1)
    assert "1 label stored." in dialog.result.text()
    assert "1 label of yours differs and was left as it is." in dialog.result.text()
    with Study.open(tmp_path / "copy.sqlite") as study:
        np.testing.assert_array_equal(study.mask(content_id, 1), drawn)
        assert study.frames(content_id)[2].rater == "anna"

    again = looked_at(qtbot, panel, release.folder)
    assert not again.import_button.isEnabled()
    assert again.import_button.toolTip() == "There is nothing new in it."


def test_what_is_no_training_data_is_refused_in_a_sentence(learn, qtbot, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    panel = learn()
    (tmp_path / "holiday").mkdir()
    with qtbot.waitSignal(panel.data.failed, timeout=WAIT) as failed:
        panel.data.look_at(tmp_path / "holiday")
    assert "choose the folder that holds the lists" in failed.args[0]
    assert panel.data.folder_button.isEnabled()


def test_classes_that_are_not_known_are_asked_for(learn, qtbot, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)).save(tmp_path / "p1.png")
    shapes = [
        {"label": name, "points": [[left, 10], [left + 20, 10], [left + 20, 40], [left, 40]], "shape_type": "polygon"}
        for name, left in (("blob", 10), ("thing", 50))
    ]
    (tmp_path / "p1.json").write_text(json.dumps({"shapes": shapes, "imagePath": "p1.png", "imageData": None}))
    panel = learn()
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        panel.data.look_at(tmp_path / "p1.json")
    question = opened.args[0]
    assert list(question.choices) == ["blob", "thing"]
    assert not question.go_button.isEnabled()
    question.choices["blob"].setCurrentText("left ventricular cavity")
    question.choices["thing"].setCurrentText("left out")
    with qtbot.waitSignal(panel.data.opened, timeout=WAIT) as opened:
        question.go_button.click()
    dialog = opened.args[0]
    assert dialog.notes.text() == "Classes read: 'blob' as left ventricular cavity, 'thing' as nothing."
    with qtbot.waitSignal(dialog.imported, timeout=WAIT) as done:
        dialog.import_button.click()
    assert done.args[0].stored == 1
    with Study.open(tmp_path / "study.sqlite") as study:
        mask = study.mask(study.cines()[0].content_id, 0)
    assert set(np.unique(mask)) == {0, 1}
    assert not mask[:, 45:].any()
