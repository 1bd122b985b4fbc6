"""A clip that is opened again says what it said: the same interval, the same doubts, the same strip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from matae.read import open_cine
from matae.readers import measure_stored
from matae.segment import FrameMask, Segmenter, SegmentOptions, find_sector
from matae.store import FrameStatus, OverrideName, Study
from matae.worklist import stored_measurement
from matae.worklist.segmenting import segment_into
from napari_matae.background.connections import end_owned
from napari_matae.measure.live_measurement import LiveMeasurement

from ...quick_models import save_once
from ..conftest import opened, settled
from .measure_makers import phantom

pytestmark = pytest.mark.gui

N, ED, ES = 14, 3, 11
WIDTHS = ("1", "1/2", "1/4", "1/8")
MODEL = "tiny-apical"


@pytest.fixture
def model(own_home, monkeypatch) -> str:
    """Register a small network whose word on its outlines counts: it says it was retrained from the default model."""
    save_once(MODEL, own_home / "models" / MODEL, _save)
    monkeypatch.setattr("napari_matae.segment.clip_widths._CALM_MS", 0)
    return MODEL


def _save(folder) -> None:
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig
    from matae.segment.expected import CALIBRATED

    torch.manual_seed(1)
    network = Matae(MataeConfig(channels=(8, 8, 16))).eval()
    with torch.no_grad():
        network.head.weight.mul_(400.0)  # sure of itself here and there: no two frames and widths are alike
        network.head.bias.fill_(0.0)
    card = ModelCard(
        name=MODEL, family="matae", architecture=network.config.to_json(), grid=32, parent={"name": CALIBRATED},
        classes=("left ventricular cavity",), data="none", licence="BSD-3-Clause",
    )  # fmt: skip
    save(folder, network, card)


@pytest.fixture
def cine(tmp_path):
    """Return a clip with a file of its own."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(phantom().cine.frames[:N]))
    image.SetSpacing((1.2, 1.2, 40.0))
    sitk.WriteImage(image, str(tmp_path / "clip.mha"))
    return open_cine(tmp_path / "clip.mha")


def outline(workspace, cine, frames, *, width: str = "1", shift: float = 0.0, **run) -> None:
    """Let the network outline some frames, as a run does; with a sector that was dragged it outlines others."""
    segmenter, sector = Segmenter(SegmentOptions(model=MODEL, width=width)), find_sector(cine)
    sector = replace(sector, polygon=sector.polygon + shift)
    workspace.session.masks.begin_run()
    workspace.session.current.run = segmenter.describe() | run
    for found in segmenter.stream(cine, sector, list(frames)):
        workspace.session.masks.receive(found)
    workspace.session.masks.end_run()


def said(qtbot, workspace):
    """Return what the dock says once all has been asked: the measurement, and the expected Dice of the strip."""
    measuring = LiveMeasurement(workspace.session)
    measuring.active = True
    current = workspace.session.current

    def is_known() -> bool:
        predicted = [t for t, status in current.status.items() if status is FrameStatus.MACHINE]
        measured = measuring.measurement
        return (
            measured is not None
            and not measuring.is_running
            and not measured.inputs.widths_pending
            and bool(np.isfinite(current.compared[predicted]).all())
            and np.array_equal(measured.inputs.expected, current.expected_dice, equal_nan=True)
        )

    qtbot.waitUntil(is_known, timeout=120_000)
    measured = measuring.measurement
    end_owned(measuring)
    return measured, current.expected_dice.copy()


def agree(one, other, *, flags: bool = True) -> None:
    """Hold two measurements to be the same to a reader: the number, its interval, every expected Dice, and why."""
    for name in ("value", "low", "high", "boundary_sd", "widths_sd", "reader_sd", "judged"):
        assert getattr(one.ef, name) == pytest.approx(getattr(other.ef, name), abs=1e-6), name
    np.testing.assert_allclose(one.expected, other.expected, atol=1e-6)
    assert [(f.code, f.frames) for f in one.doubts] == [(f.code, f.frames) for f in other.doubts]
    if flags:
        assert [(f.code, f.frames) for f in one.flags] == [(f.code, f.frames) for f in other.flags]


def mark(workspace) -> None:
    workspace.session.current.ed, workspace.session.current.es = ED, ES  # the small network sees no beat
    workspace.session.marks_changed.emit()


def first_of(n: int) -> list[object]:
    """Return seeds of which the first belongs to the default suite: the others do the same in another order."""
    return [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, n))]


@pytest.mark.parametrize("seed", first_of(3))
def test_whatever_was_done_it_says_the_same_opened_again(make_workspace, qtbot, model, cine, seed) -> None:
    rng = np.random.default_rng(seed)
    first = make_workspace()
    opened(qtbot, first, cine)
    outline(first, cine, range(N))
    mark(first)
    session = first.session
    for step in rng.permutation(["judge", "draw", "draw and undo", "outline anew", "outline anew and undo"]):
        frames = sorted(rng.choice([t for t in range(N) if t != ED], 3, replace=False).tolist())
        if step == "judge":
            session.masks.judge("accepted", frames, FrameStatus.ACCEPTED)
        elif "draw" in step:
            session.masks.change("shift", {t: np.roll(session.current.mask(t), 3, 1) for t in frames})
        else:
            outline(first, cine, frames, shift=6.0)
        if "undo" in step:
            first.undo_stack.undo()
    shown, strip = said(qtbot, first)
    assert shown.ef.judged
    settled(qtbot, first)
    first.close_down()
    again = make_workspace()
    opened(qtbot, again, cine)
    measured, strip_again = said(qtbot, again)
    np.testing.assert_allclose(strip_again, strip, atol=1e-6)
    np.testing.assert_allclose(again.session.current.implied, session.current.implied)
    agree(measured, shown)


def reopened(make_workspace, qtbot, workspace, cine):
    """Close a viewer once all is stored, and open the clip in another one."""
    settled(qtbot, workspace)
    workspace.close_down()
    again = make_workspace()
    opened(qtbot, again, cine)
    return again


@pytest.mark.parametrize("seed", first_of(4))
def test_a_clip_of_several_widths_says_the_same_opened_again(make_workspace, qtbot, model, cine, seed) -> None:
    """Whatever was run, at whatever width and on which frames, drawn, judged, undone, redone, saved and reopened."""
    rng = np.random.default_rng(seed)
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N), width="1")
    mark(workspace)
    steps = [*rng.permutation(["run", "run", "run", "judge", "draw", "reopen"]), *rng.permutation(["run", "judge"])]
    for step in steps:
        session, some = workspace.session, sorted(rng.choice(N, 4, replace=False).tolist())
        if step == "run":
            width, shift = rng.choice(["1/8", "1/4", "1/2", "1"]), float(rng.choice([0, 6]))
            first, last = sorted(rng.choice(N + 1, 2, replace=False))  # a run that was stopped leaves the others
            free = [t for t in range(first, last) if session.current.status[t] is FrameStatus.MACHINE]
            outline(workspace, cine, free, width=str(width), shift=shift)
        elif step == "judge":
            session.masks.judge("accepted", [t for t in some if t != ED], FrameStatus.ACCEPTED)
        elif step == "draw":
            session.masks.change("shift", {t: np.roll(session.current.mask(t), 3, 1) for t in some if t != ES})
        else:
            workspace = reopened(make_workspace, qtbot, workspace, cine)
        for _ in range(rng.integers(0, 3)):
            (workspace.undo_stack.undo if rng.random() < 0.6 else workspace.undo_stack.redo)()
    origins = dict(workspace.session.current.origins)
    assert len({origin.width for origin in origins.values()}) > 1
    shown, strip = said(qtbot, workspace)
    implied = workspace.session.current.implied_dice
    again = reopened(make_workspace, qtbot, workspace, cine)
    assert again.session.current.origins == origins
    np.testing.assert_allclose(again.session.current.implied_dice, implied)
    measured, strip_again = said(qtbot, again)
    np.testing.assert_allclose(strip_again, strip, atol=1e-6)
    agree(measured, shown)
    assert (measured.model, measured.width) == (shown.model, shown.width)
    with Study.open(again.link.connection.target) as study:
        study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
        agree(measure_stored(study, cine.content_id, "A4C"), shown, flags=False)


def test_a_frame_of_another_width_is_asked_about_by_its_own(make_workspace, qtbot, model, cine) -> None:
    """End-diastole was run again at half the width: it is compared with what the others outline, its own among them."""
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N), width="1")
    mark(workspace)
    outline(workspace, cine, [ED], width="1/2")
    shown, _ = said(qtbot, workspace)
    assert shown.width == "1, 1/2"
    held = shown.inputs.width_masks
    assert {width: sorted(masks) for width, masks in held.items()} == {width: [ED, ES] for width in WIDTHS}
    np.testing.assert_array_equal(held["1/2"][ED], workspace.session.current.mask(ED))
    np.testing.assert_array_equal(held["1"][ES], workspace.session.current.mask(ES))
    (wide,) = Segmenter(SegmentOptions(model=MODEL, width="1")).stream(cine, find_sector(cine), [ED])
    np.testing.assert_array_equal(held["1"][ED], wide.mask)
    workspace.undo_stack.undo()
    qtbot.waitUntil(lambda: workspace.session.current.network.widths == "1", timeout=10_000)
    one, _ = said(qtbot, workspace)
    assert one.width == "1"
    agree(said(qtbot, reopened(make_workspace, qtbot, workspace, cine))[0], one)


def test_a_run_that_outlined_the_same_is_taken_back_too(make_workspace, qtbot, model, cine) -> None:
    """Two widths may leave the same pixels: the width that is named, and what is implied, are those of before."""
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N), width="1")
    session, current = workspace.session, workspace.session.current
    origins, implied = dict(current.origins), current.implied.copy()
    settled(qtbot, workspace)
    session.masks.begin_run()
    current.run = {**current.run, "width": "1/2"}
    for t in range(4):
        unsure = np.full(cine.shape, 140, np.uint8)
        session.masks.receive(FrameMask(t, current.mask(t).copy(), unsure, int(current.area_px[t])))
    session.masks.end_run()
    assert current.network.widths == "1, 1/2"
    workspace.undo_stack.undo()
    assert current.origins == origins
    np.testing.assert_array_equal(current.implied, implied)
    again = reopened(make_workspace, qtbot, workspace, cine).session.current
    assert again.origins == origins
    np.testing.assert_array_equal(again.implied, implied)


def test_a_clip_that_the_queue_ran_at_another_width_beside_a_person_agrees(
    make_workspace, qtbot, model, cine, tmp_path
) -> None:
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        study.add_cine(cine, subject="P-1")
        study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
        study.set_marks(cine.content_id, ed=ED, es=ES)
        segment_into(study, cine, SegmentOptions(model=model, width="1"))
        study.set_status(cine.content_id, [ED, 6], FrameStatus.ACCEPTED)
        segment_into(study, cine, SegmentOptions(model=model, width="1/4"), again=True)
        assert study.frames(cine.content_id)[ED].origin.width == "1"
        stored = measure_stored(study, cine.content_id)
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    shown, _ = said(qtbot, workspace)
    assert (shown.width, stored.width) == ("1/4, 1", "1/4, 1")
    agree(stored, shown)


def test_queue_dock_and_measure_of_a_study_agree(make_workspace, qtbot, model, cine, tmp_path) -> None:
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        study.add_cine(cine, subject="P-1")
        study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
        study.set_marks(cine.content_id, ed=ED, es=ES)
        segment_into(study, cine, SegmentOptions(model=model, width="1"))
        (queued,) = (row.measurement for row in study.worklist())
        stored = measure_stored(study, cine.content_id)
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    shown, _ = said(qtbot, workspace)
    assert shown.ef.judged
    agree(stored, shown)
    docked = stored_measurement(shown)
    for name in ("ef", "ef_low", "ef_high"):
        assert getattr(docked, name) == pytest.approx(getattr(queued, name), abs=1e-6), name
    assert (docked.doubts, docked.model, docked.width) == (queued.doubts, queued.model, queued.width)


def test_a_study_of_before_says_what_it_said(make_workspace, qtbot, model, cine, tmp_path) -> None:
    """Nothing is implied of its proposals: the older form of the interval, and no strip."""
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N))
    mark(workspace)
    masks, run = workspace.session.current.labels.data.copy(), dict(workspace.session.current.run)
    settled(qtbot, workspace)
    workspace.close_down()
    with Study.create(tmp_path / "old.sqlite", rater="anna") as study:
        study.add_cine(cine, subject="P-1")
        study.set_marks(cine.content_id, ed=ED, es=ES)
        named = {"model": run["model"], "width": run["width"], "model_sha256": run["model_sha256"]}
        study.put_proposals(cine.content_id, dict(enumerate(masks)), **named)
        stored = measure_stored(study, cine.content_id, "A4C")
    assert (stored.ef.judged, stored.model) == (False, MODEL)
    again = make_workspace("old.sqlite")
    opened(qtbot, again, cine)
    shown, strip = said(qtbot, again)
    assert not np.isfinite(strip).any()
    assert not shown.ef.judged
    assert shown.ef.widths_sd == pytest.approx(stored.ef.widths_sd)
    assert (shown.ef.boundary_sd, shown.ef.reader_sd) == (stored.ef.boundary_sd, stored.ef.reader_sd)


def test_another_network_of_the_same_name_is_not_asked(make_workspace, qtbot, model, cine) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N), model_sha256="ff" * 32)  # as if other weights had that name by now
    mark(workspace)
    settled(qtbot, workspace)
    workspace.close_down()
    again = make_workspace()
    ended = []
    again.clip_widths.ended.connect(lambda: ended.append(True))
    opened(qtbot, again, cine)
    measuring = LiveMeasurement(again.session)
    measuring.active = True
    qtbot.waitUntil(lambda: measuring.measurement is not None and bool(ended), timeout=60_000)
    qtbot.waitUntil(lambda: not measuring.is_running and not measuring.measurement.inputs.widths_pending)
    shown = measuring.measurement
    end_owned(measuring)
    assert np.isnan(again.session.current.compared).all()
    assert shown.ef.judged
    assert shown.by_width == {}
    with Study.open(again.link.connection.target) as study:
        agree(measure_stored(study, cine.content_id, "A4C"), shown, flags=False)


def test_another_viewer_that_outlines_anew_brings_the_value_with_the_mask(make_workspace, qtbot, model, cine) -> None:
    here, there = make_workspace(), make_workspace(rater="bela")
    for each in (here, there):
        opened(qtbot, each, cine)
    outline(here, cine, range(N))
    settled(qtbot, here)
    there.link.watcher.poll()
    current = there.session.current
    qtbot.waitUntil(lambda: current.ready and bool(np.isfinite(current.implied).all()), timeout=60_000)
    before = here.session.current.implied.copy()
    outline(there, cine, range(4), shift=6.0)
    settled(qtbot, there)
    wanted = there.session.current.implied.copy()
    assert (wanted != before).tolist() == [True] * 4 + [False] * (N - 4)

    def is_here() -> bool:
        here.link.watcher.poll()
        return np.array_equal(here.session.current.implied, wanted)

    qtbot.waitUntil(is_here, timeout=60_000)
    np.testing.assert_array_equal(here.session.current.labels.data, there.session.current.labels.data)


def test_what_is_outlined_while_the_study_is_asked_is_not_taken_away(make_workspace, qtbot, model, cine) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N))
    settled(qtbot, workspace)
    workspace.session.masks.change("shift", {5: np.roll(workspace.session.current.mask(5), 3, 1)})
    settled(qtbot, workspace)
    current = workspace.session.current
    drawn = current.mask(5).copy()
    workspace.session.labels_changed.emit()  # as when a layer is made in place of one that was deleted
    assert not current.ready
    outline(workspace, cine, range(4), shift=6.0)
    masks, implied = current.labels.data.copy(), current.implied.copy()
    qtbot.waitUntil(lambda: current.ready, timeout=60_000)
    settled(qtbot, workspace)
    np.testing.assert_array_equal(current.labels.data, masks)
    np.testing.assert_array_equal(current.mask(5), drawn)
    with Study.open(workspace.link.connection.target) as study:
        infos = study.frames(cine.content_id)
        np.testing.assert_array_equal(study.mask(cine.content_id, 2), masks[2])
    assert infos[2].implied == implied[2]
    assert infos[5].status is FrameStatus.EDITED


def delete_layer(workspace) -> None:
    """Delete the layer of the masks, and have another one made, for which the study is asked."""
    workspace.viewer.layers.remove(workspace.session.current.labels)
    workspace.session.masks.ensure_labels()
    assert not workspace.session.current.ready


def test_a_proposal_that_comes_while_the_study_is_asked_waits_beside_what_a_person_drew(
    make_workspace, qtbot, model, cine
) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N))
    current = workspace.session.current
    workspace.session.masks.change("shift", {5: np.roll(current.mask(5), 3, 1)})
    settled(qtbot, workspace)
    drawn = current.mask(5).copy()
    delete_layer(workspace)
    outline(workspace, cine, [5], shift=6.0)
    proposed, implied = current.predicted[5].copy(), current.implied[5]
    qtbot.waitUntil(lambda: current.ready, timeout=60_000)
    settled(qtbot, workspace)
    np.testing.assert_array_equal(current.mask(5), drawn)
    with Study.open(workspace.link.connection.target) as study:
        info = study.frames(cine.content_id)[5]
        np.testing.assert_array_equal(study.proposal(cine.content_id, 5), proposed)
    assert (info.status, info.newer_proposal, info.implied) == (FrameStatus.EDITED, True, implied)


def test_a_layer_that_is_deleted_while_the_study_is_asked_takes_its_proposals_along(
    make_workspace, qtbot, model, cine
) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    outline(workspace, cine, range(N))
    settled(qtbot, workspace)
    current = workspace.session.current
    masks = current.labels.data.copy()
    delete_layer(workspace)
    outline(workspace, cine, [2], shift=6.0)
    workspace.viewer.layers.remove(current.labels)
    qtbot.waitUntil(lambda: current.ready, timeout=60_000)
    settled(qtbot, workspace)
    np.testing.assert_array_equal(current.labels.data, masks)
    with Study.open(workspace.link.connection.target) as study:
        assert len(study.history(cine.content_id, 2)) == 1
