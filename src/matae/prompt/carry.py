"""The prompt head goes with its model: into a copy, and into the network of one width taken out of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matae.prompt.head import PromptHead

__all__ = ["carry_head", "narrowed_head"]


def carry_head(source: str, out: Path, *, width: float | None = None) -> bool:
    """Write the prompt head of a model beside a converted copy of it.

    Parameters
    ----------
    source
        Name of the model, or its folder.
    out
        Folder of the copy, as `matae.models.convert_model` made it.
    width
        The width that was taken out; None where all of it was copied.

    Returns
    -------
    bool
        Whether the model has a head.

    Raises
    ------
    ModelError
        If the head is damaged, or belongs to other weights.
    OutputError
        If it cannot be written.
    """
    from matae.models import find_model
    from matae.nn.card import ModelCard
    from matae.prompt.weights import HEAD, load_head, save_head

    path = Path(source)
    if path.is_file():  # a foreign checkpoint
        return False
    folder = path if (path / "card.json").is_file() else find_model(source).folder
    if not (folder / HEAD).is_file():
        return False
    card, made = ModelCard.read(folder / "card.json"), ModelCard.read(out / "card.json")
    head = load_head(folder / HEAD, card)
    if width is not None:
        head = narrowed_head(head, width, made.widths)
    save_head(out / HEAD, head, made, taken_from=card.name)
    return True


def narrowed_head(head: PromptHead, width: float, kept: tuple[float, ...]) -> PromptHead:
    """Return the head of a network that was taken out at a width.

    Parameters
    ----------
    head
        Of the whole network.
    width
        That width.
    kept
        The widths of the network taken out, as shares of it.
    """
    from matae.prompt.head import PromptHead

    at = [head.config.widths.index(min(head.config.widths, key=lambda w: abs(w - width * each))) for each in kept]
    small = PromptHead(replace(head.config, features=tuple(head.config.features[i] for i in at), widths=kept))
    state = {key: value for key, value in head.state_dict().items() if not key.startswith("stems.")}
    for new, old in enumerate(at):
        state |= {f"stems.{new}.{key}": value for key, value in head.stems[old].state_dict().items()}
    small.load_state_dict(state)
    return small.eval()
