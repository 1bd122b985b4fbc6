"""What each logit of a network stands for: a class alone, or a region that several classes fill together.

Structures that lie inside each other are learnt as regions, each with a sigmoid of its own (as the region-based
training of nnU-Net, F. Isensee et al., "nnU-Net for Brain Tumor Segmentation", BrainLes 2020): the epicardium encloses
the cavity and the wall, so its outline is one closed curve, and the wall is what lies between two outlines. A network
that told the wall from the cavity pixel by pixel would learn the same border twice, and could contradict itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.anatomy import CAVITY, CLASS_NAMES, WALL, class_of_name
from matae.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Regions"]


@dataclass(frozen=True)
class Regions:
    """The classes of a network, and which of them each of its logits covers.

    Parameters
    ----------
    classes
        Name of each foreground class.
    values
        Number of each class in a mask: that of `matae.anatomy` for a structure known there, by its name; its place in
        the list, from 1, for any other.
    covers
        For each logit the numbers of the classes it covers.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    covers: tuple[tuple[int, ...], ...]

    @classmethod
    def alone(cls, classes: Sequence[str]) -> Regions:
        """Return one logit a class.

        Raises
        ------
        ModelError
            If two classes share a number.
        """
        values = _values(classes)
        return cls(tuple(classes), values, tuple((value,) for value in values))

    @classmethod
    def numbered(cls, count: int) -> Regions:
        """Return one logit a class, for so many classes without names."""
        return cls.alone([f"class {number}" for number in range(1, count + 1)])

    @classmethod
    def nested(cls, classes: Sequence[str]) -> Regions:
        """Return the regions in which classes are learnt: cavity and wall become cavity and epicardium.

        Raises
        ------
        ModelError
            If two classes share a number.
        """
        each = cls.alone(classes)
        if not {CAVITY, WALL} <= set(each.values):
            return each
        covers = tuple((CAVITY, WALL) if value == WALL else (value,) for value in each.values)
        return cls(each.classes, each.values, covers)

    @classmethod
    def named(cls, classes: Sequence[str], regions: Sequence[Sequence[str]]) -> Regions:
        """Return the regions that a model card names; one logit a class where it names none.

        Raises
        ------
        ModelError
            If a region is empty or names another class than those of the card, two regions are the same, or a class
            cannot be told from the regions.
        """
        each = cls.alone(classes)
        if not regions:
            return each
        number = dict(zip(classes, each.values, strict=True))
        unknown = [name for region in regions for name in region if name not in number]
        if unknown:
            raise ModelError(
                f"The card names the region '{unknown[0]}', which is none of its classes; correct the card."
            )
        covers = tuple(tuple(sorted({number[name] for name in region})) for region in regions)
        found = cls(each.classes, each.values, covers)
        if not all(covers) or len(set(covers)) < len(covers) or not found._tells_classes_apart():
            raise ModelError(
                "The regions of the card do not tell its classes apart; name one region a class: the class alone, or "
                "the class with those inside it."
            )
        return found

    def _tells_classes_apart(self) -> bool:
        """Say whether each class is a region without the regions inside it."""
        return len(self.covers) == len(self.values) and all(self._outline(value) is not None for value in self.values)

    def _outline(self, value: int) -> tuple[int, ...] | None:
        """Return the one region that is the class and what lies inside it, None if there is none or a choice."""
        alone = {cover[0] for cover in self.covers if len(cover) == 1}
        fitting = [c for c in self.covers if value in c and set(c) - {value} <= alone - {value}]
        smallest = sorted(fitting, key=len)
        return smallest[0] if smallest and (len(smallest) == 1 or len(smallest[0]) < len(smallest[1])) else None

    @property
    def is_nested(self) -> bool:
        """Whether a logit covers more than one class."""
        return any(len(cover) > 1 for cover in self.covers)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The classes that each logit covers, by name, for a model card; empty where each covers one."""
        if not self.is_nested:
            return ()
        name = dict(zip(self.values, self.classes, strict=True))
        return tuple(tuple(name[value] for value in cover) for cover in self.covers)

    @property
    def by_number(self) -> dict[str, str]:
        """The name of each class by its number in a mask, as JSON has it."""
        return {str(value): name for value, name in sorted(zip(self.values, self.classes, strict=True))}

    def logit_of(self, value: int) -> int | None:
        """Return the index of the logit that outlines a class, with what lies inside it; None if it has none."""
        cover = self._outline(value) if value in self.values else None
        return None if cover is None else self.covers.index(cover)

    def targets(self, masks: Tensor) -> Tensor:
        """Return what the sigmoids of the logits should be.

        Parameters
        ----------
        masks
            Class of every pixel, (N, Y, X) uint8; 0 is background.

        Returns
        -------
        Tensor
            0 and 1, (N, logits, Y, X) float32.
        """
        import torch

        maps = []
        for cover in self.covers:
            inside = masks == cover[0]
            for value in cover[1:]:
                inside = inside | (masks == value)
            maps.append(inside)
        return torch.stack(maps, 1).float()

    def labels(self, logits: Tensor) -> Tensor:
        """Return the class of every pixel as the logits say it, pixel by pixel.

        The cavity is where its own logit is above 0, whatever the others say. The epicardium encloses the cavity, and
        the wall is what is left of it. Where another structure claims a pixel of the wall too, the larger probability
        decides.

        Parameters
        ----------
        logits
            (N, logits, Y, X).

        Returns
        -------
        Tensor
            (N, Y, X) uint8; 0 is background.
        """
        import torch

        if not self.is_nested:
            best, index = logits.max(1)
            values = torch.tensor(self.values, dtype=torch.uint8, device=logits.device)
            return torch.where(best > 0, values[index], 0).to(torch.uint8)
        order = sorted(range(len(self.covers)), key=lambda i: (len(self.covers[i]), self.covers[i]))
        inner = [i for i in order if self._is_inner(i)]
        outer = [i for i in order if i not in inner]
        found = torch.zeros_like(logits[:, 0], dtype=torch.uint8)
        best = torch.zeros_like(logits[:, 0])
        for i in outer:
            value = self._class_of(i)
            strength = logits[:, i]
            for j in inner:
                if set(self.covers[j]) < set(self.covers[i]):
                    strength = torch.maximum(strength, logits[:, j])
            over = strength > best
            found = torch.where(over, value, found)
            best = torch.where(over, strength, best)
        for i in inner:
            found = torch.where(logits[:, i] > 0, self._class_of(i), found)
        return found

    def _is_inner(self, index: int) -> bool:
        """Say whether a logit's region lies inside another's."""
        own = set(self.covers[index])
        return any(own < set(cover) for cover in self.covers)

    def _class_of(self, index: int) -> int:
        return next(value for value in self.values if self._outline(value) == self.covers[index])


def _values(classes: Sequence[str]) -> tuple[int, ...]:
    values = tuple(class_of_name(name) or place for place, name in enumerate(classes, start=1))
    if len(set(values)) < len(values):
        raise ModelError(
            f"Two of the classes {', '.join(classes)} are the same number in a mask; name those that are known as "
            f"{', '.join(CLASS_NAMES)}."
        )
    return values
