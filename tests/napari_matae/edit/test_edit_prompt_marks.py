"""Where was clicked: no layer for nothing, a symbol for each meaning, and the masks' layer stays the chosen one."""

from __future__ import annotations

from matae.prompt import Prompts
from napari_matae.edit.prompt_marks import PromptMarks

from ..conftest import make_cine

THREE = ((12.0, 40.0), (48.0, 30.0), (48.0, 50.0))


def shown(session):
    return [layer for layer in session.viewer.layers if layer.name == "Clicks"]


def test_nothing_is_shown_without_a_clip_or_a_click(session, qtbot):
    marks = PromptMarks(session)
    marks.show(THREE[:1], None)
    assert shown(session) == []
    session.open(make_cine(2))
    marks.show((), None)
    marks.show((), Prompts())
    marks.remove()
    assert shown(session) == []


def test_each_click_says_what_it_means_and_the_masks_stay_chosen(session, qtbot):
    current = session.open(make_cine(2))
    session.masks.ensure_labels()
    selection = session.viewer.layers.selection
    selection.active = current.labels
    marks = PromptMarks(session)
    marks.show(THREE[:2], None)
    assert [str(symbol) for symbol in shown(session)[0].symbol] == ["disc", "square"]
    given = Prompts.three(*THREE).clicked((20.0, 41.0), inside=True).clicked((55.0, 10.0), inside=False)
    marks.show((), given)
    (layer,) = shown(session)
    assert [str(symbol) for symbol in layer.symbol] == ["disc", "square", "square", "cross", "x"]
    assert layer.data.tolist() == [list(at) for at in (*THREE, (20.0, 41.0), (55.0, 10.0))]
    assert selection.active is current.labels
    session.viewer.layers.remove(layer)  # by hand
    marks.show((), Prompts(box=(5.0, 6.0, 30.0, 40.0)))
    assert shown(session)[0].data.tolist() == [[5.0, 6.0], [30.0, 40.0]]
    marks.show((), None)
    assert shown(session) == []
