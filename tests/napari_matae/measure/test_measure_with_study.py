"""What the Measure step takes from the study and from the model: landmarks, the other view, the other widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from matae.cine import Spacing
from matae.measure import measure_cine
from matae.measure.run import sector_pixels
from matae.read import open_cine
from matae.segment import Segmenter, SegmentOptions, find_sector, sector_from_polygon
from matae.store import FrameStatus, Landmark, Study
from napari_matae.background.connections import end_owned
from napari_matae.background.worker import guarded
from napari_matae.measure import width_check
from napari_matae.measure.biplane import BiplaneMeasurement
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.measure.tasks import OtherView, WidthsDone, other_view_events
from napari_matae.study.landmarks import UNREADABLE

from ..conftest import opened, settled
from .measure_makers import show_masks, two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def measuring_of(qtbot):
    made = []

    def make(workspace) -> LiveMeasurement:
        measuring = LiveMeasurement(workspace.session)
        made.append(measuring)
        measuring.active = True
        return measuring

    yield make
    for measuring in made:
        end_owned(measuring)


def measured(qtbot, measuring):
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=20_000)
    return measuring.measurement


def write(path: Path, spacing: float, *, flip: bool = False) -> None:
    """Write the phantom as a calibrated file of its own."""
    cine, _ = two_beats()
    frames = cine.frames[:, :, ::-1] if flip else cine.frames
    image = sitk.GetImageFromArray(np.ascontiguousarray(frames))
    image.SetSpacing((spacing, spacing, 20.0))
    sitk.WriteImage(image, str(path))


def test_landmarks_that_a_person_stored_are_used_until_the_mask_is_changed(
    make_workspace, measuring_of, qtbot, tmp_path
):
    cine, masks = two_beats()
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    settled(qtbot, workspace)
    measuring = measuring_of(workspace)
    first = measured(qtbot, measuring)
    ed = first.ed_frame
    points = first.landmarks(ed).as_array()
    points[0, 0] += 2
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        names = dict(zip(("apex", "left", "right"), (Landmark(*p) for p in points), strict=True))
        study.set_landmarks(cine.content_id, ed, names)
    workspace.link.watcher.poll()
    qtbot.waitUntil(lambda: measuring.measurement is not None and measuring.measurement is not first, timeout=20_000)
    placed = measured(qtbot, measuring)
    np.testing.assert_allclose(placed.landmarks(ed).as_array(), points)
    assert placed.landmarks(ed).by_hand
    mask = masks[ed].copy()
    mask[:, 1:] |= masks[ed][:, :-1]
    workspace.session.seek(ed)
    workspace.session.masks.draw(ed, mask)
    qtbot.waitUntil(lambda: measuring.measurement is not placed, timeout=5000)
    assert not measuring.measurement.landmarks(ed).by_hand


def test_the_other_widths_of_the_model_widen_the_interval(make_workspace, measuring_of, qtbot, tiny_model):
    cine, _ = two_beats()
    workspace = make_workspace(None)
    workspace.session.open(cine)
    segmenter = Segmenter(SegmentOptions(model=tiny_model, width="1"))
    workspace.session.masks.begin_run()
    workspace.session.current.run = segmenter.describe()
    for result in segmenter.stream(cine, find_sector(cine)):
        workspace.session.masks.receive(result)
    workspace.session.masks.end_run()
    workspace.session.current.ed, workspace.session.current.es = 3, 12  # the tiny network sees no beat
    measuring = measuring_of(workspace)
    assert measured(qtbot, measuring).primary.frames == (3, 12)
    qtbot.waitUntil(lambda: len(measuring.measurement.by_width) > 1, timeout=30_000)
    by_width = measuring.measurement.by_width
    assert "1" in by_width
    assert not measuring.measurement.inputs.widths_pending
    # Neither another view nor a stroke on another frame narrows the interval for good.
    measuring.choose_view("A2C")
    qtbot.waitUntil(lambda: measuring.measurement is not None and measuring.measurement.view == "A2C")
    qtbot.waitUntil(lambda: measuring.measurement.by_width == by_width)
    workspace.session.seek(7)
    workspace.session.masks.draw(7, np.roll(workspace.session.current.mask(7), 1, 0))
    measuring._check_all()
    assert measuring.measurement.inputs.widths_pending == (measuring.measurement.by_width == {})
    qtbot.waitUntil(lambda: measuring.measurement.by_width == by_width)
    assert not measuring.measurement.inputs.widths_pending
    ed = measuring.measurement.ed_frame
    workspace.session.seek(ed)
    workspace.session.masks.draw(ed, np.roll(workspace.session.current.mask(ed), 1, 0))
    measuring._check_all()
    assert measuring.measurement.by_width == {}  # a person has corrected what the widths disagreed on


def test_correcting_one_frame_does_not_hush_what_the_widths_say_of_another(
    make_workspace, measuring_of, qtbot, monkeypatch
):
    cine, masks = two_beats()
    workspace = make_workspace(None)
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    session = workspace.session
    session.current.ed, session.current.es = 3, 12
    smaller = np.roll(masks, 6, 2) & masks

    def answered(cine, sector, origins) -> Iterator[WidthsDone]:
        yield WidthsDone({"1/8": {t: smaller[t] for t in origins}})

    monkeypatch.setattr(width_check, "widths_events", answered)
    measuring = measuring_of(workspace)
    measured(qtbot, measuring)

    def doubted() -> list[tuple[int, ...]]:
        return [flag.frames for flag in measuring.measurement.doubts if flag.code == "doubtful-outline"]

    qtbot.waitUntil(lambda: doubted() == [(3, 12, 24, 32)], timeout=30_000)
    before = session.current.mask(3).copy()
    session.seek(3)
    session.masks.draw(3, np.roll(before, 1, 0))
    measuring._check_all()
    assert doubted() == [(12, 24, 32)]
    measuring._begin_anew()  # as when the clip is opened again
    measured(qtbot, measuring)
    qtbot.waitUntil(lambda: doubted() == [(12, 24, 32)], timeout=30_000)
    session.masks.draw(3, before)
    measuring._check_all()
    qtbot.waitUntil(lambda: doubted() == [(3, 12, 24, 32)], timeout=30_000)


def test_a_model_that_is_not_here_is_no_trouble(make_workspace, measuring_of, qtbot):
    workspace = make_workspace(None)
    cine, masks = two_beats()
    workspace.session.open(cine)
    show_masks(workspace.session, masks)
    measuring = measuring_of(workspace)
    measured(qtbot, measuring)
    measuring._ask_widths()
    qtbot.waitUntil(lambda: not measuring.is_asking_widths, timeout=20_000)
    assert measuring.measurement.ef is not None
    assert measuring.measurement.by_width == {}
    assert measuring.problem == ""


def test_both_views_of_one_patient_give_biplane_volumes(make_workspace, measuring_of, qtbot, tmp_path):
    _, masks = two_beats()
    for name, flip in (("a4c.mha", False), ("a2c.mha", True)):
        write(tmp_path / name, 1.2, flip=flip)
    workspace = make_workspace()
    opened(qtbot, workspace, open_cine(tmp_path / "a2c.mha"))
    show_masks(workspace.session, masks[:, :, ::-1])
    settled(qtbot, workspace)
    workspace.link.record.set_subject("P-1")
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry.subject == "P-1", timeout=20_000)
    opened(qtbot, workspace, open_cine(tmp_path / "a4c.mha"))
    qtbot.waitUntil(
        lambda: workspace.link.sync_state.entry is not None and workspace.link.sync_state.entry.stem == "a4c",
        timeout=20_000,
    )
    show_masks(workspace.session, masks)
    measuring = measuring_of(workspace)
    box = BiplaneMeasurement(workspace.link, measuring)
    qtbot.addWidget(box, before_close_func=lambda _: end_owned(box))
    here = measured(qtbot, measuring)
    box.refresh()
    qtbot.waitUntil(lambda: not box.is_running, timeout=20_000)
    assert box.choice.count() == 0  # another patient until somebody says otherwise
    assert "same patient code" in box.words.text()
    workspace.link.record.set_subject("P-1")
    qtbot.waitUntil(lambda: workspace.link.sync_state.entry.subject == "P-1", timeout=20_000)
    box.refresh()
    qtbot.waitUntil(lambda: box.choice.count() == 1 and not box.is_running, timeout=20_000)
    assert box.choice.itemText(0).startswith("a2c")
    box.button.click()
    qtbot.waitUntil(lambda: not box.is_running, timeout=20_000)
    # Two planes of the same shape: biplane is what one of them says.
    assert box.result.edv_ml == pytest.approx(here.primary.volumes.edv, rel=0.02)
    assert "biplane ejection fraction" in box.words.text()
    (tmp_path / "a2c.mha").unlink()
    box._other = None
    box.button.click()
    qtbot.waitUntil(lambda: not box.is_running, timeout=20_000)
    assert box.result is None
    assert "a2c" in box.words.text()


@pytest.fixture
def other_cine(tmp_path):
    """Return an outlined cine in a study: its study, content id and masks."""
    _, masks = two_beats()
    write(tmp_path / "a2c.mha", 1.2)
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        cine = open_cine(tmp_path / "a2c.mha")
        study.add_cine(cine, subject="P-1")
        study.put_proposals(cine.content_id, dict(enumerate(masks)), model="gone", width="1")
        yield study, cine, masks


def other_view(study, cine, view="A2C"):
    (event,) = guarded(other_view_events(study.target, study.rater, cine.content_id, view))
    return event


def test_the_other_view_is_measured_as_people_set_it(other_cine):
    study, cine, masks = other_cine
    outline = ((5.0, 5.0), (5.0, 100.0), (90.0, 100.0), (90.0, 5.0))
    for name, value in (
        ("sector", outline), ("apex_down", True), ("spacing", (0.9, 0.9)), ("view", "A4C"), ("frame_rate", 33.0)
    ):  # fmt: skip
        study.set_override(cine.content_id, name, value)
    found = other_view(study, cine).measurement
    assert found.inputs.options.apex_down
    assert found.inputs.cine.spacing == Spacing(0.9, 0.9)
    assert (found.view, found.frame_rate) == ("A4C", pytest.approx(33))
    sector = sector_from_polygon(outline)
    np.testing.assert_array_equal(found.inputs.sector, sector_pixels(sector, cine.shape))
    straight = measure_cine(cine, masks).primary.volumes.edv
    assert found.primary.volumes.edv != pytest.approx(straight, rel=0.05)


def test_the_other_view_is_measured_with_the_landmarks_a_person_placed(other_cine):
    study, cine, _ = other_cine
    first = other_view(study, cine).measurement
    ed, es = first.primary.frames
    points = first.landmarks(ed).as_array()
    points[0, 0] += 6
    names = dict(zip(("apex", "left", "right"), (Landmark(*p) for p in points), strict=True))
    study.set_landmarks(cine.content_id, ed, names)
    study.set_landmarks(cine.content_id, es, {"apex": Landmark(20, 50)})
    found = other_view(study, cine).measurement
    np.testing.assert_allclose(found.landmarks(ed).as_array(), points)
    assert found.landmarks(ed).by_hand
    assert abs(found.primary.volumes.edv - first.primary.volumes.edv) > 0.1
    flag = next(flag for flag in found.flags if flag.code == UNREADABLE)
    assert flag.frames == (es,)


def test_landmarks_of_a_frame_called_unusable_do_not_count(other_cine):
    study, cine, _ = other_cine
    ed = other_view(study, cine).measurement.ed_frame
    study.set_landmarks(cine.content_id, ed, {"apex": Landmark(20, 50)})
    study.set_status(cine.content_id, [ed], FrameStatus.REJECTED)
    found = other_view(study, cine).measurement
    assert found.landmarks(ed) is None
    assert UNREADABLE not in {flag.code for flag in found.flags}


def test_the_other_view_has_the_pixel_size_that_this_computer_still_remembers(other_cine, tmp_path):
    from PIL import Image

    from napari_matae.session.pixel_size import remember_scale

    study, cine, masks = other_cine
    pages = [Image.fromarray(frame) for frame in cine.frames[:, ::-1]]
    pages[0].save(tmp_path / "bare.tif", save_all=True, append_images=pages[1:])
    bare = open_cine(tmp_path / "bare.tif")
    assert bare.spacing is None
    study.add_cine(bare, subject="P-1")
    study.put_proposals(bare.content_id, dict(enumerate(masks[:, ::-1])), model="gone", width="1")
    remember_scale(bare, Spacing(0.7, 0.7))
    assert other_view(study, bare).measurement.inputs.cine.spacing == Spacing(0.7, 0.7)


def test_an_outline_that_is_none_is_said_and_no_number_is_given(other_cine):
    study, cine, _ = other_cine
    study.set_override(cine.content_id, "sector", ((1, 1), (1, 2), (2, 2)))
    event = other_view(study, cine)
    assert not isinstance(event, OtherView)
    assert event.text.startswith("a2c cannot be measured: The sector outline is smaller than 16 pixels")
