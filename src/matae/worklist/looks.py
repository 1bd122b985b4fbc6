"""What is kept of a clip's frames so that the next one to correct can be chosen over a whole study.

It is made when a clip is segmented and is small: 256 bytes a frame and two figures. The vectors are the latents of a
network that never changes, so that those of clips segmented years apart, by whatever model was retrained since, can
be compared.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matae.store.types import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.nn.matae import Matae
    from matae.segment import Segmentation, Segmenter, SegmentOptions
    from matae.segment.sector import Sector

__all__ = ["LOOK_MODEL", "LOOK_WIDTH", "features", "looks_of"]

LOOK_MODEL = "matae-lv"
"""The model whose latents are kept: it comes with the package and never changes."""
LOOK_WIDTH = 0.25
"""Width it is used at: a sixteenth of the work of the whole network."""
_BATCH = 4


def features(pictures: NDArray[np.uint8], model: str = LOOK_MODEL, width: float = LOOK_WIDTH) -> NDArray[np.float16]:
    """Return what a network sees in pictures: mean and spread over the picture of its deepest features, of length one.

    Parameters
    ----------
    pictures
        (N, grid, grid) uint8, as the network wants them.
    model
        A nested model of the registry.
    width
        Of the network.

    Returns
    -------
    numpy.ndarray
        (N, 2 * channels) float16.

    Raises
    ------
    ModelError
        If there is no such model or width, or it is damaged.
    """
    import torch

    from matae.nn.pooled import pooled
    from matae.placement import network_input
    from matae.threads import set_network_threads

    network, _ = _loaded(model)
    set_network_threads()
    batches = (pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH))
    with torch.inference_mode():
        found = [pooled(network.encode(network_input(batch), width)).numpy() for batch in batches]
    if not found:
        return np.zeros((0, 0), np.float16)
    vectors = np.concatenate(found)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: NDArray[np.float16] = (vectors / lengths).astype(np.float16)
    return scaled


def looks_of(
    cine: Cine,
    sector: Sector,
    frames: Sequence[int],
    result: Segmentation,
    options: SegmentOptions,
    *,
    make: Callable[[SegmentOptions], Segmenter] | None = None,
) -> dict[int, Look]:
    """Return what is to be kept of some frames of a clip that has just been segmented.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network saw.
    frames
        0-based frames.
    result
        Masks and probabilities.
    options
        Model, device and backend that made them.
    make
        Gives a model made ready, as for `matae.segment.compare.compare_widths`.

    Raises
    ------
    ModelError, DeviceError, SegmentError
        As `features` and `matae.segment.compare.compare_widths`.
    """
    from dataclasses import replace

    from matae.placement import Placement
    from matae.segment.compare import compare_widths
    from matae.segment.expected import expected_dice

    wanted = sorted(set(frames))
    if not wanted:
        return {}
    _, grid = _loaded(LOOK_MODEL)
    vectors = features(Placement.of(cine, sector, grid).pictures(np.asarray(cine.frames[wanted])))
    own = replace(options, width=result.run["width"])
    apart = dict(compare_widths(cine, sector, own, result.masks.__getitem__, wanted, make=make))
    return {
        frame: Look(
            f"{LOOK_MODEL} {LOOK_WIDTH:g}",
            vector,
            expected_dice(result.masks[frame], result.probability[frame]),
            apart.get(frame),
        )
        for frame, vector in zip(wanted, vectors, strict=True)
    }


@lru_cache(maxsize=2)
def _loaded(model: str) -> tuple[Matae, int]:
    from matae.errors import ModelError
    from matae.models import load_model
    from matae.nn.matae import Matae

    network, card = load_model(model)
    if not isinstance(network, Matae):
        raise ModelError(f"{model} is not a nested model; its latents cannot be compared. Choose matae-lv.")
    return network.eval(), card.grid
