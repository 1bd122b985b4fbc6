"""Outline a structure from a few clicks, a box or three landmarks, with what the network saw of the frame.

Importing this package imports neither torch nor numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from matae.prompt.carry import carry_head
    from matae.prompt.clip import PromptRequest, outline_clip, read_requests
    from matae.prompt.outline import Outlined, Prompter, prompter_for
    from matae.prompt.prompts import PromptError, Prompts
    from matae.prompt.through import Followed, follow

__all__ = [
    "ENOUGH",
    "Followed",
    "Outlined",
    "PromptError",
    "PromptRequest",
    "Prompter",
    "Prompts",
    "carry_head",
    "follow",
    "outline_clip",
    "prompter_for",
    "read_requests",
]

ENOUGH = 0.8
"""Confidence below which a mask is not taken further through the beat."""

_WHERE = {
    "Followed": "through",
    "Outlined": "outline",
    "PromptError": "prompts",
    "PromptRequest": "clip",
    "Prompter": "outline",
    "Prompts": "prompts",
    "carry_head": "carry",
    "follow": "through",
    "outline_clip": "clip",
    "prompter_for": "outline",
    "read_requests": "clip",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
