"""Write a model as a folder of its own: a foreign ``.pth`` as safetensors with a card, or one width of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from matae.errors import ModelError
from matae.files import staged, writing_to

if TYPE_CHECKING:
    import torch
    from torch import nn

    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae
    from matae.nn.network import Network

__all__ = ["convert_model", "narrowed"]


def convert_model(source: str, out: Path, *, width: float | None = None) -> ModelCard:
    """Write a model as a checkpoint folder.

    Parameters
    ----------
    source
        Name of a model on this machine, a model folder, or the authors' ``.pth`` file.
    out
        Folder to make.
    width
        Keep the network of this width alone, with the narrower ones inside it; all of it if None.

    Returns
    -------
    ModelCard
        As written.

    Raises
    ------
    ModelError
        If the source is unknown or damaged, has no such width, or `out` is there already.
    OutputError
        If it cannot be written.
    """
    from matae.models.foreign import read_foreign
    from matae.models.registry import find_model
    from matae.nn.checkpoint import load, save

    if out.exists():
        raise ModelError(f"{out} is there already; choose another --out.")
    path = Path(source)
    if path.is_file():
        network, card = read_foreign(path, path.stem)
    else:
        network, card = load(path if (path / "card.json").is_file() else find_model(source).folder)
    if width is not None:
        network, card = narrowed(network, card, width)
    with writing_to(out.absolute().parent), staged(out.absolute().parent) as stage:
        card = save(stage / out.name, network, card)
        (stage / out.name).rename(out)
    return card


def narrowed(network: Network, card: ModelCard, width: float) -> tuple[Network, ModelCard]:
    """Return the network of one width as a nested network by itself, and its card.

    Its widths are those of the whole that were narrower, as shares of the new one, where the channels come out alike.

    Raises
    ------
    ModelError
        If it has no such width, or is no nested network.
    """
    import torch

    from matae.nn.matae import Matae
    from matae.nn.widths import format_width

    if not isinstance(network, Matae):
        raise ModelError(f"{card.name} is no nested network and has one width; leave out --width.")
    index = next((i for i, known in enumerate(network.widths) if abs(known - width) < 1e-6), None)
    if index is None:
        have = ", ".join(format_width(w) for w in network.widths)
        raise ModelError(f"{card.name} has no width {format_width(width)}; choose {have}.")
    config = replace(network.config, channels=network.config.at(width), widths=(1.0,), autoencoder=False)
    kept = [i for i in range(index + 1) if config.at(network.widths[i] / width) == network.config.at(network.widths[i])]
    config = replace(config, widths=tuple(network.widths[i] / width for i in kept))
    small = Matae(config)
    with torch.no_grad():
        for mine, whole in zip(small.nested(), network.nested(), strict=True):
            mine.weight.copy_(whole.sliced(mine.weight.shape[0], mine.inputs))
            for norm, i in zip(mine.norms, kept, strict=True):
                norm.load_state_dict(whole.norms[i].state_dict())
        for mine_up, whole_up in zip(small.up, network.up, strict=True):
            _copy_prefix(mine_up, whole_up)
        _copy_prefix(small.head, network.head)
        if small.offsets is not None and network.offsets is not None:
            small.offsets.copy_(network.offsets[kept])
    of = "" if width == 1 else f" at width {format_width(width)}"
    small.regions = network.regions
    return small.eval(), replace(
        card,
        architecture=_as_json(small),
        parent={"name": card.name, "sha256": card.sha256},
        data=f"{card.data}; the network{of} of {card.name}, taken out of it",
        sha256="",
    )


def _copy_prefix(mine: nn.Module, whole: nn.Module) -> None:
    for name, value in mine.named_parameters():
        source = cast("torch.Tensor", getattr(whole, name))
        value.copy_(source[tuple(slice(n) for n in value.shape)])


def _as_json(network: Matae) -> dict[str, object]:
    return network.config.to_json()
