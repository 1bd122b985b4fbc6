"""Networks, losses and checkpoints. Importing this package imports torch."""

from __future__ import annotations
