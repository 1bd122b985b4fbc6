"""napari-matae: open an echo cine, outline the left ventricle, correct it, measure it.

Importing this package imports neither napari, Qt nor torch: napari imports it to read the manifest.
"""

from __future__ import annotations

from matae import __version__

__all__ = ["__version__"]
