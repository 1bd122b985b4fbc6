"""Models in words: the card to read, and whether the files are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.files import file_sha256

if TYPE_CHECKING:
    from typing import Any

    from matae.models.registry import ModelEntry
    from matae.nn.card import ModelCard

__all__ = ["card_text", "what_is_broken"]


def what_is_broken(entry: ModelEntry) -> str:
    """Return what is wrong with a model's files, in a sentence; empty if they are those its card was written for."""
    try:
        card = entry.card
    except ModelError as error:
        return str(error)
    try:
        digest = file_sha256(entry.folder / "model.safetensors")
    except OSError:
        return f"{entry.name} has no readable model.safetensors; import it again, or go back to another model."
    if not card.sha256:
        return f"{entry.name} states no sha256, so nobody can tell whether its weights are whole; import it again."
    if digest != card.sha256:
        return f"The weights of {entry.name} are not those its card was written for; import it again."
    return ""


def card_text(card: ModelCard) -> str:
    """Return a model's card as lines to read."""
    from matae.nn.widths import format_width

    parent = card.parent.get("name", "unnamed") if card.parent else "none"
    facts = [
        ("family", card.family),
        ("widths", ", ".join(format_width(w) for w in card.widths)),
        ("grid", f"{card.grid} x {card.grid} pixels{_smaller(card)}"),
        ("finds", ", ".join(card.classes)),
        ("data", card.data),
        ("licence", card.licence),
        ("citation", card.citation or "none stated"),
        ("parent", parent),
        ("sha256", card.sha256 or "none stated"),
    ]
    lines = [card.name, "", *(f"{key:<10}{value}" for key, value in facts)]
    for title, values in (("Figures", card.figures), ("Training", card.training)):
        lines += ["", f"{title}:", *(_indented(values) or ["  none stated"])]
    lines += ["", "Limits:", *([f"  - {limit}" for limit in card.limits] or ["  none stated"]), "", card.research_use]
    return "\n".join(lines)


def _smaller(card: ModelCard) -> str:
    """Return the smaller grids in words."""
    return "".join(f"; {side} for pictures of {said['pixels']} or less" for side, said in card.grids.items())


def _indented(value: Any, depth: int = 1) -> list[str]:
    pad = "  " * depth
    if not isinstance(value, dict):
        return [f"{pad}{_plain(value)}"]
    lines: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{pad}{key}:", *_indented(inner, depth + 1)]
        else:
            lines.append(f"{pad}{key}: {_plain(inner)}")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
