"""What the classes of a folder from outside are: by name and code, and by what a person says of the others.

Nothing is taken for a class because of its number, and nothing is guessed: names that are not known are collected and
asked for together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from matae.anatomy import (
    ATRIUM,
    CAVITY,
    WALL,
    class_name,
    class_of_code,
    class_of_name,
    combine,
    is_another,
    leaves_side_open,
    plain_name,
    side_of_name,
)
from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NO_CHOICE", "SKIP", "Drawn", "Named", "Naming", "UnknownClassError", "read_answers"]

_Key = TypeVar("_Key", bound="Hashable")

SKIP = "skip"
"""Said of a class that is to be left out."""

_KNOWN = "left ventricle, myocardium, left atrium"
# What tools write where they only mean that something was segmented; then the label has to say what.
NO_CHOICE = frozenset(
    {
        "", "tissue", "organ", "body organ", "heart", "entire heart", "endo cardiac", "anatomical structure",
        "body structure", "segment", "segmentation", "region of interest", "physical object", "object", "structure",
    }
)  # fmt: skip
_MOST_SAID = 8


class UnknownClassError(ExchangeError):
    """A folder has classes that nothing is known of; a person has to say what they are.

    Parameters
    ----------
    message
        The sentence.
    names
        The classes, as the folder calls them.
    """

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


@dataclass(frozen=True)
class Named:
    """A class as a file states it.

    Parameters
    ----------
    name
        What it is called there.
    group
        What it belongs to (the supercategory of COCO); a hint on the side of the heart.
    code, scheme, meaning
        As DICOM codes it; empty elsewhere.
    """

    name: str
    group: str = ""
    code: str = ""
    scheme: str = ""
    meaning: str = ""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One structure on a picture: its class, what it was called, and its inside (Y, X)."""

    value: int
    name: str
    inside: NDArray[np.bool_]


def read_answers(texts: Iterable[str]) -> dict[str, str]:
    """Return answers such as ``RV=skip`` or ``chamber 1=left ventricle`` by name.

    Raises
    ------
    ExchangeError
        If one has no equals sign or names no class.
    """
    answers: dict[str, str] = {}
    for text in texts:
        name, sign, answer = text.rpartition("=")
        if not sign or not name.strip():
            raise ExchangeError(f"'{text[:60]}' says of no class what it is; write NAME=left ventricle or NAME={SKIP}.")
        _answer(name, answer)
        answers[name.strip()] = answer.strip()
    return answers


def _answer(name: str, answer: str) -> int:
    if answer.strip().casefold() == SKIP:
        return 0
    value = class_of_name(answer)
    if value is None:
        raise ExchangeError(f"'{name[:40]}' cannot be '{answer[:40]}': choose one of {_KNOWN}, or {SKIP}.")
    return value


class Naming:
    """Finds the class of every name of an import, and keeps what has to be asked.

    Parameters
    ----------
    answers
        What a person says: a name of the folder to a class by name, or to ``skip``.

    Raises
    ------
    ExchangeError
        If an answer is no class.
    """

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self._answers = {_key(name): _answer(name, answer) for name, answer in (answers or {}).items()}
        self._called = {_key(name): name for name in answers or {}}
        self._met: dict[str, str] = {}
        self._unknown: dict[str, tuple[str, str]] = {}
        self._others: dict[str, tuple[str, str]] = {}
        self._found = False
        self._doubts: dict[str, None] = {}

    def settle(self, classes: Mapping[_Key, Named], where: str, used: Container[_Key] | None = None) -> dict[_Key, int]:
        """Return the class of each name of a file; 0 where it is left out, or has still to be asked for (`check`).

        Parameters
        ----------
        classes
            The names by whatever the file refers to them with.
        where
            The file, for the message.
        used
            Which of them anything was drawn with; the others are not asked for. All if left out.
        """
        both = any("right" in (side_of_name(entry.name), side_of_name(entry.group)) for entry in classes.values())
        found = {}
        for key, entry in classes.items():
            if used is not None and key not in used:
                continue
            value = self._answers.get(_key(entry.name), self._answers.get(_key(entry.meaning)))
            if value is None:
                value = self._of_entry(entry, both_sides=both)
            called = entry.name or entry.meaning
            if value is None and is_another(entry.meaning if is_another(entry.meaning) else entry.name):
                self._others.setdefault(called, (where, entry.meaning))
            elif value is None:
                self._unknown.setdefault(called, (where, entry.meaning))
            else:
                self._met.setdefault(called, class_name(value) if value else "nothing")
                self._found |= bool(value)
            self._called.pop(_key(entry.name), None)
            self._called.pop(_key(entry.meaning), None)
            found[key] = value or 0
        return found

    def _of_entry(self, entry: Named, *, both_sides: bool) -> int | None:
        by_name = class_of_name(entry.name)
        if not (entry.code or entry.meaning):
            side = side_of_name(entry.group) or ("right" if both_sides else "left")
            return None if leaves_side_open(entry.name) and side == "right" else by_name
        value = class_of_code(entry.code, entry.scheme)
        if value is None and plain_name(entry.meaning) in NO_CHOICE:
            return by_name
        if value is None:
            value = class_of_name(entry.meaning)
            if leaves_side_open(entry.meaning):
                return by_name
        # The code of the left ventricle holds its wall as well: there the label is the more exact of the two. And ours
        # once gave every class that has no name the code of the atrium.
        if (value == CAVITY and by_name == WALL) or (value == ATRIUM and by_name is not None and by_name > ATRIUM):
            return by_name
        if value is not None and by_name is not None and value != by_name:
            self._doubts[f"'{entry.name}' is coded as {class_name(value)}; the code is taken, not the label."] = None
        return value

    def check(self) -> None:
        """Raise if something has to be asked for, with every name there is to ask for.

        Raises
        ------
        UnknownClassError
            If a name means none of the classes and nobody said what it is.
        ExchangeError
            If something was said of a name that the folder does not have.
        """
        # Other structures are left out beside ours; where there is nothing else, somebody has to say what is meant.
        asked = self._unknown if self._found or not self._others else self._unknown | self._others
        if asked:
            names = list(asked)
            said = ", ".join(_shown(name, asked[name][1]) for name in names[:_MOST_SAID])
            said += f" and {len(names) - _MOST_SAID} more" if len(names) > _MOST_SAID else ""
            one, first = len(names) == 1, names[0][:40]
            raise UnknownClassError(
                f"{asked[names[0]][0]} has the class{'' if one else 'es'} {said}, which "
                f"{'is' if one else 'are'} none of {_KNOWN}; say what {'it is' if one else 'each is'} with --class "
                f'"{first}=left ventricle", or leave it out with --class "{first}={SKIP}".',
                names,
            )
        if self._called:
            there = ", ".join(f"'{name[:40]}'" for name in [*self._met, *self._others][:_MOST_SAID]) or "none by name"
            name = next(iter(self._called.values()))
            raise ExchangeError(f"There is no class '{name[:40]}' in this folder; it has {there}.")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for what and what was left out; nothing where every name is the one we use ourselves."""
        read = [f"'{name}' as {what}" for name, what in self._met.items() if name != what]
        said = [f"Classes read: {', '.join(read)}."] if read else []
        if self._others:
            said.append(f"Left out, since no class stands for it: {', '.join(self._others)}.")
        return (*said, *self._doubts)

    def combine(self, parts: Sequence[Drawn], shape: tuple[int, int], where: str) -> NDArray[np.uint8]:
        """Return the mask of what was drawn on a picture, overlaps solved by anatomy.

        Raises
        ------
        ExchangeError
            If two names mean one cavity, so that one of them must be more than that.
        """
        for value in (CAVITY, ATRIUM):
            names = {plain_name(part.name): part.name for part in parts if part.value == value}
            guessed = [name for name in names.values() if _key(name) not in self._answers]
            if len(names) > 1 and guessed:
                one, other = list(names.values())[:2]
                raise ExchangeError(
                    f"{where}: '{one[:40]}' and '{other[:40]}' both mean the {class_name(value)}; leave one out with "
                    f'--class "{guessed[0][:40]}={SKIP}".'
                )
        return combine(((part.value, part.inside) for part in parts), shape)


def _shown(name: str, meaning: str) -> str:
    coded = f" (coded as {meaning[:40]})" if meaning and plain_name(meaning) != plain_name(name) else ""
    return f"'{name[:40]}'{coded}"


def _key(name: str) -> str:
    return plain_name(name) or name.casefold().strip()
