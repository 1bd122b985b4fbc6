"""How masks look is the same from cine to cine and from sitting to sitting."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned
from napari_matae.edit.mask_style import MaskStyle

from ..conftest import make_cine, proposals


@pytest.fixture
def style(qapp, session):
    made = MaskStyle(session)
    yield made
    end_owned(made)


def test_without_a_cine_choices_are_kept_for_the_next(style, session, cine):
    style.toggle_hidden()
    style.set_difference(True)
    assert not style.difference
    style.set_outline(False)
    style.set_opacity(0.0)
    assert style.opacity == 0.05  # never so faint that nobody sees it is there
    style.set_opacity(7.0)
    assert style.opacity == 1.0
    session.open(cine)
    session.masks.ensure_labels()
    assert session.current.labels.contour == 0
    assert session.current.labels.opacity == 1.0
    again = MaskStyle(session)
    assert (again.outline, again.opacity) == (False, 1.0)
    end_owned(again)


def test_the_machines_mask_lies_over_a_persons_until_another_cine_or_the_end(style, session, cine):
    session.open(cine)
    proposals(cine, session)
    style.set_difference(True)
    assert style.difference
    assert any(layer.name == "Predicted mask" for layer in session.viewer.layers)
    session.open(make_cine(6, seed=3))
    assert not style.difference
    proposals(session.current.cine, session)
    style.set_difference(True)
    end_owned(style)
    assert not any(layer.name == "Predicted mask" for layer in session.viewer.layers)
