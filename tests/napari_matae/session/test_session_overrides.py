"""What a person sets is told once, shown at once, and can be taken away again."""

from __future__ import annotations

import pytest

from matae.cine import Spacing
from matae.store.types import OverrideName


def test_without_a_cine_nothing_can_be_set(session):
    session.overrides.apply(OverrideName.VIEW, "A4C")
    session.overrides.show({OverrideName.VIEW: "A4C"})


def test_a_name_that_is_none_is_refused(session, cine):
    session.open(cine)
    with pytest.raises(ValueError, match="colour"):
        session.overrides.apply("colour", "red")


def test_what_is_set_is_told_and_what_is_shown_is_not(session, cine):
    session.open(cine)
    told: list[OverrideName] = []
    session.overridden.connect(told.append)
    session.overrides.show({OverrideName.VIEW: "A2C"})
    assert session.current.cine.view == "A2C"
    session.overrides.apply("view", "A2C")  # as it is already
    assert told == []
    session.overrides.apply(OverrideName.VIEW, "A4C")
    session.overrides.apply(OverrideName.VIEW, None)
    assert told == [OverrideName.VIEW, OverrideName.VIEW]
    assert session.current.cine.view == cine.view
    assert session.current.unstored == {OverrideName.VIEW}


def test_another_pixel_size_rescales_every_layer_over_the_picture(session, cine):
    session.open(cine)
    session.masks.ensure_labels()
    session.overrides.apply(OverrideName.SPACING, Spacing(0.2, 0.4))
    current = session.current
    assert current.cine.spacing == Spacing(0.2, 0.4)
    aspect = tuple(current.cine.pixel_aspect)
    for layer in (current.image, current.labels, current.sector_layer):
        assert tuple(layer.scale[-2:]) == pytest.approx(aspect)


def test_the_outline_and_which_way_up_it_is_are_said_to_be_set(session, cine):
    session.open(cine)
    heard: list[object] = []
    session.overrides.sector_set.connect(heard.append)
    session.sector.flip(apex_down=not session.current.sector.apex_down)
    session.overrides.apply(OverrideName.VIEW, "A2C")
    assert heard == [session.current]
