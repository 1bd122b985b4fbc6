"""Import models: our own checkpoint folders, and the authors' ``.pth`` files.

A ``.pth`` is a pickle. It is read with ``weights_only``, which admits tensors and plain containers and runs no
code, then stored as safetensors with a card.
"""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.files import staged, writing_to
from matae.models.registry import ModelEntry, new_model_folder

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor

    from matae.nn.card import ModelCard
    from matae.nn.network import Network

__all__ = ["import_model", "read_foreign"]

_PUBLISHED_GRID = 112
# A damaged file can make the reader stumble anywhere.
_UNREADABLE = (
    RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    MemoryError, OSError,
)  # fmt: skip
_WRAPPERS = ("state_dict", "model_state_dict", "model")


def import_model(path: Path, name: str | None = None) -> ModelEntry:
    """Add a model to the registry.

    Parameters
    ----------
    path
        A folder with ``model.safetensors`` and ``card.json``, a ``.pth``/``.pt`` file in the layout of the paper's
        authors, or an ``adapter.safetensors`` whose base is on this machine.
    name
        Name in the registry; the folder's or file's name if None.

    Returns
    -------
    ModelEntry
        The new entry.

    Raises
    ------
    ModelError
        If the file is missing, holds code or unknown tensors, does not fit its card, or the name is taken.
    OutputError
        If the user's data folder is full or cannot be written.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist; name a .pth file or a model folder.")
    target = new_model_folder(name or (path.name if path.is_dir() else path.stem))
    # Renamed whole: a model is either there and checked, or not there.
    with writing_to(target.parent), staged(target.parent) as stage:
        folder = stage / target.name
        if path.is_dir():
            _copy_folder(path, folder, target.name)
        elif path.suffix == ".safetensors":
            _fit(path, folder, target.name)
        else:
            _convert(path, folder, target.name)
        folder.rename(target)
    return ModelEntry(target.name, target, bundled=False)


def _copy_folder(folder: Path, staging: Path, name: str) -> None:
    from dataclasses import replace

    from matae.nn.checkpoint import load, save

    model, card = load(folder)
    save(staging, model, replace(card, name=name))


def _fit(path: Path, staging: Path, name: str) -> None:
    """Make the model that an adapter file and its base are together."""
    from dataclasses import replace

    from matae.models.registry import list_models, load_model
    from matae.nn.adapter import ADAPTER, apply_adapter, read_adapter
    from matae.nn.checkpoint import save

    adapter = read_adapter(path)
    base = next((e.name for e in list_models() if e.card.sha256 == adapter.base_sha256), None)
    if base is None:
        raise ModelError(
            f"{path.name} was made for {adapter.base} (sha256 {adapter.base_sha256[:12]}), which is not on this "
            "machine; import that model first."
        )
    model, card = load_model(base)
    apply_adapter(model, adapter)
    parent = {"name": card.name, "sha256": card.sha256}
    limits = ("Fitted to one site by an adapter; nothing about it was measured here.", *card.limits)
    data = f"{card.name} ({card.data}); then an adapter from elsewhere"
    save(staging, model, replace(card, name=name, parent=parent, figures={}, data=data, limits=limits), half=True)
    adapter.save(staging / ADAPTER)


def _convert(path: Path, staging: Path, name: str) -> None:
    from matae.nn.checkpoint import save

    save(staging, *read_foreign(path, name))


def read_foreign(path: Path, name: str) -> tuple[Network, ModelCard]:
    """Read the authors' ``.pth`` file, and give it a card.

    Raises
    ------
    ModelError
        If the file holds code or unknown tensors.
    """
    from matae.nn.checkpoint import build, load_state

    state = _read_pth(path)
    card = _recognise(state, name, path.name)
    model = build(card)
    load_state(model, state, path.name)
    return model, card


def _read_pth(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        with warnings.catch_warnings():
            # torch remarks on old formats; what matters is said below.
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error):
            raise ModelError(f"{path.name} is no PyTorch weights file; choose a .pth or .pt file.") from None
        raise ModelError(
            f"{path.name} holds more than weights and could run code when opened; ask its authors for a plain "
            "state_dict (torch.save(model.state_dict(), ...)) or a safetensors file."
        ) from None
    except _UNREADABLE as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path.name} is no PyTorch weights file ({first}); choose a .pth or .pt file.") from None
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(v, torch.Tensor) for v in content.values()) or not content:
        raise ModelError(f"{path.name} holds no state_dict; save it with torch.save(model.state_dict(), ...).")
    # nn.DataParallel prefixes every name.
    return {str(key).removeprefix("module."): value.float() if value.is_floating_point() else value
            for key, value in content.items()}  # fmt: skip


def _recognise(state: dict[str, Tensor], name: str, source: str) -> ModelCard:
    from matae.nn.card import ModelCard

    for family, head in (("matae-published", "out_conv.weight"), ("unet-published", "out.weight")):
        marker = "mae.encoders.0.0.weight" if family == "matae-published" else "enc1.0.weight"
        if head in state and marker in state:
            count = int(state[head].shape[0]) if state[head].ndim else 0
            if not 1 <= count <= 255:
                raise ModelError(f"{source} has {count} classes in {head}; ask its authors for a sound file.")
            classes = ("left ventricular cavity",) if count == 1 else tuple(f"class {i + 1}" for i in range(count))
            return ModelCard(
                name=name,
                family=family,
                architecture={"widths": [1.0]},
                grid=_PUBLISHED_GRID,
                classes=classes,
                data=f"not stated (imported from {source})",
                licence="not stated; ask its authors",
                limits=("Trained elsewhere; nothing about it was measured here.",),
            )
    names = ", ".join(sorted(state)[:3]) or "none"
    raise ModelError(
        f"{source} is neither the published MatAE-U-Net nor the published U-Net (its tensors begin {names}); "
        "import a model folder with model.safetensors and card.json."
    )
