"""What napari calls by the manifest: reader, writer and sample data.

Imported when the menu is built, so it imports nothing heavy at the top.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    LayerData = tuple[Any, dict[str, Any], str]

__all__ = ["get_reader", "phantom_sample", "real_sample", "write_mask"]

# napari itself opens single pictures and TIFF stacks as plain images; the Open step takes those as cines, and so does
# what is dropped on the canvas while the dock is open (see `napari_matae.open.drop_reader`).
_LEFT_TO_NAPARI = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".npy", ".npz"})


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return a reader if the path is a cine we can open, else None.

    Parameters
    ----------
    path
        A file or folder; of several, none is taken as one stack.
    """
    if not isinstance(path, str):
        return None
    from matae.read import can_read

    file = Path(path)
    if file.suffix.lower() in _LEFT_TO_NAPARI and not _is_preferred(file):
        return None
    return read_cine if can_read(file) else None


def _is_preferred(path: Path) -> bool:
    """Say whether the user, or the open dock, chose this reader for files of this kind."""
    from napari_matae.open.drop_reader import READER, preferred_reader

    return preferred_reader(path) == READER


def read_cine(path: str) -> list[LayerData]:
    """Read a cine as one image layer whose metadata holds the Cine.

    Raises
    ------
    ReadError
        If it cannot be opened; napari shows the sentence.
    """
    from napari.utils.notifications import show_warning

    from matae.read import list_cines
    from napari_matae.session.layers import image_layer_data

    references = list_cines(Path(path))
    if len(references) > 1:
        show_warning(
            f"{Path(path).name} holds {len(references)} cines; showing the first. Open the folder in the MatAE dock "
            "to choose."
        )
    cine = references[0].open()
    for sentence in cine.warnings:
        show_warning(sentence)
    return [image_layer_data(cine)]


def real_sample() -> list[LayerData]:
    """Return the apical four-chamber cine that comes with pydicom."""
    from matae.demo import demo_cine
    from napari_matae.session.layers import image_layer_data

    return [image_layer_data(demo_cine())]


def phantom_sample() -> list[LayerData]:
    """Return a synthetic apical four-chamber cine with its exact masks."""
    from matae.phantom import make_phantom
    from napari_matae.session.layers import image_layer_data

    phantom = make_phantom(seed=0)
    image = image_layer_data(phantom.cine)
    exact = {"name": f"Exact LV of {phantom.cine.source.name}", "scale": image[1]["scale"], "opacity": 0.4}
    # Hidden at first: it is the answer, to compare a model with.
    return [image, (phantom.masks, exact | {"visible": False}, "labels")]


def write_mask(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer as NIfTI with the spacing and frame time of its cine.

    Parameters
    ----------
    path
        File ending in ``.nii.gz`` or ``.nii``.
    data
        Masks (T, Y, X).
    meta
        The layer's attributes.

    Returns
    -------
    list of str
        The file written.
    """
    from matae.output import write_mask as write
    from napari_matae.session.layers import CINE_KEY

    target = Path(path)
    write(target, data, (meta.get("metadata") or {}).get(CINE_KEY))
    return [str(target)]
