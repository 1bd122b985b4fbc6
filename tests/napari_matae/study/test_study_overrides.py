"""Sector, flip, pixel size, view and frame rate: stored as they are set, back on reopening, never over others'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.cine import Spacing
from matae.store import OverrideName, Study

from ..conftest import make_cine, opened, settled

OUTLINE = ((5.0, 5.0), (5.0, 70.0), (50.0, 70.0), (50.0, 5.0))


def bare():
    """Return a cine whose file states neither pixel size nor frame rate nor view."""
    return replace(make_cine(timed=False), spacing=None)


def set_all(session) -> None:
    """Set everything that can be set, as the dock's controls do."""
    session.sector.flip(apex_down=True)
    session.current.sector_layer.data = [np.array(OUTLINE)]
    session.overrides.apply(OverrideName.SPACING, Spacing(0.4, 0.3))
    session.overrides.apply(OverrideName.VIEW, "A2C")
    session.overrides.apply(OverrideName.FRAME_RATE, 42.0)


def stored(tmp_path, cine):
    with Study.open(tmp_path / "study.sqlite") as study:
        return study.overrides(cine.content_id)


def test_what_was_set_is_stored_and_comes_back(make_workspace, qtbot, tmp_path):
    first = make_workspace()
    opened(qtbot, first, bare())
    set_all(first.session)
    first.close_down()  # at once: closing loses nothing
    kept = stored(tmp_path, bare())
    assert (kept.apex_down, kept.spacing, kept.view, kept.frame_rate) == (True, Spacing(0.4, 0.3), "A2C", 42.0)
    np.testing.assert_allclose(kept.sector, OUTLINE)

    second = make_workspace()
    opened(qtbot, second, bare())
    current = second.session.current
    assert current.sector.source == "user"
    assert current.sector.apex_down
    np.testing.assert_allclose(current.sector_layer.data[-1][:, -2:], OUTLINE)
    assert (current.cine.spacing, current.cine.view) == (Spacing(0.4, 0.3), "A2C")
    assert current.cine.frame_rate == pytest.approx(42)
    assert tuple(current.image.scale[-2:]) == tuple(current.sector_layer.scale) == (0.4, 0.3)
    settled(qtbot, second)
    assert stored(tmp_path, bare()).revisions == kept.revisions  # nothing is stored again


def test_found_again_takes_the_stored_outline_away(make_workspace, qtbot, tmp_path, cine):
    first = make_workspace()
    opened(qtbot, first, cine)
    set_all(first.session)
    first.session.sector.find()
    settled(qtbot, first)
    kept = stored(tmp_path, cine)
    assert kept.sector is None
    assert kept.revisions[OverrideName.SECTOR] == 2
    assert kept.apex_down  # which way up the heart is, is another question
    first.close_down()
    second = make_workspace()
    opened(qtbot, second, make_cine())
    assert second.session.current.sector.source != "user"


def test_an_outline_half_way_through_a_drag_is_kept_by_closing(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    layer = workspace.session.current.sector_layer
    with layer.events.data.blocker():  # a drag that has not ended: napari tells nobody yet
        layer.data = [np.array(OUTLINE)]
    workspace.close_down()
    np.testing.assert_allclose(stored(tmp_path, cine).sector, OUTLINE)


def test_what_was_set_before_the_study_answered_is_stored(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    workspace.session.open(cine)
    assert not workspace.session.current.ready
    workspace.session.sector.flip(apex_down=True)
    workspace.close_down()
    assert stored(tmp_path, cine).apex_down


def test_what_was_set_without_a_study_goes_into_the_one_opened_then(make_workspace, qtbot, tmp_path):
    workspace = make_workspace(None)
    workspace.session.open(bare())
    set_all(workspace.session)
    workspace.link.open(str(tmp_path / "study.sqlite"), "anna")
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=60_000)
    settled(qtbot, workspace)
    kept = stored(tmp_path, bare())
    assert (kept.apex_down, kept.view) == (True, "A2C")
    assert workspace.session.current.cine.view == "A2C"


def test_what_another_sets_comes_on_screen(make_workspace, qtbot, tmp_path):
    workspace = make_workspace()
    opened(qtbot, workspace, bare())
    workspace.session.masks.ensure_labels()
    settled(qtbot, workspace)
    said = []
    workspace.said.connect(said.append)
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        content_id = workspace.session.current.cine.content_id
        study.set_override(content_id, "sector", OUTLINE)
        study.set_override(content_id, "apex_down", True)
        study.set_override(content_id, "spacing", (0.4, 0.3))
    workspace.link.watcher.poll()
    qtbot.waitUntil(lambda: workspace.session.current.cine.spacing is not None, timeout=60_000)
    current = workspace.session.current
    assert current.sector.source == "user"
    assert current.sector.apex_down
    assert tuple(current.labels.scale[-2:]) == (0.4, 0.3)
    assert said[-1] == "The sector, the way up and the pixel size of this cine were set in another window."


def test_of_two_who_set_at_once_the_later_is_told(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    settled(qtbot, workspace)
    workspace.link.watcher.stop()  # the other's change is not seen yet
    said = []
    workspace.said.connect(said.append)
    with Study.open(tmp_path / "study.sqlite", rater="bea") as study:
        study.set_override(cine.content_id, "view", "A3C")
    workspace.session.overrides.apply(OverrideName.VIEW, "A2C")
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert "Somebody else set the view" in said[-1]
    with Study.open(tmp_path / "study.sqlite") as study:
        kept = study.override_versions(cine.content_id)
    assert [(version.value, version.shown) for version in kept] == [("A3C", True), ("A2C", False)]
    assert workspace.session.current.cine.view == "A3C"
    workspace.session.overrides.apply(OverrideName.VIEW, "A2C")  # having seen theirs
    settled(qtbot, workspace)
    assert stored(tmp_path, cine).view == "A2C"


def test_a_stored_outline_that_is_none_is_said_and_not_used(make_workspace, qtbot, tmp_path, cine):
    from napari_matae.segment.sector_controls import SectorControls

    with Study.create(tmp_path / "study.sqlite") as study:
        study.add_cine(cine)
        study.set_override(cine.content_id, "sector", ((1, 1), (1, 2), (2, 2)))
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    controls = SectorControls(workspace.session)
    qtbot.addWidget(controls, before_close_func=lambda _: controls.close_down())
    assert workspace.session.current.sector.source != "user"
    assert "stored outline" in controls.text.text()


def test_a_rate_given_while_a_run_waits_for_the_study_does_not_end_the_wait(make_workspace, qtbot, tmp_path):
    from napari_matae.segment.panel import SegmentPanel

    with Study.create(tmp_path / "study.sqlite") as study:
        study.add_cine(bare())
        study.set_override(bare().content_id, "frame_rate", 30)
    workspace = make_workspace()
    panel = SegmentPanel(workspace.session)
    qtbot.addWidget(panel, before_close_func=lambda _: panel.close_down())
    workspace.session.open(bare())
    panel.run()
    assert panel.status.text() == "Reading the study…"
    qtbot.waitUntil(lambda: panel.is_running, timeout=60_000)
    assert workspace.session.current.cine.frame_rate == pytest.approx(30)
    panel.cancel()


def test_the_picture_chosen_in_a_frame_that_shows_two_comes_back(make_workspace, qtbot):
    from matae.cine import B_MODE, Box, Region

    def two():
        made = make_cine(shape=(60, 160))
        left, right = Box(0, 0, 60, 80), Box(0, 80, 60, 160)
        regions = (Region(B_MODE, left, Spacing(0.5, 0.5)), Region(B_MODE, right, Spacing(0.25, 0.25)))
        return replace(made, spacing=Spacing(0.5, 0.5), region=left, regions=regions)

    first = make_workspace()
    opened(qtbot, first, two())
    first.session.sector.choose_region(2)
    qtbot.waitUntil(lambda: first.session.current.cine.spacing == Spacing(0.25, 0.25))
    settled(qtbot, first)
    first.close_down()
    second = make_workspace()
    opened(qtbot, second, two())
    assert second.session.current.cine.spacing == Spacing(0.25, 0.25)
    assert second.session.current.sector_layer.data[-1][:, -1].min() >= 79
    second.session.sector.find()
    assert second.session.current.cine.spacing == Spacing(0.5, 0.5)
