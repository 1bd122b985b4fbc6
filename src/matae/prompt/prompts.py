"""What a person points at: three landmarks, a box, clicks inside and outside a structure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError
from matae.measure.landmarks import Landmarks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matae.placement import Placement
    from matae.prompt.encode import PromptTensors

__all__ = ["CLICK", "MOST_CLICKS", "Point", "PromptError", "Prompts"]

Point = tuple[float, float]
"""(y, x) in native pixels."""
CLICK = 0.025
"""Reach of a click, a standard deviation as a share of the network's grid."""
MOST_CLICKS = 64
"""Clicks of each sign; a person who needs more draws quicker."""
_LEAST_BOX = 4.0  # pixels a side
_POINTS = ("apex", "left", "right")


class PromptError(MataeError):
    """Nothing can be outlined from what was pointed at."""


@dataclass(frozen=True)
class Prompts:
    """What was pointed at in one frame, in native pixels (y, x).

    Parameters
    ----------
    landmarks
        Apex and hinge points of the left ventricle's cavity, whatever structure is outlined; None where not given.
    box
        Top, left, bottom and right of the structure; None where not given.
    positive, negative
        Clicks inside the structure, and outside it.
    """

    landmarks: Landmarks | None = None
    box: tuple[float, float, float, float] | None = None
    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return self.landmarks is not None or self.box is not None or bool(self.positive or self.negative)

    @classmethod
    def three(cls, apex: Point, one: Point, other: Point) -> Prompts:
        """Return the prompt of three clicks: the apex, then the two hinge points in either order.

        Raises
        ------
        MeasureError
            If two of them are the same point.
        """
        left, right = sorted((one, other), key=lambda point: point[1])
        return cls(Landmarks.from_array([apex, left, right], by_hand=True))

    def clicked(self, at: Point, *, inside: bool) -> Prompts:
        """Return the prompts with a click more."""
        return replace(self, positive=(*self.positive, at)) if inside else replace(self, negative=(*self.negative, at))

    def check(self, shape: tuple[int, int]) -> None:
        """Refuse what no picture of so many rows and columns can have.

        Raises
        ------
        PromptError
            If there is no prompt, a point is not in the picture or not finite, there are too many clicks, or the box is
            hardly one.
        """
        if not self:
            raise PromptError("Nothing was pointed at; click apex and hinge points, drag a box, or click inside.")
        if max(len(self.positive), len(self.negative)) > MOST_CLICKS:
            raise PromptError(f"There are more than {MOST_CLICKS} clicks of one kind; draw with the brush.")
        marks = () if self.landmarks is None else (self.landmarks.apex, self.landmarks.left, self.landmarks.right)
        corners = () if self.box is None else (self.box[:2], self.box[2:])
        for y, x in (*marks, *corners, *self.positive, *self.negative):
            # A pixel is an area: its middle is a whole number.
            if not (math.isfinite(y) and math.isfinite(x) and -0.5 <= y <= shape[0] and -0.5 <= x <= shape[1]):
                raise PromptError(
                    f"The point ({y:.0f}, {x:.0f}) is not in the picture of {shape[0]} rows and {shape[1]} columns; "
                    "point at something in it."
                )
        if self.box is not None and min(self.box[2] - self.box[0], self.box[3] - self.box[1]) < _LEAST_BOX:
            raise PromptError("The box is hardly one; drag it from one corner of the structure to the other.")

    def on_grid(self, placement: Placement) -> PromptTensors:
        """Return the prompts as tensors of one frame, in pixels of a network's grid."""
        import torch

        from matae.prompt.encode import PromptTensors

        def placed(points: list[Point]) -> torch.Tensor:
            return torch.tensor(placement.points(np.array(points, np.float64)), dtype=torch.float32)

        found = PromptTensors.none(1, max(1, len(self.positive), len(self.negative)))
        if self.landmarks is not None:
            found.landmarks[0] = placed([self.landmarks.apex, self.landmarks.left, self.landmarks.right])
        if self.box is not None:
            corners = placed([self.box[:2], self.box[2:]])
            # A frame that is turned upside down turns its box with it.
            found.box[0] = torch.cat([corners.amin(0), corners.amax(0)])
        for clicks, at in ((self.positive, found.positive), (self.negative, found.negative)):
            if clicks:
                at[0, : len(clicks)] = placed(list(clicks))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the prompts as JSON values; what is not given is left out."""
        out: dict[str, Any] = {}
        if self.landmarks is not None:
            out["landmarks"] = {name: list(getattr(self.landmarks, name)) for name in _POINTS}
        if self.box is not None:
            out["box"] = list(self.box)
        return out | {
            name: [list(at) for at in clicks]
            for name, clicks in (("positive", self.positive), ("negative", self.negative))
            if clicks
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Prompts:
        """Rebuild prompts from what `to_json` gives.

        Raises
        ------
        PromptError
            If the values are not prompts.
        """
        known = {"landmarks", "box", "positive", "negative"}
        try:
            unknown = sorted(set(values) - known)
            if unknown:
                raise PromptError(f"'{unknown[0]}' is no prompt; give landmarks, box, positive or negative.")
            marks, box = values.get("landmarks"), values.get("box")
            found = cls()
            if marks is not None:
                found = cls.three(*(_point(marks[name]) for name in _POINTS))
            clicks = [tuple(_point(at) for at in values.get(name, ())) for name in ("positive", "negative")]
            if box is not None:
                top, left, bottom, right = (float(value) for value in box)
                found = replace(found, box=(top, left, bottom, right))
            return replace(found, positive=clicks[0], negative=clicks[1])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise PromptError(
                f"These are no prompts ({what:.80}); give landmarks as apex, left and right, a box as top, left, "
                "bottom, right, and clicks as lists of [row, column]."
            ) from None


def _point(at: Any) -> Point:
    y, x = (float(value) for value in at)
    return y, x
