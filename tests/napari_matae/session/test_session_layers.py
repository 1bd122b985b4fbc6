"""What the viewer shows of masks: each structure with its own colour and its name."""

from __future__ import annotations

import numpy as np

from matae.anatomy import CLASS_NAMES
from matae.phantom import make_phantom
from napari_matae.session.layers import make_labels


def test_a_pixel_of_each_structure_has_its_name_and_its_colour() -> None:
    cine = make_phantom(0, n_frames=2, frame_rate=12, shape=(48, 64)).cine
    masks = np.zeros(cine.frames.shape, np.uint8)
    masks[:, 5, 5:8] = 1, 2, 3
    layer = make_labels(cine, masks)
    size = cine.pixel_aspect
    shown = [layer.get_status((0, 5 * size[0], x * size[1]), world=True)["value"] for x in range(4, 8)]
    assert shown == [f"{n}; structure: {name}" for n, name in enumerate(("background", *CLASS_NAMES))]
    colours = {tuple(layer.get_color(value).round(3)) for value in (1, 2, 3)}
    assert len(colours) == 3


def seen_outline(layer: object, mask: np.ndarray) -> np.ndarray:
    """Return the outline that a layer shows of a mask (Y, X)."""
    return layer._raw_to_displayed(mask, tuple(slice(0, n) for n in mask.shape))


def test_outlines_are_those_of_napari_and_looked_for_only_where_there_is_a_mask(monkeypatch) -> None:
    from napari.layers import Labels
    from napari.layers.labels import labels as napari_labels

    rng = np.random.default_rng(0)
    shape = (60, 80)
    masks = np.zeros((7, *shape), np.uint8)
    masks[1, 20:40, 30:50] = 1
    masks[2, 0:30, 0:10] = 1  # at the edges of the picture
    masks[3, 50:, 60:] = 2
    masks[4, 5, 5] = 3
    masks[5, 10:30, 10:30], masks[5, 15:20, 12:28] = 1, 2
    masks[6] = rng.integers(0, 3, shape)
    cine = make_phantom(0, n_frames=7, frame_rate=12, shape=shape).cine
    quick, theirs = make_labels(cine, masks), Labels(masks)
    theirs.colormap = quick.colormap
    for width in (1, 2, 5):
        quick.contour = theirs.contour = width
        for mask in masks:
            np.testing.assert_array_equal(seen_outline(quick, mask), seen_outline(theirs, mask))
    part = (slice(10, 30), slice(5, 45))  # napari draws a stroke by parts
    np.testing.assert_array_equal(quick._raw_to_displayed(masks[5], part), theirs._raw_to_displayed(masks[5], part))
    quick.contour = theirs.contour = 0
    np.testing.assert_array_equal(seen_outline(quick, masks[5]), seen_outline(theirs, masks[5]))
    looked_at: list[tuple[int, ...]] = []
    real = napari_labels.get_contours

    def get_contours(labels, *rest):
        looked_at.append(labels.shape)
        return real(labels, *rest)

    monkeypatch.setattr(napari_labels, "get_contours", get_contours)
    quick.contour = 2
    for mask in masks[:2]:
        seen_outline(quick, mask)
    assert looked_at == [(24, 24)]  # nothing on an empty frame; the box of a mask with a margin of the outline's width
