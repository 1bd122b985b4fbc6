"""Review knows of every frame where two widths of the network disagree, found where nobody has to wait for it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from matae.store import FrameStatus

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
            go.wait(30)
            assert mask_of(frame).any()
            asked.append((frame, threading.current_thread() is threading.main_thread()))
            yield frame, 0.4 if frame == 7 else 0.01

    monkeypatch.setattr("matae.segment.compare.compare_widths", compare)
    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    return asked, go


def run(desk, cine, frames=None) -> None:
    """Let a model outline frames; the same area on each: nothing jumps."""
    desk.session.begin_run()
    desk.session.current.run = {"model": "disc", "width": "1/2", "model_sha256": "ab" * 32}
    for frame in range(cine.n_frames) if frames is None else frames:
        desk.session.receive(_same(cine, frame))
    desk.session.end_run()


def _same(cine, frame: int):
    return replace(result(cine, 0), index=frame)


def compared(qtbot, desk) -> None:
    qtbot.waitUntil(lambda: not desk.clip_widths.is_running and not desk.clip_widths._calm.isActive())


def test_every_frame_is_compared_after_a_run_off_the_gui_thread(make_desk, qtbot, cine, widths) -> None:
    asked, _ = widths
    desk = make_desk()
    opened(qtbot, desk, cine)
    desk.session.seek(5)
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    assert asked[0][0] == 5  # what is on screen comes first
    assert sorted(frame for frame, _ in asked) == list(range(cine.n_frames))
    assert not any(in_gui for _, in_gui in asked)
    np.testing.assert_allclose(desk.session.current.disagreement[[6, 7]], [0.01, 0.4])
    assert 7 in desk.deeds.flagged
    assert desk.deeds.flags[7].reason == "flagged: the widths of the network disagree here"


def test_end_diastole_and_end_systole_come_early(make_desk, qtbot, cine, widths) -> None:
    asked, _ = widths
    desk = make_desk(None)
    desk.session.open(cine)
    desk.session.current.ed, desk.session.current.es = 9, 4
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    assert [frame for frame, _ in asked[:4]] == [0, 9, 4, 1]


def test_the_flag_goes_into_the_study(make_desk, qtbot, cine, widths) -> None:
    desk = make_desk()
    opened(qtbot, desk, cine)
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    settled(qtbot, desk)
    desk.flag_keeper.save()
    found = []
    desk.link.ask(lambda study: study.flags(cine.content_id), found.append, found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert "widths" in found[0][7].reason


def test_whoever_corrects_or_judges_a_frame_speaks_for_it(make_desk, qtbot, cine, widths) -> None:
    desk = make_desk(None)
    desk.session.open(cine)
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    desk.session.judge("accepted", [7], FrameStatus.ACCEPTED)
    assert np.isnan(desk.session.current.disagreement[7])
    assert 7 not in desk.deeds.flagged
    desk.session.judge("no longer accepted", [7], FrameStatus.MACHINE)
    assert 7 in desk.deeds.flagged
    paint(desk, 7)
    assert np.isnan(desk.session.current.disagreement[7])


def test_a_new_run_and_another_cine_end_it(make_desk, qtbot, cine, widths) -> None:
    _, go = widths
    desk = make_desk(None)
    desk.session.open(cine)
    go.clear()
    run(desk, cine)
    qtbot.waitUntil(lambda: desk.clip_widths.is_running)
    desk.session.begin_run()
    assert not desk.clip_widths.is_running
    go.set()
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    assert np.isfinite(desk.session.current.disagreement).all()
    go.clear()
    run(desk, cine)
    qtbot.waitUntil(lambda: desk.clip_widths.is_running)
    first = desk.session.current
    desk.session.open(make_cine(seed=3))
    assert not desk.clip_widths.is_running
    go.set()
    assert np.isnan(first.compared).all()


def test_new_masks_are_compared_anew_and_others_are_not(make_desk, qtbot, cine, widths) -> None:
    asked, _ = widths
    desk = make_desk(None)
    desk.session.open(cine)
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)
    asked.clear()
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine, [2, 3])
    assert {frame for frame, _ in asked} == {2, 3}


def test_a_cine_opened_again_is_compared_again(make_desk, qtbot, cine, widths) -> None:
    first = make_desk()
    opened(qtbot, first, cine)
    run(first, cine)
    settled(qtbot, first)
    first.close_down()
    second = make_desk()
    with qtbot.waitSignal(second.clip_widths.ended):
        second.session.open(make_cine())
    assert 7 in second.deeds.flagged


def test_a_model_that_is_gone_does_no_harm(make_desk, qtbot, cine, monkeypatch) -> None:
    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    desk = make_desk(None)
    desk.session.open(cine)
    with qtbot.waitSignal(desk.clip_widths.ended):
        run(desk, cine)  # there is no model of that name
    assert np.isnan(desk.session.current.disagreement).all()


def test_a_real_network_is_compared(make_desk, qtbot, cine, tiny_model, monkeypatch) -> None:
    from matae.segment import Segmenter, SegmentOptions

    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    desk = make_desk(None)
    desk.session.open(cine)
    segmenter = Segmenter(SegmentOptions(model=tiny_model, width="1"))
    with qtbot.waitSignal(desk.clip_widths.ended):
        desk.session.begin_run()
        desk.session.current.run = segmenter.describe()
        for found in segmenter.stream(cine, desk.session.current.sector):
            desk.session.receive(replace(found, mask=1 - found.mask) if found.index == 3 else found)
        desk.session.end_run()
    apart = desk.session.current.disagreement
    assert np.isfinite(apart).all()
    assert ((apart >= 0) & (apart <= 1)).all()
    assert apart[3] > 0.5
    assert apart[3] == apart.max()
