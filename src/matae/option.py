"""One definition of an option for everywhere it is offered: command line, forms of the dock, documentation.

An options dataclass annotates its fields, such as ``seconds: Annotated[float, Option("Time.", unit="s", least=1)]``.
Help, unit and range stand there and nowhere else; the default is the field's own.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Option", "OptionField", "option_fields"]


@dataclass(frozen=True)
class Option:
    """How a field of an options dataclass is offered.

    Parameters
    ----------
    help
        What it does, in a sentence or two.
    label
        Its name in a form; the field's if left out.
    flag
        Its name on the command line; the field's with dashes if left out.
    metavar
        What stands for its value on the command line.
    unit
        Of the number, such as ``s``.
    least, most
        Range of the number, ends included; None where there is no end.
    choices
        What can be chosen, with the words for it in a form; empty where anything can.
    no_value
        Words in a form for a value that stands for none: 0, or empty.
    """

    help: str
    label: str = ""
    flag: str = ""
    metavar: str = ""
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: Mapping[Any, str] = field(default_factory=dict)
    no_value: str = ""


@dataclass(frozen=True)
class OptionField:
    """A field of an options dataclass with what is said of it.

    Parameters
    ----------
    name
        Of the field.
    type
        Of its value, without what is said of it.
    default
        Its value where nobody chose; made anew each time where the dataclass has a factory for it.
    option
        What is said of it.
    """

    name: str
    type: Any
    default: Any
    option: Option

    @property
    def label(self) -> str:
        """Its name in a form."""
        return self.option.label or self.name.replace("_", " ").capitalize()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return self.option.flag or f"--{self.name.replace('_', '-')}"


def option_fields(options: type) -> dict[str, OptionField]:
    """Return the fields of an options dataclass that are offered, in order, by name.

    Parameters
    ----------
    options
        A dataclass; fields without an `Option` are not offered.
    """
    offered = _offered(options)
    found = {}
    for entry in fields(options):
        if entry.name in offered:
            kind, option = offered[entry.name]
            default = entry.default if entry.default_factory is MISSING else entry.default_factory()
            found[entry.name] = OptionField(entry.name, kind, None if default is MISSING else default, option)
    return found


@cache
def _offered(options: type) -> dict[str, tuple[Any, Option]]:
    found = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        said = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Option)]
        if said:
            found[name] = hint.__origin__, said[0]
    return found
