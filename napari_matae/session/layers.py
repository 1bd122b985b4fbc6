"""Cines as napari layers: one place decides scale, colours, names and metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import ATRIUM_COLOUR, WALL_COLOUR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from napari.layers import Image, Labels, Layer, Points, Shapes
    from napari.utils.colormaps import CyclicLabelColormap
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import Sector

__all__ = [
    "CINE_KEY",
    "CLASS_COLOURS",
    "OUTLINE_WIDTH",
    "PICTURE_KEY",
    "SECTOR_KEY",
    "STAND_IN_KEY",
    "STATE_KEY",
    "cine_of",
    "class_colour",
    "forget_history",
    "image_layer_data",
    "image_metadata",
    "image_of",
    "is_picture_of",
    "is_stand_in",
    "label_colours",
    "make_ghost",
    "make_handles",
    "make_labels",
    "make_sector_layer",
    "picture_of",
    "sector_polygon",
]

CINE_KEY = "matae_cine"
"""Key of a layer's metadata that holds its Cine."""

STATE_KEY = "matae_open"
"""Key of a layer's metadata that holds its state of work, so that a dock closed and opened again goes on with it."""

SECTOR_KEY = "matae_sector"
"""Key of a layer's metadata that holds the sector that was found when the cine was read."""

STAND_IN_KEY = "matae_stand_in"
"""Key of a layer's metadata that is true where it only stands for others while a cine plays, as no other layer does."""

PICTURE_KEY = "matae_picture"
"""Key of a layer's metadata that is true where it is the picture of a cine that is still to be opened."""

OUTLINE_WIDTH = 2
"""Pixels of the ventricle's outline; thin enough to judge the border under it."""

# Okabe-Ito colours: told apart by every kind of colour vision, and none of them is the grey of tissue.
CLASS_COLOURS = ("#f0e442", WALL_COLOUR, ATRIUM_COLOUR, "#0072b2", "#e69f00")
"""Colours of the classes 1, 2, ...: cavity, wall, atrium, and those without a name."""
SECTOR_COLOUR = "#56b4e9"
PROPOSAL_COLOUR = "#d55e00"
PREVIEW_COLOUR = "#ffffff"
UNCERTAIN_COLOUR = "#cc79a7"
PROMPT_COLOURS = {"apex": "#e69f00", "hinge": "#56b4e9", "inside": "#009e73", "outside": "#d55e00"}
_PROMPT_SYMBOLS = {"apex": "disc", "hinge": "square", "inside": "cross", "outside": "x"}
HANDLE_COLOURS = ("#e69f00", "#56b4e9", "#56b4e9")


def class_colour(value: int) -> str:
    """Return the colour of a class of a mask."""
    return CLASS_COLOURS[min(value, len(CLASS_COLOURS)) - 1]


def image_layer_data(cine: Cine) -> tuple[Any, dict[str, Any], str]:
    """Return the layer tuple of a cine, as napari's readers and samples give it."""
    scale = (1.0, *cine.pixel_aspect)
    keywords = {
        "name": cine.source.name,
        "scale": scale,
        "colormap": "gray",
        "contrast_limits": (0, 255),
        "interpolation2d": "linear",
        "metadata": image_metadata(cine),
    }
    return cine.frames, keywords, "image"


def image_metadata(cine: Cine, sector: Sector | None = None) -> dict[str, Any]:
    """Return what makes an image layer that of a cine: the cine, and the sector that was found in it."""
    return {CINE_KEY: cine} if sector is None else {CINE_KEY: cine, SECTOR_KEY: sector}


def image_of(cine: Cine, sector: Sector | None = None) -> Image:
    """Return a cine as a napari image layer, with the sector that was found in it where somebody looked."""
    layer = picture_of(cine)
    layer.metadata = image_metadata(cine, sector)
    return layer


def picture_of(cine: Cine) -> Image:
    """Return the picture of a cine alone, as an image layer that no session follows before it opens that cine."""
    from napari.layers import Image

    data, keywords, _ = image_layer_data(cine)
    return Image(data, **keywords | {"metadata": {PICTURE_KEY: True}})


def is_picture_of(layer: Layer, cine: Cine) -> bool:
    """Return whether a layer is the picture of a cine alone, which `picture_of` made; one that a person made is not."""
    return PICTURE_KEY in layer.metadata and layer.data is cine.frames


def cine_of(layer: object) -> Cine | None:
    """Return the Cine a layer shows, or None if it is not one of ours."""
    metadata = getattr(layer, "metadata", None)
    return metadata.get(CINE_KEY) if isinstance(metadata, dict) else None


def is_stand_in(layer: Layer) -> bool:
    """Return whether a layer only stands for others while a cine plays: whoever goes over all layers leaves it out."""
    return bool(layer.metadata.get(STAND_IN_KEY))


def label_colours() -> CyclicLabelColormap:
    """Return the colours of a labels layer, one for each value of a mask.

    A list of all of them, not the few by name: those napari maps by functions that it compiles in each process anew,
    for seconds, and the first mask would wait for it.
    """
    return _colours([class_colour(value) for value in range(1, 256)])


def _colours(colours: Sequence[str]) -> CyclicLabelColormap:
    """Return what napari maps the values 1 to 255 by; 0 is transparent."""
    from napari.utils.colormaps import CyclicLabelColormap

    return CyclicLabelColormap(colors=["transparent", *colours])


def make_labels(cine: Cine, masks: NDArray[np.uint8]) -> Labels:
    """Return a labels layer over a cine, (T, Y, X) uint8."""
    from napari.layers import Labels

    from matae.anatomy import CLASS_NAMES

    layer = Labels(
        masks,
        name=f"LV of {cine.source.name}",
        scale=(1.0, *cine.pixel_aspect),
        opacity=0.9,
        colormap=label_colours(),
        # What the pixel under the pointer is, in the viewer's status line.
        features={"index": range(len(CLASS_NAMES) + 1), "structure": ["background", *CLASS_NAMES]},
        metadata={CINE_KEY: cine},
    )
    layer.contour = OUTLINE_WIDTH
    layer.selected_label = 1
    layer.brush_size = max(3, round(min(cine.shape) / 40))
    # A brush in 3-D would paint neighbouring frames.
    layer.n_edit_dimensions = 2
    return layer


def forget_history(labels: Labels) -> None:
    """Empty a layer's own undo history.

    It knows neither frames nor proposals: taken back later, a stroke would write old pixels into new masks. A layer
    that is locked forgets what it could undo, which is the one public way to ask for it. One that is locked stays so.
    """
    mode, editable = labels.mode, labels.editable
    labels.editable = not editable
    labels.editable = editable
    labels.mode = mode


def make_ghost(cine: Cine, masks: NDArray[np.uint8], name: str, colour: str, contour: int = OUTLINE_WIDTH) -> Labels:
    """Return a labels layer that only shows masks (T, Y, X) uint8; it cannot be drawn in.

    `contour` is the width of their outline in pixels; 0 fills them.
    """
    from napari.layers import Labels

    layer = Labels(
        masks,
        name=name,
        scale=(1.0, *cine.pixel_aspect),
        opacity=1.0,
        colormap=_colours([colour] * 255),
    )
    layer.contour = contour
    layer.editable = False
    return layer


def make_handles(cine: Cine, points: NDArray[np.float64]) -> Points:
    """Return a points layer with apex, left and right hinge point, (3, 2) as (y, x)."""
    from napari.layers import Points

    layer = Points(
        points,
        name="Handles",
        scale=cine.pixel_aspect,
        size=max(6.0, max(cine.shape) / 45),
        face_color=list(HANDLE_COLOURS),
        border_color="white",
        border_width=0.12,
        symbol=["disc", "square", "square"],
        opacity=0.95,
    )
    # Dragging is ours: napari's own tool would also add and delete points.
    layer.mode = "pan_zoom"
    return layer


def make_prompts(cine: Cine, points: Sequence[tuple[float, float]], kinds: Sequence[str]) -> Points:
    """Return a points layer with what was clicked, (y, x) each: ``apex``, ``hinge``, ``inside`` or ``outside``."""
    from napari.layers import Points

    layer = Points(
        np.array(points),
        name="Clicks",
        scale=cine.pixel_aspect,
        size=max(5.0, max(cine.shape) / 60),
        border_color="white",
        border_width=0.12,
        opacity=0.95,
    )
    layer.mode = "pan_zoom"
    layer.editable = False
    show_prompts(layer, points, kinds)
    return layer


def show_prompts(layer: Points, points: Sequence[tuple[float, float]], kinds: Sequence[str]) -> None:
    """Show other clicks in the layer of `make_prompts`."""
    layer.data = np.array(points)
    layer.face_color = [PROMPT_COLOURS[kind] for kind in kinds]
    layer.symbol = [_PROMPT_SYMBOLS[kind] for kind in kinds]


def make_sector_layer(cine: Cine, sector: Sector) -> Shapes:
    """Return a shapes layer with the sector's outline, the same on every frame."""
    from napari.layers import Shapes

    return Shapes(
        [sector.polygon],
        shape_type="polygon",
        name=f"Sector of {cine.source.name}",
        scale=cine.pixel_aspect,
        edge_color=SECTOR_COLOUR,
        edge_width=max(1.0, max(cine.shape) / 300),
        face_color="transparent",
        opacity=0.6,
    )


def sector_polygon(layer: Shapes) -> NDArray[np.float64] | None:
    """Return the outline (N, 2) as (y, x) drawn in a sector layer; the last shape counts, None if there is none."""
    if not layer.data:
        return None
    return np.asarray(layer.data[-1], dtype=np.float64)[:, -2:]
