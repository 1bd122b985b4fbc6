"""The registry: models that came with the package and models a person added.

A model is a folder with weights and card. Bundled ones are read-only; others live in the user's data folder
(``MATAE_HOME`` overrides it). A user's model never hides a bundled one: names are unique.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.models.pointer import Pointer

if TYPE_CHECKING:
    from matae.nn.card import ModelCard
    from matae.nn.network import Network

__all__ = [
    "DEFAULT_MODEL",
    "ModelEntry",
    "check_name",
    "find_model",
    "has_other_weights",
    "home",
    "list_models",
    "load_model",
    "new_model_folder",
]

DEFAULT_MODEL = "matae-apical"
_BUNDLED = Path(__file__).parent / "bundled"
# Names become folders: nothing that another operating system reads differently.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True)
class ModelEntry:
    """A model on this machine.

    Parameters
    ----------
    name
        Unique name.
    folder
        Folder with its weights and card.
    bundled
        Whether it came with the package.
    """

    name: str
    folder: Path
    bundled: bool

    @property
    def card(self) -> ModelCard:
        """Its card, read from disk."""
        from matae.nn.card import ModelCard

        return ModelCard.read(self.folder / "card.json")


def home() -> Path:
    """Return the folder of everything napari-matae keeps for this user (not made here)."""
    if override := os.environ.get("MATAE_HOME"):
        return Path(override)
    import platformdirs

    return platformdirs.user_data_path("napari-matae", appauthor=False)


def list_models() -> list[ModelEntry]:
    """Return all models, the one in use first, then those of the package, then by name."""
    pointer = Pointer.read(home())
    first = DEFAULT_MODEL if pointer is None else pointer.model
    entries = [
        ModelEntry(card.parent.name, card.parent, bundled)
        for root, bundled in ((_BUNDLED, True), (home() / "models", False))
        if root.is_dir()
        for card in root.glob("*/card.json")
        if not card.parent.name.startswith(".")
    ]
    return sorted(entries, key=lambda e: (e.name != first, not e.bundled, e.name))


def find_model(name: str) -> ModelEntry:
    """Return the model called `name`.

    Raises
    ------
    ModelError
        If there is none.
    """
    entries = list_models()
    for entry in entries:
        if entry.name == name:
            return entry
    have = ", ".join(e.name for e in entries) or "none"
    raise ModelError(f"There is no model '{name}'; on this machine: {have}.")


def has_other_weights(name: str, sha256: str) -> bool:
    """Return whether a model of this name is here, and is not the one that was meant.

    A later version of the package, or another computer, may hold other weights under a name that a study remembers.

    Parameters
    ----------
    name
        Its name.
    sha256
        Of the weights that were meant; where it is empty, any are.
    """
    return any(entry.name == name and bool(sha256) and entry.card.sha256 != sha256 for entry in list_models())


def load_model(name: str) -> tuple[Network, ModelCard]:
    """Load the model called `name`, checked against its card.

    Raises
    ------
    ModelError
        If there is none, or it is damaged.
    """
    from matae.nn.checkpoint import load

    return load(find_model(name).folder)


def check_name(name: str) -> None:
    """Refuse what cannot name a model.

    Raises
    ------
    ModelError
        If the name is not made of letters, digits, dots and dashes.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(f"'{name}' is no model name; choose one of letters, digits, dots and dashes (at most 64).")


def new_model_folder(name: str) -> Path:
    """Return the folder a new model of this name goes to (not made here).

    Raises
    ------
    ModelError
        If the name is taken, or is no plain name.
    """
    check_name(name)
    folder = home() / "models" / name
    # Some file systems do not tell capitals apart, so neither do we.
    if folder.exists() or any(entry.name.casefold() == name.casefold() for entry in list_models()):
        raise ModelError(f"There is a model '{name}' already; choose another name.")
    return folder
