"""One picture of several layers: when there is one, and that its outlines are those of napari's definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from napari.layers import Image, Labels, Points
from scipy import ndimage

from napari_matae.playing.one_picture import OnePicture, composable, outline_of

from ..conftest import make_cine, proposals


def as_napari_says(mask: np.ndarray, thickness: int) -> np.ndarray:
    cross = ndimage.generate_binary_structure(2, 1)
    wide = ndimage.iterate_structure(cross, thickness)
    same = ndimage.grey_dilation(mask, footprint=cross) == ndimage.grey_erosion(mask, footprint=wide)
    return np.where(same, 0, mask)


@given(
    arrays(np.uint8, st.tuples(st.integers(7, 20), st.integers(7, 20)), elements=st.integers(0, 2)), st.integers(1, 3)
)
def test_an_outline_is_the_one_that_napari_draws(mask, thickness):
    np.testing.assert_array_equal(outline_of(mask, thickness), as_napari_says(mask, thickness))


@pytest.fixture
def shown(session, cine):
    session.open(cine)
    proposals(cine, session)
    return session


def test_nothing_is_composed_of_what_is_hidden_or_of_another_cine(shown):
    current, layers = shown.current, shown.viewer.layers
    assert composable([], current) == []
    assert composable(layers, current) == [current.image, current.sector_layer, current.labels]
    current.image.visible = False
    assert composable(layers, current) == []
    current.image.visible = True
    current.labels.visible = False
    assert composable(layers, current) == [current.image, current.sector_layer]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: setattr(c.labels, "show_selected_label", True),
        lambda c: setattr(c.labels, "translate", (0, 3, 0)),
        lambda c: setattr(c.labels, "blending", "additive"),
        lambda c: setattr(c.labels.bounding_box, "visible", True),
    ],
)
def test_what_looks_otherwise_stays_a_layer_of_its_own(shown, change):
    current = shown.current
    change(current)
    assert composable(shown.viewer.layers, current) == [current.image, current.sector_layer]


def test_an_outline_with_corners_chosen_is_not_composed(shown):
    shown.current.sector_layer.selected_data = {0}
    assert composable(shown.viewer.layers, shown.current) == [shown.current.image]


def test_what_lies_under_the_image_or_between_ends_it(shown):
    current, viewer = shown.current, shown.viewer
    own = Points([[30, 40]])
    viewer.layers.insert(1, own)
    assert composable(viewer.layers, current) == [current.image]
    viewer.layers.move(1, 0)
    assert composable(viewer.layers, current) == []
    own.visible = False
    assert len(composable(viewer.layers, current)) == 3


def test_labels_of_other_kinds_are_not_composed(shown):
    current, viewer = shown.current, shown.viewer
    viewer.add_layer(Labels(np.zeros(current.cine.frames.shape, np.int32), scale=current.labels.scale))
    viewer.add_layer(Image(current.cine.frames, scale=current.image.scale))
    assert composable(viewer.layers, current) == [current.image, current.sector_layer, current.labels]


def test_the_picture_is_made_of_grey_levels_and_the_colours_of_the_masks():
    from napari.components import ViewerModel

    from napari_matae.session.session import Session

    session = Session(ViewerModel())
    session.open(cine := make_cine(3))
    proposals(cine, session)
    current = session.current
    current.sector_layer.visible = False
    current.labels.contour, current.labels.opacity = 0, 0.5
    current.image.contrast_limits, current.image.gamma = (50, 150), 0.5
    picture = OnePicture(current, composable(session.viewer.layers, current))
    for frame in (2, 0):
        picture.compose(frame)
        share = np.clip((cine.frames[frame] - 50.0) / 100, 0, 1) ** 0.5
        wanted = np.repeat(255 * share[..., None], 3, axis=2)
        inside = current.labels.data[frame] == 1
        wanted[inside] = 0.5 * wanted[inside] + 0.5 * np.array([0xF0, 0xE4, 0x42])
        np.testing.assert_allclose(picture.pixels[..., :3], wanted, atol=1.01)
        assert (picture.pixels[..., 3] == 255).all()
    current.sector_layer.visible = True
    edge = OnePicture(current, composable(session.viewer.layers, current))
    edge.compose(0)
    assert (edge.pixels[..., 2] > picture.pixels[..., 2].astype(int) + 20).sum() > 50  # its blue
    current.labels.opacity = 1.0
    picture.forget()
    picture.compose(0)
    assert (picture.pixels[inside, :3] == [0xF0, 0xE4, 0x42]).all()
