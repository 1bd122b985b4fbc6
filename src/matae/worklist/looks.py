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

__all__ = ["LOOK_MODEL", "LOOK_WIDTH", "expected_dice", "features", "looks_of"]

LOOK_MODEL = "matae-lv"
"""The model whose latents are kept: it comes with the package and never changes."""
LOOK_WIDTH = 0.25
"""Width it is used at: a sixteenth of the work of the whole network."""
_BATCH = 4


def expected_dice(mask: NDArray[np.uint8], probability: NDArray[np.uint8]) -> float:
    """Return the Dice of the cavity to be expected of a mask, if the network's probabilities are right.

    Twice the expected overlap over the sum of the mask's area and the expected area. Where the probabilities are those
    of a network that is too sure, as most are, it is too high; it still tells frames apart.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X); 1 is the cavity.
    probability
        Of the most likely class or region, (Y, X) uint8, 255 is certain; as `matae.segment.FrameMask` has it.

    Returns
    -------
    float
        In 0-1; 0 for an empty mask where a cavity is expected, 1 where none is.
    """
    inside = mask == 1
    sure = probability.astype(np.float64) / 255
    there = float(sure[inside].sum())
    # Outside, a single region's probability is the cavity's; in another class it is that class's, and this is not.
    expected = there + float(sure[mask == 0].sum()) + float((1 - sure[mask > 1]).sum())
    total = float(np.count_nonzero(inside)) + expected
    return 1.0 if total == 0 else 2 * there / total


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

    from matae.placement import network_input
    from matae.threads import set_network_threads

    network, _ = _loaded(model)
    set_network_threads()
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _BATCH):
            deepest = network.encode(network_input(pictures[start : start + _BATCH]), width)[-1].float().flatten(2)
            found.append(torch.cat([deepest.mean(2), deepest.std(2, unbiased=False)], 1).numpy())
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
