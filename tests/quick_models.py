"""A tiny model is made once a process, and written from memory for every other test that asks for the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    from torch import Tensor

__all__ = ["save_once"]

_MADE: dict[Hashable, tuple[dict[str, bytes], Tensor]] = {}
"""Files of each model, and how torch's random numbers go on after it was made."""


def save_once(key: Hashable, folder: Path, save: Callable[[Path], object]) -> None:
    """Save a model into a folder, by `save` the first time that this process sees the key."""
    import torch

    if key not in _MADE:
        save(folder)
        _MADE[key] = {path.name: path.read_bytes() for path in folder.iterdir()}, torch.get_rng_state()
        return
    files, random = _MADE[key]
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    torch.set_rng_state(random)
