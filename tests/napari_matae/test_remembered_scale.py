"""A pixel size set once comes back with its pixels, and with no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matae.cine import Spacing
from napari_matae.remembered_scale import RememberedScale
from napari_matae.scales import forget_scale, remember_scale, with_scale

from .conftest import make_cine


@pytest.fixture
def bare():
    """Return a cine whose file states no pixel size, though a person once set one."""
    cine = replace(make_cine(seed=3), spacing=None)
    remember_scale(with_scale(cine, Spacing(0.4, 0.3)))
    yield cine
    forget_scale(cine)


@pytest.fixture
def keeper(qapp, session):
    keeper = RememberedScale(session)
    yield keeper
    keeper.close_down()


def test_it_comes_back_with_the_layers_over_it(qtbot, session, keeper, bare):
    session.open(bare)
    session.ensure_labels()
    qtbot.waitUntil(lambda: session.current.cine.spacing is not None, timeout=5000)
    assert session.current.cine.spacing == Spacing(0.4, 0.3)
    assert tuple(session.current.labels.scale) == tuple(session.current.image.scale)


def test_a_cine_opened_meanwhile_does_not_get_it(qtbot, session, keeper, bare):
    session.open(bare)
    other = replace(make_cine(seed=4), spacing=None)
    session.open(other)
    qtbot.wait(50)
    assert session.current.cine is other
    assert other.spacing is None


def test_nobody_listens_any_more_once_closed(qtbot, session, bare, qapp):
    RememberedScale(session).close_down()
    session.open(bare)
    qtbot.wait(50)
    assert session.current.cine.spacing is None
