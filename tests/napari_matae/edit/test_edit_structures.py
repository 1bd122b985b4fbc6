"""Several structures on screen: which one the tools act on, and that no stroke takes what is another's."""

from __future__ import annotations

import numpy as np
import pytest

from matae.anatomy import CLASS_NAMES
from matae.segment import FrameMask
from matae.store import FrameStatus, Study
from napari_matae.review.structure_row import StructureRow

from ..conftest import disc, opened, proposals, settled


def heart(shape) -> np.ndarray:
    """Return a cavity (1) in a wall (2), and an atrium (3) below both."""
    centre = (shape[0] * 0.4, shape[1] / 2)
    mask = disc(shape, centre, 16) * 2
    mask[disc(shape, centre, 11) > 0] = 1
    mask[40:52, 30:50] = 3
    return mask.astype(np.uint8)


def propose(cine, session, frames=None) -> None:
    session.current.run = {"model": "three", "width": "1", "model_sha256": "ab" * 32}
    session.masks.begin_run()
    mask = heart(cine.shape)
    for t in range(cine.n_frames) if frames is None else frames:
        session.masks.receive(FrameMask(t, mask, mask, int((mask == 1).sum())))
    session.masks.end_run()


@pytest.fixture
def workspace(make_workspace, qtbot, cine):
    made = make_workspace()
    opened(qtbot, made, cine)
    propose(cine, made.session)
    made.said_here = []
    made.said.connect(made.said_here.append)
    return made


def stroke(workspace, frame: int, places, value: int | None = None) -> None:
    """Draw with the tool in use, as napari's brush does."""
    labels = workspace.session.current.labels
    workspace.session.seek(frame)
    for y, x in places:
        labels.paint((frame, y, x), labels.selected_label if value is None else value)
    workspace.session.settle()


def stroke_over_everything(workspace, frame: int, value: int) -> None:
    workspace.session.current.labels.brush_size = 250
    stroke(workspace, frame, [(30, 40)], value)


def test_a_cine_that_nobody_has_opened_has_nothing_to_choose(make_workspace) -> None:
    workspace = make_workspace(None)
    assert (workspace.structures.offered, workspace.structures.several) == ([1], False)
    workspace.structures.next()
    assert workspace.structures.value == 1


def test_masks_of_the_cavity_alone_show_no_choice(make_workspace, qtbot, cine) -> None:
    workspace = make_workspace()
    row = StructureRow(workspace.structures)
    qtbot.addWidget(row)
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    assert row.isHidden()
    assert workspace.structures.named("brush") == "brush"
    labels = workspace.session.current.labels
    workspace.tools.choose("brush")
    assert not labels.preserve_labels


def test_the_structures_of_the_masks_are_offered_by_name(workspace, qtbot) -> None:
    row = StructureRow(workspace.structures)
    qtbot.addWidget(row)
    assert not row.isHidden()
    shown = [row.box.itemText(place) for place in range(row.box.count())]
    assert shown == ["Left ventricular cavity", "Left ventricular myocardium", "Left atrium"]
    row.box.setCurrentIndex(2)
    row.box.activated.emit(2)
    assert workspace.structures.value == 3
    assert workspace.session.current.labels.selected_label == 3
    workspace.structures.next()
    assert (workspace.structures.value, row.box.currentIndex()) == (1, 0)


def test_a_structure_that_the_masks_lack_does_not_make_the_row_wider_than_the_dock(make_workspace, qtbot, cine) -> None:
    workspace = make_workspace()
    row = StructureRow(workspace.structures)
    qtbot.addWidget(row)
    opened(qtbot, workspace, cine)
    workspace.session.masks.begin_run()
    mask = np.where(heart(cine.shape) == 2, 0, heart(cine.shape)).astype(np.uint8)
    workspace.session.masks.receive(FrameMask(0, mask, mask, int((mask == 1).sum())))
    workspace.session.masks.end_run()
    assert row.box.itemText(1) == "Left ventricular myocardium (not in these masks)"
    row.show()  # Qt's combo box keeps the width of what it held as it was shown first
    assert row.minimumSizeHint().width() <= 321


def test_a_label_chosen_in_naparis_own_controls_is_the_structure(workspace) -> None:
    labels = workspace.session.current.labels
    labels.selected_label = 2
    assert workspace.structures.value == 2
    labels.selected_label = 0  # napari's way to rub out
    assert workspace.structures.value == 2


def test_naparis_plus_in_masks_of_one_structure_is_refused_with_a_word_until_it_is_meant(
    make_workspace, qtbot, cine
) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    said: list[str] = []
    workspace.said.connect(said.append)
    labels = workspace.session.current.labels
    labels.selected_label += 1
    assert labels.selected_label == workspace.structures.value == 1
    assert said[0].startswith(f"These masks have no {CLASS_NAMES[1]}: the tools still act on the {CLASS_NAMES[0]}.")
    assert len(said) == 1
    labels.selected_label += 1
    assert labels.selected_label == workspace.structures.value == 2
    assert said[-1] == f"The tools act on the {CLASS_NAMES[1]} now, which these masks did not have."


def test_naparis_plus_and_minus_walk_over_the_structures_there_are(workspace) -> None:
    labels, walked = workspace.session.current.labels, []
    for _ in range(3):
        labels.selected_label += 1
        walked.append((labels.selected_label, workspace.structures.value))
    assert walked == [(2, 2), (3, 3), (1, 1)]
    assert workspace.said_here[-1] == f"The tools act on the {CLASS_NAMES[0]}."


def test_a_structure_that_some_masks_lack_can_be_begun_in_review(make_workspace, qtbot, cine) -> None:
    workspace = make_workspace()
    row = StructureRow(workspace.structures)
    qtbot.addWidget(row)
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    workspace.structures.choose(3)
    shown = [row.box.itemText(place) for place in range(row.box.count())]
    assert shown == [
        "Left ventricular cavity", "Left ventricular myocardium (not in these masks)", "Left atrium",
    ]  # fmt: skip


def test_a_label_that_nobody_named_is_refused_with_a_word(workspace) -> None:
    labels = workspace.session.current.labels
    labels.selected_label = 9
    assert labels.selected_label == workspace.structures.value == 1
    assert workspace.said_here[0] == (
        f"Nothing is drawn with class 9, which has no name here; choose 1 ({CLASS_NAMES[0]}), 2 ({CLASS_NAMES[1]}), "
        f"3 ({CLASS_NAMES[2]})."
    )
    before = labels.data[4].copy()
    stroke_over_everything(workspace, 4, 9)
    np.testing.assert_array_equal(labels.data[4], before)
    assert workspace.session.current.status[4] is FrameStatus.MACHINE
    assert len(workspace.said_here) == 2


def test_a_class_that_the_study_has_may_be_drawn_though_it_has_no_name(make_workspace, qtbot, cine) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    mask = heart(cine.shape)
    mask[:3, :3] = 7
    workspace.session.masks.show_stored({0: (mask, FrameStatus.EDITED)})
    assert workspace.structures.offered == [1, 2, 3, 7]
    workspace.structures.choose(7)
    stroke(workspace, 0, [(2, 5)])
    assert workspace.session.current.mask(0)[2, 5] == 7


@pytest.mark.parametrize(
    ("value", "taken"), [(1, {0, 1, 2, 3}), (2, {0, 2}), (3, {0, 2, 3})], ids=["cavity", "wall", "atrium"]
)
@pytest.mark.parametrize("protected", [True, False], ids=["with the brush of the dock", "by a script"])
def test_a_brush_takes_what_anatomy_gives_its_structure(workspace, cine, value, taken, protected) -> None:
    before = heart(cine.shape)
    if protected:
        workspace.structures.choose(value)
        workspace.tools.choose("brush")
    stroke_over_everything(workspace, 2, value)
    after = workspace.session.current.mask(2)
    for was in range(4):
        assert (after[before == was] == (value if was in taken else was)).all(), was
    assert workspace.undo_stack.n_undo == 1
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(workspace.session.current.mask(2), before)


def test_what_a_stroke_did_not_take_is_said(workspace) -> None:
    workspace.structures.choose(3)
    workspace.tools.choose("brush")
    stroke(workspace, 2, [(24, 40)])
    assert workspace.said_here == ["The cavity keeps its place: the left atrium is drawn beside it."]
    assert workspace.undo_stack.n_undo == 0


@pytest.mark.parametrize("value", [1, 2, 3])
def test_the_eraser_takes_away_the_chosen_structure_alone(workspace, cine, value) -> None:
    before = heart(cine.shape)
    workspace.structures.choose(value)
    workspace.tools.choose("eraser")
    stroke_over_everything(workspace, 2, 0)
    np.testing.assert_array_equal(workspace.session.current.mask(2), np.where(before == value, 0, before))


def test_a_stroke_says_in_the_study_which_structure_it_drew(workspace, qtbot, cine, tmp_path) -> None:
    workspace.structures.choose(3)
    workspace.tools.choose("brush")
    stroke(workspace, 5, [(55, 40)])
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        info = study.frames(cine.content_id)[5]
        assert study.history(cine.content_id, 5)[-1].note == "brush (left atrium)"
        assert info.area == int((heart(cine.shape) == 1).sum())
        np.testing.assert_array_equal(study.mask(cine.content_id, 5), workspace.session.current.mask(5))


def test_handles_are_the_cavitys(workspace) -> None:
    workspace.structures.choose(2)
    workspace.tools.choose("handles")
    assert (workspace.tools.tool, workspace.structures.value) == ("handles", 1)
    workspace.structures.choose(3)
    assert workspace.tools.tool == "move"


@pytest.mark.parametrize("value", [1, 2, 3])
def test_mending_acts_on_the_chosen_structure(workspace, cine, value) -> None:
    current = workspace.session.current
    speck = current.mask(3).copy()
    speck[2:4, 2:4] = value
    workspace.session.masks.change("speck", {3: speck})
    workspace.session.seek(3)
    for other in {1, 2, 3} - {value}:
        workspace.structures.choose(other)
        workspace.actions.keep_largest()
        np.testing.assert_array_equal(current.mask(3), speck)
    workspace.structures.choose(value)
    workspace.actions.keep_largest()
    np.testing.assert_array_equal(current.mask(3), heart(cine.shape))


@pytest.mark.parametrize("value", [1, 2, 3])
def test_frames_between_two_take_the_chosen_structure_and_keep_the_others(workspace, qtbot, cine, value) -> None:
    session = workspace.session
    moved = np.roll(heart(cine.shape), 1, axis=1)
    session.masks.change("drawn", {0: moved, 4: moved})
    session.seek(2)
    workspace.actions.whole = False
    workspace.structures.choose(value)
    with qtbot.waitSignal(workspace.preview.finished):
        workspace.actions.interpolate()
    workspace.preview.apply()
    now, before = session.current.mask(2), heart(cine.shape)
    assert (now == value).sum() > 0.8 * (moved == value).sum()
    keeps = {1: (), 2: (1, 3), 3: (1,)}[value]
    for other in keeps:
        assert ((now == other) == (before == other)).all()
    name = workspace.structures.name
    assert workspace.undo_stack.undo_text == f"interpolation ({name})"


@pytest.mark.parametrize("deed", ["interpolate", "propagate", "copy"])
def test_all_structures_go_together_and_a_class_without_a_name_stays(workspace, qtbot, cine, deed) -> None:
    session = workspace.session
    moved = np.roll(heart(cine.shape), 2, axis=1)
    marked = heart(cine.shape)
    marked[20:26, 30:36] = 9
    session.masks.change("drawn", {0: moved, 4: moved})
    session.masks.show_stored({1: (marked, FrameStatus.MACHINE)})
    session.seek(1 if deed == "copy" else 0 if deed == "propagate" else 2)
    if deed == "copy":
        workspace.actions.copy(-1)
    else:
        with qtbot.waitSignal(workspace.preview.finished):
            getattr(workspace.actions, deed)()
        workspace.preview.apply()
    now = session.current.mask(1)
    np.testing.assert_array_equal(now == 9, marked == 9)
    found = [int((now == value).sum()) for value in (1, 2, 3)]
    assert min(found) > 100
    if deed != "propagate":  # noise does not say where a heart goes
        for value in (1, 2, 3):
            wanted = (moved == value) & (marked != 9)
            assert 2 * ((now == value) & wanted).sum() > 0.95 * ((now == value).sum() + wanted.sum())
    text = {"copy": "copy of frame 1", "interpolate": "interpolation", "propagate": "propagation"}[deed]
    assert workspace.undo_stack.undo_text == text
    workspace.undo_stack.undo()
    np.testing.assert_array_equal(session.current.mask(1), marked)


def test_another_cine_begins_with_its_cavity(workspace, qtbot) -> None:
    from ..conftest import make_cine

    workspace.structures.choose(3)
    other = make_cine(seed=5)
    opened(qtbot, workspace, other)
    assert (workspace.structures.value, workspace.structures.offered) == (1, [1])
    proposals(other, workspace.session)
    assert workspace.session.current.labels.selected_label == 1
