"""Which classes of a model are compared with which of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.anatomy import class_of_name
from matae.errors import MataeError

if TYPE_CHECKING:
    from matae.labelled import LabelledSet
    from matae.nn.card import ModelCard

__all__ = ["EvaluateError", "PairedClass", "common_classes"]


class EvaluateError(MataeError):
    """A model cannot be evaluated on these data."""


@dataclass(frozen=True)
class PairedClass:
    """A class that both the model and the data have, with its number in each."""

    name: str
    ours: int
    theirs: int


def common_classes(card: ModelCard, labelled: LabelledSet) -> list[PairedClass]:
    """Pair the classes by name, and by number where one side gives no more than a number.

    Parameters
    ----------
    card
        Of the model.
    labelled
        The data.

    Raises
    ------
    EvaluateError
        If there is none in common.
    """
    by_name = {name.casefold(): number for number, name in labelled.classes.items()}
    # Two lists may call one structure by two names (myocardium, left ventricular myocardium).
    by_kind = {class_of_name(name): number for number, name in labelled.classes.items()}
    pairs: list[PairedClass] = []
    for name, ours in zip(card.classes, card.outputs.values, strict=True):
        theirs = by_name.get(name.casefold())
        if theirs is None and (kind := class_of_name(name)):
            theirs = by_kind.get(kind)
        if theirs is None and ours in labelled.classes:
            nameless = any(text.casefold().startswith("class ") for text in (name, labelled.classes[ours]))
            theirs = ours if nameless else None
        if theirs is not None and theirs not in {pair.theirs for pair in pairs}:
            named = labelled.classes[theirs] if name.casefold().startswith("class ") else name
            pairs.append(PairedClass(named, ours, theirs))
    if not pairs:
        raise EvaluateError(
            f"The model {card.name} finds {', '.join(card.classes)}, but the masks of {labelled.folder.resolve().name} "
            f"hold {', '.join(labelled.classes.values())}; choose another model or other data."
        )
    return pairs
