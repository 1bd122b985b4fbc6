"""The model in use: promoting one, and going back.

Both change one small file, replaced whole: a crash at any moment leaves the old model in use, or the new one. Going
back reads nothing of the model it leaves, so it also works when that one is broken.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from matae.errors import ModelError, NotOfferedError
from matae.files import file_sha256, staged, writing_to
from matae.models.pointer import Pointer
from matae.models.registry import DEFAULT_MODEL, ModelEntry, find_model, home, list_models, new_model_folder
from matae.models.seal import why_not_offered

if TYPE_CHECKING:
    from pathlib import Path

    from matae.models.seal import Keyed
    from matae.nn.card import ModelCard

__all__ = ["current_model", "earlier_models", "install_model", "promote", "remove_model", "rewrite_card", "rollback"]


def current_model() -> str:
    """Return the name of the model in use: the one promoted last, else the one that comes with the package."""
    found = Pointer.read(home())
    return DEFAULT_MODEL if found is None else found.model


def earlier_models() -> list[str]:
    """Return the models that were in use before, the last one first; `rollback` goes to the first that is whole."""
    found = Pointer.read(home())
    before = [] if found is None else [name for name in reversed(found.before) if name != found.model]
    return list(dict.fromkeys([*before, *([DEFAULT_MODEL] if current_model() != DEFAULT_MODEL else [])]))


def promote(name: str, *, anyway: bool = False, by_choice: bool = False, keyed: Keyed | None = None) -> str:
    """Put a model into use, and return the name of the one it replaces.

    Parameters
    ----------
    name
        A model of the registry. It is loaded once, so that a broken file is never put into use.
    anyway
        Also where no verdict offers it, such as for an imported model.
    by_choice
        Also where its verdict says that there is no clear difference.
    keyed
        `matae.store.Study.keyed` of the study whose retraining judged it: the verdict must be its own.

    Raises
    ------
    NotOfferedError
        If no verdict on held-out patients offers these very weights in the place of the model in use.
    ModelError
        If there is no such model, it is damaged, or already in use.
    OutputError
        If the disk is full.
    """
    from matae.nn.checkpoint import load

    before = current_model()
    entry = find_model(name)
    if name == before:
        raise ModelError(f"{name} is in use already; nothing was changed.")
    _, card = load(entry.folder)
    reason = "" if anyway else why_not_offered(card, before, keyed, by_choice=by_choice)
    if reason:
        raise NotOfferedError(f"{name} is not offered for use: {reason}")
    found = Pointer.read(home())
    Pointer(name, (*(found.before if found else ()), before)).write(home())
    return before


def rollback() -> str:
    """Go back to the model that was in use before, and return its name; a broken one on the way is passed over.

    Raises
    ------
    ModelError
        If there is none to go back to.
    OutputError
        If the disk is full.
    """
    found = Pointer.read(home())
    if found is None or not found.before:
        if found is not None and found.model != DEFAULT_MODEL:
            Pointer(DEFAULT_MODEL).write(home())
            return DEFAULT_MODEL
        raise ModelError(f"No model was in use before {current_model()}; there is nothing to go back to.")
    before = list(found.before)
    while before:
        name = before.pop()
        if name != found.model and _is_whole(name):
            Pointer(name, tuple(before)).write(home())
            return name
    raise ModelError(
        f"None of the models that were in use before {found.model} is whole; choose one of the others and put that "
        "into use."
    )


def _is_whole(name: str) -> bool:
    try:
        entry = find_model(name)
        return file_sha256(entry.folder / "model.safetensors") == entry.card.sha256
    except (ModelError, OSError):
        return False


def install_model(folder: Path, name: str) -> ModelEntry:
    """Copy a model folder into the registry as it is, extra files included: whole, or not at all.

    Raises
    ------
    ModelError
        If it is damaged, or the name is taken.
    OutputError
        If the disk is full.
    """
    from dataclasses import replace

    from matae.nn.checkpoint import CARD, load

    _, card = load(folder)
    target = new_model_folder(name)
    with writing_to(target.parent), staged(target.parent) as stage:
        shutil.copytree(folder, stage / name)
        (stage / name / CARD).write_bytes(replace(card, name=name).dumps().encode())
        (stage / name).rename(target)
    return ModelEntry(name, target, bundled=False)


def rewrite_card(name: str, card: ModelCard) -> None:
    """Replace the card of a model a person added; the weights stay.

    Raises
    ------
    ModelError
        If the model is not there or came with the package.
    """
    from matae.files import write_atomic

    entry = _own(name)
    with writing_to(entry.folder):
        write_atomic(entry.folder / "card.json", card.dumps().encode())


def remove_model(name: str) -> None:
    """Delete a model a person added; where it is in use, the one before it is used again.

    Raises
    ------
    ModelError
        If the model is not there or came with the package.
    OutputError
        If the folder cannot be written.
    """
    entry = _own(name)
    found = Pointer.read(home())
    if found is not None and name in {found.model, *found.before}:
        left = [each for each in found.before if each != name]
        if found.model != name:
            Pointer(found.model, tuple(left)).write(home())
        else:
            while left and not _is_whole(left[-1]):
                left.pop()
            Pointer(left[-1] if left else DEFAULT_MODEL, tuple(left[:-1])).write(home())
    with writing_to(entry.folder.parent):
        # Out of the list at once, whatever happens while the files go.
        hidden = entry.folder.with_name(f".{name}.removed")
        shutil.rmtree(hidden, ignore_errors=True)
        entry.folder.rename(hidden)
        shutil.rmtree(hidden)


def _own(name: str) -> ModelEntry:
    entry = next((e for e in list_models() if e.name == name), None) or find_model(name)
    if entry.bundled:
        raise ModelError(f"{name} came with the package and cannot be changed; choose a model of your own.")
    return entry
