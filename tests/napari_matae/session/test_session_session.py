"""Which cine is open, which layers show it, and what happens when these come and go."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_matae.session.layers import cine_of, image_of, picture_of
from napari_matae.session.session import Session

from ..conftest import make_cine, result


def test_nothing_open_is_no_error(session):
    session.seek(3)
    session.sector.find()
    session.sector.flip(apex_down=True)
    assert session.frame == 0
    session.masks.begin_run()
    assert not session.masks.receive(result(make_cine(), 0))


def test_other_layers_are_left_alone(session):
    session.viewer.add_image(np.zeros((3, 8, 8), np.uint8))
    assert session.current is None


def test_a_dropped_cine_is_adopted_with_its_spacing_and_sector(session, cine):
    session.viewer.add_layer(image_of(cine))
    current = session.current
    assert current.cine is cine
    assert tuple(current.image.scale) == (1.0, 0.5, 0.25)
    assert current.sector is not None
    assert current.sector_layer in session.viewer.layers
    assert cine_of(current.image) is cine


def test_a_cine_opened_before_the_session_is_found(cine):
    viewer = ViewerModel()
    viewer.add_layer(image_of(cine))
    assert Session(viewer).current.cine is cine


def test_a_picture_that_was_on_screen_before_is_taken_over_by_the_cine_that_is_opened(session, cine):
    other, picture = picture_of(make_cine(seed=1)), picture_of(cine)
    session.viewer.add_layer(other)
    session.viewer.add_layer(picture)
    assert session.current is None
    assert session.open(cine).image is picture
    assert cine_of(picture) is cine
    assert cine_of(other) is None
    again = session.open(cine)  # a layer that shows it as an open cine is another matter
    assert again.image is not picture
    assert picture not in session.viewer.layers


def test_a_layer_that_a_person_made_of_the_same_pixels_is_left_alone(session, cine):
    mine = session.viewer.add_image(cine.frames, colormap="inferno")
    assert session.open(cine).image is not mine
    session.open(make_cine(seed=1))
    assert mine in session.viewer.layers
    assert not mine.metadata


def test_a_new_cine_opens_at_its_first_frame(session, cine):
    session.open(cine)
    session.seek(9)
    session.open(make_cine(5, seed=1))
    assert session.frame == 0
    assert len([x for x in session.viewer.layers if cine_of(x) is not None]) == 1


def test_edits_survive_opening_another_cine(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.current.labels.paint((0, 50, 60), 1)
    labels = session.current.labels
    session.open(make_cine(5, seed=1))
    assert labels in session.viewer.layers
    assert not labels.visible


def test_a_frame_rate_that_was_asked_for_keeps_the_masks(session):
    cine = make_cine(timed=False)
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 1))
    session.replace_cine(cine.with_frame_rate(40))
    assert session.current.cine.frame_rate == pytest.approx(40)
    assert session.current.area_px[1] > 0
    assert cine_of(session.current.image).frame_rate == pytest.approx(40)


@pytest.mark.parametrize("which", ["image", "labels", "sector_layer"])
def test_deleting_a_layer_is_followed(session, cine, which):
    session.open(cine)
    session.masks.begin_run()
    session.viewer.layers.remove(getattr(session.current, which))
    if which == "image":
        assert session.current is None
    else:
        assert getattr(session.current, which) is None
        session.sector.find()
        session.masks.begin_run()
        assert session.masks.receive(result(cine, 1))
