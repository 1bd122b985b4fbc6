"""A pixel size set once comes back with its pixels, and with no others; a study takes it over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matae.cine import Spacing
from matae.store import Study
from napari_matae.session.pixel_size import forget_scale, remember_scale, remembered_scale
from napari_matae.session.remembered_pixel_size import RememberedScale

from ..conftest import make_cine, opened, settled


@pytest.fixture
def bare():
    """Return a cine whose file states no pixel size, though a person once set one."""
    cine = replace(make_cine(seed=3), spacing=None)
    remember_scale(cine, Spacing(0.4, 0.3))
    yield cine
    forget_scale(cine)


@pytest.fixture
def keeper(qapp, session):
    keeper = RememberedScale(session)
    yield keeper
    keeper.close_down()


def test_it_comes_back_with_the_layers_over_it(qtbot, session, keeper, bare):
    session.open(bare)
    session.masks.ensure_labels()
    qtbot.waitUntil(lambda: session.current.cine.spacing is not None, timeout=5000)
    assert session.current.cine.spacing == Spacing(0.4, 0.3)
    assert tuple(session.current.labels.scale) == tuple(session.current.image.scale)


def test_a_cine_opened_meanwhile_does_not_get_it(qtbot, session, keeper, bare):
    session.open(bare)
    other = replace(make_cine(seed=4), spacing=None)
    session.open(other)
    qtbot.waitUntil(lambda: not keeper._worker.is_running, timeout=5000)
    assert session.current.cine is other
    assert other.spacing is None


def test_nobody_listens_any_more_once_closed(qtbot, session, bare, qapp):
    RememberedScale(session).close_down()
    session.open(bare)
    qtbot.wait(50)
    assert session.current.cine.spacing is None


def test_it_moves_into_the_study_when_the_cine_is_opened(make_workspace, qtbot, bare, tmp_path):
    workspace = make_workspace()
    opened(qtbot, workspace, bare)
    assert workspace.session.current.cine.spacing == Spacing(0.4, 0.3)
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.overrides(bare.content_id).spacing == Spacing(0.4, 0.3)
    assert remembered_scale(bare) is None  # the study has it now


def test_what_the_study_says_is_not_overruled_by_what_a_computer_remembers(make_workspace, qtbot, bare, tmp_path):
    with Study.create(tmp_path / "study.sqlite") as study:
        study.add_cine(bare)
        study.set_override(bare.content_id, "spacing", (0.7, 0.7))
        study.set_override(bare.content_id, "spacing", None)
    workspace = make_workspace()
    opened(qtbot, workspace, bare)
    settled(qtbot, workspace)
    assert workspace.session.current.cine.spacing is None  # somebody took it away
    assert remembered_scale(bare) == Spacing(0.4, 0.3)


def test_without_a_study_it_is_remembered_here(make_workspace, qtbot, bare):
    forget_scale(bare)
    workspace = make_workspace(None)
    workspace.session.open(bare)
    workspace.session.overrides.apply("spacing", Spacing(0.6, 0.6))
    assert remembered_scale(bare) == Spacing(0.6, 0.6)
    workspace.session.overrides.apply("spacing", None)
    assert remembered_scale(bare) is None
