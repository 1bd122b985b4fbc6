"""What the viewer shows of masks: each structure with its own colour and its name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from matae.anatomy import CLASS_NAMES
from matae.phantom import make_phantom
from napari_matae.session.layers import class_colour, label_colours, make_labels


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


_FIRST = """
import numpy as np
from numba.core.event import install_recorder
from matae.phantom import make_phantom
from napari_matae.session.layers import make_ghost, make_labels

cine = make_phantom(0, n_frames=2, frame_rate=12, shape=(48, 64)).cine
masks = np.ones(cine.frames.shape, np.uint8)
with install_recorder("numba:compile") as compiled:
    for layer in (make_labels(cine, masks), make_ghost(cine, masks, "proposal", "red")):
        layer.refresh()  # its thumbnail, too
        layer.colormap.map(masks[0])  # as the canvas asks for the colours of the masks' own type
        layer.get_color(1)
print([event.data["dispatcher"] for _, event in compiled.buffer])
"""


def test_the_first_mask_of_a_process_waits_for_no_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", _FIRST], capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_a_value_without_a_name_has_a_colour_and_none_has_the_background() -> None:
    colours = label_colours().map(np.arange(256, dtype=np.uint8))
    assert colours[0].tolist() == [0, 0, 0, 0]
    assert (colours[6:] == colours[5]).all()
    assert colours[1:, 3].all()
    assert len({tuple(row) for row in colours[1:6].tolist()}) == len({class_colour(value) for value in range(1, 6)})
