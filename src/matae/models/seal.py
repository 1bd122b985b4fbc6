"""Binding a verdict to the weights it was given on, the model it compares with, and the study that gave it.

A card is a file that anybody can write into. So a verdict carries the sha256 of both models and a seal under the key of
the study: only who has the study can give one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from matae.nn.card import ModelCard

    Keyed = Callable[[str, int], str]
    """`matae.store.Study.keyed`: a text under the study's key, so many hexadecimal digits of it."""

__all__ = ["is_by_choice", "sealed", "why_not_offered"]

_DIGITS = 64
_ANEW = "retrain for a new verdict, or compare the two models and decide yourself"
_UNCLEAR = "no clear difference"  # `matae.learn.verdict.UNCLEAR`, in a room that this one does not know


def sealed(verdict: Mapping[str, Any], keyed: Keyed) -> dict[str, Any]:
    """Return a verdict of a card with the seal of the study that gave it."""
    bare = {key: value for key, value in verdict.items() if key != "seal"}
    return bare | {"seal": keyed(_text(bare), _DIGITS)}


def is_by_choice(card: ModelCard) -> bool:
    """Return whether a model's verdict found no clear difference: it may be used by choice."""
    verdict = card.figures.get("verdict") if isinstance(card.figures, dict) else None
    return isinstance(verdict, dict) and verdict.get("outcome") == _UNCLEAR and verdict.get("offered") is False


def why_not_offered(card: ModelCard, in_use: str, keyed: Keyed | None, *, by_choice: bool = False) -> str:
    """Return why no verdict offers a model for use in the place of the one in use, a clause; empty if one does.

    Parameters
    ----------
    card
        Of the model.
    in_use
        The model it would replace.
    keyed
        The study's key, as `matae.store.Study.keyed`; None if no study is at hand.
    by_choice
        Take a verdict of no clear difference for an offer; it must be as genuine as one.
    """
    verdict = card.figures.get("verdict") if isinstance(card.figures, dict) else None
    if not isinstance(verdict, dict):
        return "nobody has compared it on held-out patients."
    if verdict.get("offered") is not True and not (by_choice and is_by_choice(card)):
        return str(verdict.get("sentence", "nobody has compared it on held-out patients."))
    reason = ""
    if not verdict.get("seal"):
        reason = f"its verdict has no seal of a study, so anybody may have written it; {_ANEW}."
    elif verdict.get("sha256") != card.sha256:
        reason = f"its verdict was given on other weights; {_ANEW}."
    elif verdict.get("against_sha256") != _sha256(in_use):
        other = verdict.get("against")
        # After a patient was forgotten a model has the name of the one that learnt from them, and other weights.
        weights = " with other weights" if other == in_use else ""
        reason = f"its verdict compares it with {other}, and {in_use} is in use{weights}; {_ANEW}."
    elif keyed is None:
        reason = "only the study that gave its verdict can tell whether it is genuine; name or open that study."
    elif verdict != sealed(verdict, keyed):
        reason = f"its verdict was not given by this study, or was changed since; {_ANEW}."
    return reason


def _text(bare: Mapping[str, Any]) -> str:
    return "verdict:" + json.dumps(bare, sort_keys=True, separators=(",", ":"))


def _sha256(name: str) -> str:
    from matae.models.registry import find_model

    try:
        found = find_model(name).card.sha256
    except MataeError:
        return "unknown"  # a broken one: nothing is known to have been compared with it
    return found or "unknown"
