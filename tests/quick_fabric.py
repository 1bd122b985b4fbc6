"""Lightning looks for callbacks of other packages once a process: the tests train more than a hundred times in one.

For each training it reads the lists of all that is installed.
"""

from __future__ import annotations

from functools import cache

__all__ = ["look_for_callbacks_once"]


def look_for_callbacks_once() -> None:
    """Let Lightning Fabric keep the callbacks of other packages that it found."""
    try:
        from lightning_fabric import fabric
    except ImportError:  # where Lightning is installed as a whole the tests are only slower
        return
    if hasattr(fabric, "_load_external_callbacks"):  # Fabric's own: so they are without it
        fabric._load_external_callbacks = cache(fabric._load_external_callbacks)
