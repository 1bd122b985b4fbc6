"""Review knows of every frame where two widths of the network disagree, found where nobody has to wait for it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from matae.store import FrameStatus
from matae.store.types import OverrideName

from ..conftest import make_cine, opened, paint, result, settled


@pytest.fixture
def widths(monkeypatch):
    """Stand in for the network: frame 7 is another in the other width; note how and where it was asked."""
    asked: list[tuple[int, bool]] = []
    go = threading.Event()
    go.set()

    def compare(_cine, _sector, options, mask_of, frames):
        assert (options.model, options.width) == ("disc", "1/2")
        for frame in frames:
            go.wait(300)
            assert mask_of(frame).any()
            asked.append((frame, threading.current_thread() is threading.main_thread()))
            yield frame, 0.4 if frame == 7 else 0.01

    monkeypatch.setattr("matae.segment.compare.compare_widths", compare)
    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    return asked, go


def run(workspace, cine, frames=None) -> None:
    """Let a model outline frames; the same area on each: nothing jumps."""
    workspace.session.masks.begin_run()
    workspace.session.current.run = {"model": "disc", "width": "1/2", "model_sha256": "ab" * 32}
    for frame in range(cine.n_frames) if frames is None else frames:
        workspace.session.masks.receive(_same(cine, frame))
    workspace.session.masks.end_run()


def _same(cine, frame: int):
    return replace(result(cine, 0), index=frame)


def compared(qtbot, workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.clip_widths.is_running and not workspace.clip_widths._calm.isActive())


def test_every_frame_is_compared_after_a_run_off_the_gui_thread(make_workspace, qtbot, cine, widths) -> None:
    asked, _ = widths
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    workspace.session.seek(5)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    assert asked[0][0] == 5  # what is on screen comes first
    assert sorted(frame for frame, _ in asked) == list(range(cine.n_frames))
    assert not any(in_gui for _, in_gui in asked)
    np.testing.assert_allclose(workspace.session.current.disagreement[[6, 7]], [0.01, 0.4])
    assert 7 in workspace.actions.flagged
    assert workspace.actions.flags[7].reason == "flagged: the widths of the network disagree here"


def test_end_diastole_and_end_systole_come_early(make_workspace, qtbot, cine, widths) -> None:
    asked, _ = widths
    workspace = make_workspace(None)
    workspace.session.open(cine)
    workspace.session.current.ed, workspace.session.current.es = 9, 4
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    assert [frame for frame, _ in asked[:4]] == [0, 9, 4, 1]


def test_the_flag_goes_into_the_study(make_workspace, qtbot, cine, widths) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    settled(qtbot, workspace)
    workspace.flag_keeper.save()
    found = []
    workspace.link.connection.requests.ask(lambda study: study.flags(cine.content_id), found.append, found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert "widths" in found[0][7].reason


def test_whoever_corrects_or_judges_a_frame_speaks_for_it(make_workspace, qtbot, cine, widths) -> None:
    workspace = make_workspace(None)
    workspace.session.open(cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    workspace.session.masks.judge("accepted", [7], FrameStatus.ACCEPTED)
    assert np.isnan(workspace.session.current.disagreement[7])
    assert 7 not in workspace.actions.flagged
    workspace.session.masks.judge("no longer accepted", [7], FrameStatus.MACHINE)
    assert 7 in workspace.actions.flagged
    paint(workspace, 7)
    assert np.isnan(workspace.session.current.disagreement[7])


def test_a_new_run_and_another_cine_end_it(make_workspace, qtbot, cine, widths) -> None:
    _, go = widths
    workspace = make_workspace(None)
    workspace.session.open(cine)
    go.clear()
    run(workspace, cine)
    qtbot.waitUntil(lambda: workspace.clip_widths.is_running)
    workspace.session.masks.begin_run()
    assert not workspace.clip_widths.is_running
    go.set()
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    assert np.isfinite(workspace.session.current.disagreement).all()
    go.clear()
    run(workspace, cine)
    qtbot.waitUntil(lambda: workspace.clip_widths.is_running)
    first = workspace.session.current
    workspace.session.open(make_cine(seed=3))
    assert not workspace.clip_widths.is_running
    go.set()
    assert np.isnan(first.compared).all()


def test_it_waits_while_an_outline_is_dragged(make_workspace, qtbot, cine, widths) -> None:
    _, go = widths
    workspace = make_workspace(None)
    workspace.session.open(cine)
    go.clear()
    run(workspace, cine)
    qtbot.waitUntil(lambda: workspace.clip_widths.is_running)
    outline = ((5.0, 5.0), (5.0, 70.0), (50.0, 70.0), (50.0, 5.0))
    workspace.session.overrides.apply(OverrideName.SECTOR, outline)
    assert not workspace.clip_widths.is_running
    go.set()
    with qtbot.waitSignal(workspace.clip_widths.ended):
        pass  # it goes on when nobody drags it any more
    assert np.isfinite(workspace.session.current.disagreement).all()


def test_new_masks_are_compared_anew_and_others_are_not(make_workspace, qtbot, cine, widths) -> None:
    asked, _ = widths
    workspace = make_workspace(None)
    workspace.session.open(cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    asked.clear()
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine, [2, 3])
    assert {frame for frame, _ in asked} == {2, 3}


def test_a_cine_opened_again_is_compared_again(make_workspace, qtbot, cine, widths) -> None:
    first = make_workspace()
    opened(qtbot, first, cine)
    run(first, cine)
    settled(qtbot, first)
    first.close_down()
    second = make_workspace()
    with qtbot.waitSignal(second.clip_widths.ended):
        second.session.open(make_cine())
    assert 7 in second.actions.flagged


def test_a_model_that_is_gone_does_no_harm(make_workspace, qtbot, cine, monkeypatch) -> None:
    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    workspace = make_workspace(None)
    workspace.session.open(cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)  # there is no model of that name
    assert np.isnan(workspace.session.current.disagreement).all()


def test_a_real_network_is_compared(make_workspace, qtbot, cine, tiny_model, monkeypatch) -> None:
    from matae.segment import Segmenter, SegmentOptions

    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    workspace = make_workspace(None)
    workspace.session.open(cine)
    segmenter = Segmenter(SegmentOptions(model=tiny_model, width="1"))
    with qtbot.waitSignal(workspace.clip_widths.ended):
        workspace.session.masks.begin_run()
        workspace.session.current.run = segmenter.describe()
        for found in segmenter.stream(cine, workspace.session.current.sector):
            workspace.session.masks.receive(replace(found, mask=1 - found.mask) if found.index == 3 else found)
        workspace.session.masks.end_run()
    apart = workspace.session.current.disagreement
    assert np.isfinite(apart).all()
    assert ((apart >= 0) & (apart <= 1)).all()
    assert apart[3] > 0.5
    assert apart[3] == apart.max()


def test_a_proposal_that_undo_brings_back_is_compared_again(make_workspace, qtbot, cine, widths) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        run(workspace, cine)
    with qtbot.waitSignal(workspace.clip_widths.ended):
        workspace.session.masks.begin_run()
        workspace.session.masks.receive(replace(result(cine, 9), index=7))
        workspace.session.masks.end_run()
    with qtbot.waitSignal(workspace.clip_widths.ended):
        workspace.undo_stack.undo()
    assert [frame for frame, _ in widths[0]].count(7) == 3
    assert np.isfinite(workspace.session.current.compared).all()
