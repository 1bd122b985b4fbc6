"""The registry: bundled, imported and retrained models, and which of them is in use.

Importing this package does not import torch.
"""

from __future__ import annotations

from matae.models.convert import convert_model
from matae.models.current import (
    current_model,
    earlier_models,
    install_model,
    promote,
    remove_model,
    rewrite_card,
    rollback,
)
from matae.models.describe import card_text, what_is_broken
from matae.models.foreign import import_model
from matae.models.registry import (
    DEFAULT_MODEL,
    ModelEntry,
    check_name,
    find_model,
    has_other_weights,
    home,
    list_models,
    load_model,
    new_model_folder,
)

__all__ = [
    "DEFAULT_MODEL",
    "ModelEntry",
    "card_text",
    "check_name",
    "convert_model",
    "current_model",
    "earlier_models",
    "find_model",
    "has_other_weights",
    "home",
    "import_model",
    "install_model",
    "list_models",
    "load_model",
    "new_model_folder",
    "promote",
    "remove_model",
    "rewrite_card",
    "rollback",
    "what_is_broken",
]
