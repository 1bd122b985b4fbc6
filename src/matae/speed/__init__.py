"""How fast this machine is: frames a second at each width and backend, opening, the first mask, memory.

Importing this package does not import torch.
"""

from __future__ import annotations

from matae.speed.run import measure_speed

__all__ = ["measure_speed"]
