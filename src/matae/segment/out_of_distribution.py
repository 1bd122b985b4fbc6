"""Is this the kind of picture the network knows? Its autoencoder heads tell, without any mask.

The latents of pictures like those it was trained on rebuild one another; those of a photograph, of noise or of a
negative do not. The share of variance that is left over is compared with a limit from the model's card.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae
    from matae.segment.sector import Sector

__all__ = ["rebuild_errors"]

_FRAMES = 16  # of a clip, evenly spread: what kind of picture it is does not change with the beat
_BATCH = 4


def rebuild_errors(cine: Cine, sector: Sector, model: str) -> tuple[NDArray[np.float64], float] | None:
    """Return how badly the network rebuilds some frames of a clip, and the limit beyond which it does not know them.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    model
        Name in the registry.

    Returns
    -------
    tuple or None
        Share of the latents' variance that is not rebuilt, (T,), NaN for frames that were not asked; and the limit of
        the card. None where the model has no heads or its card no limit.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    SegmentError
        If the sector lies outside the picture.
    """
    import torch

    from matae.models import find_model
    from matae.placement import Placement, network_input
    from matae.threads import set_network_threads

    entry = find_model(model)
    found = _loaded(model, entry.card.sha256)
    if found is None:
        return None
    network, card = found
    place = Placement.of(cine, sector, card.grid)
    chosen = np.unique(np.linspace(0, cine.n_frames - 1, min(_FRAMES, cine.n_frames)).round().astype(int))
    set_network_threads()
    errors = np.full(cine.n_frames, np.nan)
    with torch.inference_mode():
        for start in range(0, len(chosen), _BATCH):
            part = chosen[start : start + _BATCH]
            stages = network.encode(network_input(place.pictures(cine.frames[part])), card.familiar["width"])
            errors[part] = network.rebuild(stages).double().numpy()
    return errors, float(card.familiar["limit"])


@lru_cache(maxsize=2)
def _loaded(model: str, sha256: str) -> tuple[Matae, ModelCard] | None:  # noqa: ARG001 - other weights, other entry
    from matae.models import load_model
    from matae.nn.matae import Matae

    network, card = load_model(model)
    if not isinstance(network, Matae) or network.autoencoder is None or not card.familiar:
        return None
    return network, card
