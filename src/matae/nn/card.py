"""The model card: what a weights file is, where it comes from and what it may be used for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

from matae import RESEARCH_USE
from matae.errors import ModelError
from matae.nn.regions import Regions

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["CARD_VERSION", "ModelCard"]

CARD_VERSION = 2
_WITHOUT_REGIONS = 1  # what can be read by everything that reads cards

_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "family": str,
    "architecture": dict,
    "grid": int,
    "classes": (list, tuple),
    "data": str,
    "licence": str,
    "citation": str,
    "preprocessing": dict,
    "sha256": str,
    "parent": (dict, type(None)),
    "figures": dict,
    "training": dict,
    "familiar": dict,
    "grids": dict,
    "regions": (list, tuple),
    "limits": (list, tuple),
    "research_use": str,
}


@dataclass(frozen=True)
class ModelCard:
    """Everything needed to run a checkpoint, to judge it and to repeat it.

    Parameters
    ----------
    name
        Name in the registry, e.g. ``matae-lv``.
    family
        ``matae``, ``imagenet``, ``unet-published`` or ``matae-published``.
    architecture
        The family's own configuration (channels, classes, fold, widths).
    grid
        Side in pixels of the square the network sees.
    classes
        Name of each foreground class, in logit order.
    regions
        The classes that each logit covers, by name, where one covers several (see `matae.nn.regions`); empty where
        each logit is the class of its place.
    preprocessing
        How native frames become network input.
    data, licence, citation
        What it was trained on, under which licence it is shipped, and what to cite.
    sha256
        Digest of the weights file.
    parent
        Name and digest of the model it was trained from, or None.
    figures
        Measured results: data set, split, what was measured, value.
    training
        Configuration of the run, enough to repeat it.
    limits
        Known failures and where not to trust it.
    grids
        Smaller grids that it was checked at, by their side as text: ``pixels``, the longer side of a picture up to
        which it may be scaled to it; ``loss``, the change of the Dice by width and class, in points, and ``of``, where
        it was measured. A model that goes on from another has none of them before it is checked itself.
    familiar
        ``width`` and ``limit`` of the autoencoder heads' error beyond which a picture is not of the kind the model
        knows, and ``of``, where the limit comes from; empty where it has none.
    """

    name: str
    family: str
    architecture: dict[str, Any]
    grid: int
    classes: tuple[str, ...]
    data: str
    licence: str
    citation: str = ""
    preprocessing: dict[str, Any] = field(
        default_factory=lambda: {"crop": "ultrasound sector", "pad": "square", "range": [0, 1], "channels": 1}
    )
    sha256: str = ""
    parent: dict[str, str] | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    familiar: dict[str, Any] = field(default_factory=dict)
    regions: tuple[tuple[str, ...], ...] = ()
    grids: dict[str, Any] = field(default_factory=dict)
    research_use: str = RESEARCH_USE
    version: int = _WITHOUT_REGIONS

    def __post_init__(self) -> None:
        """Give a card with regions the version that programs without them refuse.

        They would take each logit for a class of its own.
        """
        if self.regions:
            object.__setattr__(self, "version", max(self.version, CARD_VERSION))

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths the model can run at, narrowest first."""
        return tuple(float(w) for w in self.architecture.get("widths", (1.0,)))

    @property
    def divisor(self) -> int:
        """Number that both sides of its input must be a multiple of."""
        of_one_shape = {"unet-published": 8, "matae-published": 16, "imagenet": 32}
        if self.family in of_one_shape:
            return of_one_shape[self.family]
        halvings = len(self.architecture.get("channels", (1,))) - 1
        return int(self.architecture.get("fold", 1)) << halvings

    def grid_for(self, pixels: int) -> int:
        """Return the smallest grid that it was checked at for pictures of so many pixels, its own if there is none.

        Parameters
        ----------
        pixels
            Longer side of the part of the picture that is looked at.
        """
        fit = [int(side) for side, said in self.grids.items() if pixels <= said["pixels"]]
        return min([*fit, self.grid])

    @property
    def outputs(self) -> Regions:
        """What each logit of the network stands for, and the number of each class in a mask.

        Raises
        ------
        ModelError
            If the regions of the card do not tell its classes apart.
        """
        return Regions.named(self.classes, self.regions)

    def with_sha256(self, digest: str) -> ModelCard:
        """Return the card of a weights file with this digest."""
        return replace(self, sha256=digest)

    def dumps(self) -> str:
        """Return the card as indented JSON text."""
        values = asdict(self)
        for key in ("regions", "grids"):
            if not values[key]:
                del values[key]
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises
        ------
        ModelError
            If the file is missing, is no card, or is of a newer version.
        """
        where = f"{path.parent.name}/{path.name}"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(f"{path.parent.name} has no {path.name}; import the model again.") from None
        except (ValueError, OSError, RecursionError) as error:
            raise ModelError(f"{where} is no readable model card ({error}); import the model again.") from None
        if not isinstance(values, dict) or not {"name", "family", "architecture", "grid", "classes"} <= set(values):
            raise ModelError(f"{where} is no model card; import the model again.")
        version = values.get("version", 0)
        if not isinstance(version, int) or version > CARD_VERSION:
            raise ModelError(f"The model {values['name']} needs a newer napari-matae; upgrade and try again.")
        # What is not stated stays at its default; keys this version does not know are left out.
        values = {"data": "not stated", "licence": "not stated", "limits": (), **values}
        values = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for key, kind in _KINDS.items():
            if key in values and (not isinstance(values[key], kind) or isinstance(values[key], bool)):
                raise ModelError(f"{where}: '{key}' is {values[key]!r:.60}, which no card has; import the model again.")
        for key in ("classes", "limits"):
            values[key] = tuple(str(item) for item in values[key])
        if any(not isinstance(region, (list, tuple)) for region in values.get("regions", ())):
            raise ModelError(f"{where}: 'regions' is no list of lists of classes; import the model again.")
        values["regions"] = tuple(tuple(str(name) for name in region) for region in values.get("regions", ()))
        _check_grids(values.get("grids", {}), where)
        if not values["classes"]:
            raise ModelError(f"{where} names no class; import the model again.")
        return cls(**values)


def _check_grids(grids: dict[str, Any], where: str) -> None:
    for side, said in grids.items():
        pixels = said.get("pixels") if isinstance(said, dict) else None
        if not (side.isdecimal() and int(side) and isinstance(pixels, int) and pixels > 0):
            raise ModelError(f"{where}: 'grids' names {side!r:.20}, which is no grid; import the model again.")
