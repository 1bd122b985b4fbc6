"""A model, a data set with reference masks, and every figure about them.

Every frame goes the way it goes for a user: the reader's cine, the sector found in it, the network, logits brought back
to native pixels, one connected part kept (`matae.segment`). What is compared is the native mask with the native
reference, whatever the network's grid.
"""

from __future__ import annotations

from matae.evaluate.classes import EvaluateError
from matae.evaluate.run import evaluate

__all__ = ["EvaluateError", "evaluate"]
