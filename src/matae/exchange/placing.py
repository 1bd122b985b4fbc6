"""How the placing of a clip is written into a manifest, and read again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matae.cine import Box
from matae.errors import ExchangeError
from matae.placement import Placement, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["placement_from_json", "placement_to_json"]


def placement_to_json(fit: Placement) -> dict[str, Any]:
    """Return a placing as JSON values, for the manifest."""
    return {
        "shape": list(fit.shape), "box": list(fit.box), "aspect": list(fit.aspect), "size": fit.size,
        "flip": fit.flip, "target": None if fit.size is None else list(fit.target),
    }  # fmt: skip


def placement_from_json(values: Any, where: str) -> Placement:
    """Return what `placement_to_json` wrote.

    Raises
    ------
    ExchangeError
        If the values make no sense.
    """
    try:
        rows, columns = (int(v) for v in values["shape"])
        box = Box(*(int(v) for v in values["box"]))
        aspect_y, aspect_x = (float(v) for v in values["aspect"])
        size = None if values["size"] is None else int(values["size"])
        flip = bool(values["flip"])
        target = _target(values.get("target"))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise ExchangeError(f"{where}: the placing of a clip is damaged; export the data again.") from None
    sound = 0 < rows <= 20_000 and 0 < columns <= 20_000 and 0 <= box.y0 < box.y1 <= rows
    sound = sound and 0 <= box.x0 < box.x1 <= columns and 0.05 < aspect_y / max(aspect_x, 1e-9) < 20
    sound = sound and (size is None or 8 <= size <= 4096) and math.isfinite(aspect_y)
    if sound and size is not None and target is not None:
        sound = min(target) >= 0 and target.height > 0 and target.width > 0
        sound = sound and max(target.top + target.height, target.left + target.width) <= size
    if not sound:
        raise ExchangeError(f"{where}: the placing of a clip makes no sense; export the data again.")
    aspect = (aspect_y, aspect_x)
    fit = Placement((rows, columns), box, aspect, size, flip)
    if size is None:
        return fit
    stated = _before_targets(fit, size) if target is None else target
    return fit if stated == fit.target else Placement((rows, columns), box, aspect, size, flip, None, stated)


def _target(values: Sequence[Any] | None) -> Target | None:
    if values is None:
        return None
    top, left, height, width = (float(v) for v in values)
    return Target(top, left, height, width)


def _before_targets(fit: Placement, size: int) -> Target:
    """Return where the box lies in exports whose manifest does not say it.

    The first exports scaled a square of native pixels around the box, centred to a native pixel, and turned it upside
    down as a whole.
    """
    side = max(fit.box.height * fit.aspect[0], fit.box.width * fit.aspect[1])
    scale_y, scale_x = size * fit.aspect[0] / side, size * fit.aspect[1] / side
    height, width = fit.box.height * scale_y, fit.box.width * scale_x
    top = math.floor((side / fit.aspect[0] - fit.box.height) / 2) * scale_y
    left = math.floor((side / fit.aspect[1] - fit.box.width) / 2) * scale_x
    return Target(size - top - height if fit.flip else top, left, height, width)
