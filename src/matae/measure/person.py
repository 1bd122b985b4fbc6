"""Whom a clip shows, as far as measurements are indexed by it or compared with a normal range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from matae.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HEIGHT_CM", "WEIGHT_KG", "Person", "person_of"]

HEIGHT_CM = 30.0, 250.0
WEIGHT_KG = 1.0, 400.0
"""Heights and weights that a person can have, from and to."""


@dataclass(frozen=True)
class Person:
    """Sex, height and weight; each None where nobody says it.

    Parameters
    ----------
    sex
        ``female`` or ``male``: normal ranges are given for these two.
    height_cm, weight_kg
        Centimetres and kilograms.

    Raises
    ------
    MeasureError
        If a height or a weight is none that a person can have: a metre typed for centimetres.
    """

    sex: Literal["female", "male"] | None = None
    height_cm: float | None = None
    weight_kg: float | None = None

    def __post_init__(self) -> None:
        for value, (low, high), what in (
            (self.height_cm, HEIGHT_CM, "cm is no height of a person; give centimetres"),
            (self.weight_kg, WEIGHT_KG, "kg is no weight of a person; give kilograms"),
        ):
            if value is not None and not low <= value <= high:
                raise MeasureError(f"{value:g} {what} between {low:g} and {high:g}.")

    @property
    def body_surface_m2(self) -> float | None:
        """Body surface area in m2 by D. and E. F. Du Bois (Arch Intern Med 17:863-871, 1916); None without both sizes.

        0.007184 H^0.725 W^0.425, with centimetres and kilograms.
        """
        if self.height_cm is None or self.weight_kg is None:
            return None
        return float(0.007184 * self.height_cm**0.725 * self.weight_kg**0.425)

    def indexed(self, value: float | None) -> float | None:
        """Return a value divided by the body surface area, None where either is not known."""
        surface = self.body_surface_m2
        return None if value is None or surface is None else value / surface

    @property
    def words(self) -> str:
        """Sex, sizes and body surface area in words; empty where nothing is said."""
        said: list[str] = [self.sex or ""]
        said += [] if self.height_cm is None else [f"{self.height_cm:.0f} cm"]
        said += [] if self.weight_kg is None else [f"{self.weight_kg:.0f} kg"]
        surface = self.body_surface_m2
        said += [] if surface is None else [f"body surface {surface:.2f} m² (Du Bois)"]
        return ", ".join(filter(None, said))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with the body surface area."""
        surface = self.body_surface_m2
        return {
            "sex": self.sex,
            "height_cm": self.height_cm,
            "weight_kg": self.weight_kg,
            "body_surface_m2": None if surface is None else round(surface, 4),
        }


def person_of(info: Mapping[str, Any], said: Person | None = None) -> Person:
    """Return whom a clip shows: what a person says of each wins over what the file states.

    Parameters
    ----------
    info
        `matae.cine.Cine.info`; its ``sex``, ``height_cm`` and ``weight_kg`` count as far as they make sense.
    said
        What somebody says; None and what is None in it leave the word to the file.
    """
    said = said or Person()
    stated: dict[str, Any] = {"sex": info.get("sex") if info.get("sex") in ("female", "male") else None}
    for name, (low, high) in (("height_cm", HEIGHT_CM), ("weight_kg", WEIGHT_KG)):
        value = info.get(name)
        stated[name] = float(value) if isinstance(value, int | float) and low <= value <= high else None
    return Person(
        said.sex or stated["sex"],
        stated["height_cm"] if said.height_cm is None else said.height_cm,
        stated["weight_kg"] if said.weight_kg is None else said.weight_kg,
    )
