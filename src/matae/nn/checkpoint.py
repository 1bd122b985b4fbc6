"""Checkpoints: a folder with ``model.safetensors`` and ``card.json``. No pickle is ever read.

`build` makes the network a card describes; `save` and `load` are the only ways to and from disk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from matae.errors import ModelError
from matae.files import file_sha256, write_atomic, writing_to
from matae.nn.card import ModelCard
from matae.nn.imagenet import FAMILY, ImageNetUNet
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import PUBLISHED

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from matae.nn.network import Network

__all__ = ["CARD", "WEIGHTS", "build", "load", "save"]

WEIGHTS = "model.safetensors"
CARD = "card.json"


def build(card: ModelCard) -> Network:
    """Return the untrained network that a card describes.

    Raises
    ------
    ModelError
        If the family is unknown or the configuration does not make sense.
    """
    regions = card.outputs
    network = _build(card)
    network.regions = regions
    if card.grid <= 0 or card.grid % network.divisor:
        raise ModelError(
            f"The card of {card.name} names a grid of {card.grid} pixels, but its network needs a multiple of "
            f"{network.divisor}; correct the card."
        )
    return network


def _build(card: ModelCard) -> Network:
    classes = len(card.classes)
    if card.family in PUBLISHED:
        return PUBLISHED[card.family](classes)
    if card.family == FAMILY:
        return ImageNetUNet(classes)
    if card.family == "matae":
        try:
            config = MataeConfig.from_json(card.architecture)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The card of {card.name} does not describe a network ({error}); import the model again."
            ) from None
        if config.classes != classes:
            raise ModelError(
                f"The card of {card.name} names {classes} classes but its network has {config.classes}; "
                "correct the card."
            )
        return Matae(config)
    raise ModelError(f"The model {card.name} is of an unknown family '{card.family}'; upgrade napari-matae.")


def save(folder: Path, model: Network, card: ModelCard, *, half: bool = False) -> ModelCard:
    """Save a model and its card into `folder`, each file whole or not at all.

    Parameters
    ----------
    folder
        Made if missing.
    model
        Network to save.
    card
        Its card; the digest is filled in.
    half
        Store kernels as float16: half the size, loaded back as float32. Batch statistics and biases stay float32;
        they weigh nothing and range further than float16 does.

    Returns
    -------
    ModelCard
        The card as written.

    Raises
    ------
    ModelError
        If a weight is not finite.
    OutputError
        If the disk is full or `folder` cannot be written; what was there is untouched.
    """
    from safetensors.torch import save as to_bytes

    for key, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelError(f"The weights of {card.name} are not finite ({key}) and were not saved; train again.")
    tensors = {key: _for_disk(value, half=half) for key, value in model.state_dict().items()}
    # One entry and no more: several are written in any order, and the same weights would have many digests.
    data = to_bytes(tensors, metadata={"format": "pt"})
    card = card.with_sha256(hashlib.sha256(data).hexdigest())
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Weights first: a crash between the two leaves a digest that does not match, which load refuses in words.
        write_atomic(folder / WEIGHTS, data)
        write_atomic(folder / CARD, card.dumps().encode())
    return card


def _for_disk(value: Tensor, *, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not half or not value.is_floating_point() or value.ndim < 2:
        return value
    halved = value.half()
    return halved if torch.isfinite(halved).all() else value


def load(folder: Path) -> tuple[Network, ModelCard]:
    """Load a model in inference mode, checked against its card.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or the weights do not fit the network of the card.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = ModelCard.read(folder / CARD)
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"The model {card.name} has no {WEIGHTS}; import it again.")
    try:
        digest = file_sha256(path)
        if digest != card.sha256:
            raise ModelError(
                f"The weights of {card.name} are not those its card names (sha256 {digest[:12]}, "
                f"card {card.sha256[:12] or 'none'}); import it again."
            )
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weights of {card.name} cannot be read ({error}); import it again.") from None
    model = build(card)
    load_state(model, {k: v.float() if v.is_floating_point() else v for k, v in state.items()}, card.name)
    return model.eval(), card


def load_state(model: Network, state: dict[str, Tensor], name: str) -> None:
    """Put weights into a network, refusing a misfit with both sides named.

    Raises
    ------
    ModelError
        If names, shapes or finiteness do not fit.
    """
    own = model.state_dict()
    absent, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if absent or extra:
        raise ModelError(
            f"The weights of {name} do not fit its network: {len(absent)} tensors missing "
            f"({', '.join(absent[:3]) or 'none'}), {len(extra)} unknown ({', '.join(extra[:3]) or 'none'}); "
            "take the card and the weights from one folder."
        )
    for key, value in state.items():
        if value.shape != own[key].shape:
            raise ModelError(
                f"The weights of {name} do not fit its network: {key} is {tuple(value.shape)} in the file, "
                f"{tuple(own[key].shape)} in the network; take the card and the weights from one folder."
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelError(f"The weights of {name} hold values that are not finite ({key}); import it again.")
    model.load_state_dict(state)
