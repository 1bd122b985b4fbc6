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
