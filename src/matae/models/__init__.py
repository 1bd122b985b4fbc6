"""The registry of models: bundled and imported. Importing this package does not import torch."""

from __future__ import annotations

from matae.models.foreign import import_model
from matae.models.registry import (
    DEFAULT_MODEL,
    ModelEntry,
    check_name,
    find_model,
    home,
    list_models,
    load_model,
    new_model_folder,
)

__all__ = [
    "DEFAULT_MODEL",
    "ModelEntry",
    "check_name",
    "find_model",
    "home",
    "import_model",
    "list_models",
    "load_model",
    "new_model_folder",
]
