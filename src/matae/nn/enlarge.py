"""More classes for a network that was trained on fewer: what it knows stays, what it does not know starts as rare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from matae.errors import ModelError
from matae.nn.matae import Matae
from matae.nn.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.nn.card import ModelCard
    from matae.nn.network import Network

__all__ = ["with_classes"]

_LAST = ("head.weight", "head.bias", "offsets")


def with_classes(network: Network, card: ModelCard, classes: Sequence[str], *, seed: int) -> tuple[Network, ModelCard]:
    """Return a network for other classes that starts from one for some of them.

    Each logit whose region the first network has keeps its weights, to the bit. Every other one starts from new ones,
    with a bias that makes it rare.

    Parameters
    ----------
    network, card
        The first network and its card.
    classes
        Names of the classes wanted.
    seed
        Of the new weights.

    Raises
    ------
    ModelError
        If the network is no nested one, or two classes share a number.
    """
    if not isinstance(network, Matae):
        raise ModelError(f"{card.name} is of a family that takes no other classes; start from a nested model (matae).")
    regions = Regions.nested(classes)
    shape = replace(network.config, classes=len(regions.covers))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        whole = Matae(shape)
    block = shape.fold**2  # logits of one class before they are unfolded
    before, after = network.state_dict(), whole.state_dict()
    with torch.no_grad():
        for key, value in before.items():
            if key not in _LAST:
                after[key].copy_(value)
                continue
            axis = 1 if key == "offsets" else 0
            for new, cover in enumerate(regions.covers):
                if cover in network.regions.covers:
                    old = network.regions.covers.index(cover)
                    after[key].narrow(axis, new * block, block).copy_(value.narrow(axis, old * block, block))
    whole.load_state_dict(after)
    whole.regions = regions
    made = replace(
        card, architecture=shape.to_json(), classes=tuple(classes), regions=regions.names, figures={}, familiar={}
    )
    return whole.eval(), made
