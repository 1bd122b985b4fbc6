"""What people set of a cine (sector, flip, pixel size, view, rate, body size): every version kept, like labels."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, tuple_

from matae.cine import Spacing
from matae.errors import ConflictError, StoreError
from matae.store.base import StudyBase, as_note, parse_time
from matae.store.schema import OverrideRevision, Rater
from matae.store.types import OverrideName, Overrides, OverrideVersion, UnsureSector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["OverridesPart", "read_value"]

_MOST_VERTICES = 1000
_UNSURE = ("outline", "file", "whole")


class OverridesPart(StudyBase):
    """What a study says of cines in place of what was found in them or stated by their files."""

    def overrides(self, content_id: str) -> Overrides:
        """Return what people set of a cine."""
        with self._reading() as connection:
            return _overrides(connection, self._cine(connection, content_id).id)

    def set_override(
        self, content_id: str, name: OverrideName, value: Any, *, expected: int | None = None
    ) -> Overrides:
        """Store what a person set of a cine; None takes it away, so that what was found or stated counts again.

        Parameters
        ----------
        content_id
            The cine.
        name
            What is set.
        value
            As the field of `Overrides` of that name holds it.
        expected
            `Overrides.revisions` of the name that the person saw, 0 for none; not checked if left out.

        Returns
        -------
        Overrides
            All that is set now. Nothing is stored where it was set to this very value already.

        Raises
        ------
        ConflictError
            If somebody else set it meanwhile. Nothing is changed, and what was refused stays among the versions:
            `theirs` holds what is there, `override_versions` both.
        StoreError
            If the value makes no sense.
        """
        name = OverrideName(name)
        text = json.dumps(None if value is None else _CHECKS[name](value), allow_nan=False)
        conflict: ConflictError | None = None
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            versions = _versions(writing.connection, cine.id, name)
            shown = next((version for version in reversed(versions) if version.shown), None)
            revision, before = (0, "null") if shown is None else (shown.revision, shown.value)
            if text == before:
                return _overrides(writing.connection, cine.id)
            late = expected is not None and expected != revision
            if not (late and _is_last(versions, text, writing.rater_id)):
                writing.connection.execute(
                    insert(OverrideRevision).values(
                        cine_id=cine.id,
                        name=name.value,
                        revision=(versions[-1].revision if versions else 0) + 1,
                        value=text,
                        rater_id=writing.rater_id,
                        at=writing.at,
                        sequence=writing.sequence,
                        session=writing.session,
                        shown=not late,
                    )
                )
                writing.audit(
                    "override refused" if late else "override set",
                    cine=cine.code,
                    subject=cine.subject_code or "",
                    details={"name": name.value, "taken_away": value is None},
                )
            stored = _overrides(writing.connection, cine.id)
            if late:
                conflict = ConflictError(
                    f"Somebody else set the {name.value.replace('_', ' ')} of this cine meanwhile. Theirs is shown, "
                    "yours is kept among the versions; set it again to put it on top.",
                    theirs=[stored],
                )
        if conflict is not None:
            raise conflict
        return stored

    def override_versions(self, content_id: str) -> list[OverrideVersion]:
        """Return every version of what people set of a cine, oldest first, those refused among them."""
        with self._reading() as connection:
            rows = connection.execute(
                select(
                    OverrideRevision.name,
                    OverrideRevision.value,
                    OverrideRevision.revision,
                    OverrideRevision.at,
                    OverrideRevision.shown,
                    Rater.name.label("rater"),
                )
                .outerjoin(Rater, Rater.id == OverrideRevision.rater_id)
                .where(OverrideRevision.cine_id == self._cine(connection, content_id).id)
                .order_by(OverrideRevision.sequence, OverrideRevision.name, OverrideRevision.revision)
            ).all()
        return [
            OverrideVersion(
                _name(row.name),
                read_value(row.value),
                row.revision,
                row.rater or "",
                parse_time(row.at),
                bool(row.shown),
            )
            for row in rows
        ]


def _name(text: str) -> OverrideName:
    """Return the name of what was set.

    Raises
    ------
    StoreError
        If a later version of this program set something that this one does not know. It is not passed over: a clip
        measured without it would be measured as another.
    """
    try:
        return OverrideName(text)
    except ValueError as error:
        raise StoreError(
            f"A later version of this program set the {text.replace('_', ' ')} of this clip, which this version does "
            "not know; open the study with that version."
        ) from error


def _versions(connection: Connection, cine_id: int, name: OverrideName) -> Sequence[Any]:
    return connection.execute(
        select(OverrideRevision.revision, OverrideRevision.value, OverrideRevision.shown, OverrideRevision.rater_id)
        .where(OverrideRevision.cine_id == cine_id, OverrideRevision.name == name.value)
        .order_by(OverrideRevision.revision)
    ).all()


def _is_last(versions: Sequence[Any], text: str, rater_id: int | None) -> bool:
    """Return whether this very version was refused already: the connection was lost before the answer came."""
    if not versions:
        return False
    last = versions[-1]
    return not last.shown and last.value == text and last.rater_id == rater_id


def _overrides(connection: Connection, cine_id: int) -> Overrides:
    newest = (
        select(OverrideRevision.name, func.max(OverrideRevision.revision))
        .where(OverrideRevision.cine_id == cine_id, OverrideRevision.shown)
        .group_by(OverrideRevision.name)
    )
    rows = connection.execute(
        select(OverrideRevision.name, OverrideRevision.value, OverrideRevision.revision).where(
            OverrideRevision.cine_id == cine_id, tuple_(OverrideRevision.name, OverrideRevision.revision).in_(newest)
        )
    ).all()
    values = {name.value: _held(name, row.value) for row in rows for name in [_name(row.name)]}
    return Overrides(**values, revisions={_name(row.name): row.revision for row in rows})


def _held(name: OverrideName, text: str) -> Any:
    """Return what is stored of a cine, as the field of `Overrides` of that name holds it.

    Raises
    ------
    StoreError
        If it is none of what this version stores; as for a name that it does not know.
    """
    try:
        held = json.loads(text)
        return None if held is None else _READ[name](held)
    except (TypeError, ValueError, KeyError) as error:
        raise StoreError(
            f"A later version of this program set the {name.value.replace('_', ' ')} of this clip in a way which this "
            "version does not know; open the study with that version, or set it again there."
        ) from error


def read_value(text: str) -> Any:
    """Return a stored value; the text itself where it is no JSON, which no version has written yet."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _sector_of(held: Any) -> tuple[tuple[float, float], ...] | UnsureSector:
    """Return what `_sector` wrote."""
    if isinstance(held, dict):
        if set(held) != {"outline", "unsure"} or held["unsure"] not in _UNSURE:
            raise ValueError(held)
        return UnsureSector(_outline_of(held["outline"]), held["unsure"])
    return _outline_of(held)


def _outline_of(held: Any) -> tuple[tuple[float, float], ...]:
    return tuple((_number_of(y), _number_of(x)) for y, x in held)


def _spacing_of(held: Any) -> Spacing:
    return Spacing(*(_number_of(size) for size in held))


def _number_of(held: Any) -> float:
    if isinstance(held, bool) or not isinstance(held, (int, float)):
        raise TypeError(held)
    return float(held)


def _flag_of(held: Any) -> bool:
    if not isinstance(held, bool):
        raise TypeError(held)
    return held


def _text_of(held: Any) -> str:
    if not isinstance(held, str):
        raise TypeError(held)
    return held


def _numbers(values: Iterable[Any], sentence: str) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise StoreError(sentence) from error
    if not all(math.isfinite(number) for number in numbers):
        raise StoreError(sentence)
    return numbers


def _sector(value: Any) -> list[list[float]] | dict[str, Any]:
    sentence = "A sector needs an outline of at least three points in the picture; draw it again."
    if isinstance(value, UnsureSector):
        if value.source not in _UNSURE:
            raise StoreError(sentence)
        return {"outline": _sector(value.outline), "unsure": value.source}
    try:
        points = [list(point) for point in value]
    except TypeError as error:
        raise StoreError(sentence) from error
    if not 3 <= len(points) <= _MOST_VERTICES or any(len(point) != 2 for point in points):
        raise StoreError(sentence)
    return [_numbers(point, sentence) for point in points]


def _flag(value: Any) -> bool:
    return bool(value)


def _spacing(value: Any) -> list[float]:
    sentence = "A pixel size is two lengths in mm, each larger than zero; set it again."
    sizes = _numbers(value, sentence)
    if len(sizes) != 2 or min(sizes) <= 0:
        raise StoreError(sentence)
    return sizes


def _view(value: Any) -> str:
    text = as_note(str(value).strip(), 40)
    if not text:
        raise StoreError("A view needs a name, such as A4C; choose one.")
    return text


def _rate(value: Any) -> float:
    rate = _numbers([value], "A frame rate is a number of frames per second; give it again.")[0]
    if not 0.1 <= rate <= 1000:
        raise StoreError(f"A frame rate of {rate:g} Hz is not plausible; give one between 0.1 and 1000.")
    return rate


def _height(value: Any) -> float:
    from matae.measure.person import HEIGHT_CM

    return _size(value, "height", "centimetres", HEIGHT_CM)


def _weight(value: Any) -> float:
    from matae.measure.person import WEIGHT_KG

    return _size(value, "weight", "kilograms", WEIGHT_KG)


def _size(value: Any, what: str, unit: str, limits: tuple[float, float]) -> float:
    """Return a size of a person, as a measurement takes it."""
    found = _numbers([value], f"A {what} is a number of {unit}; give it again.")[0]
    if not limits[0] <= found <= limits[1]:
        raise StoreError(f"{found:g} is no {what} of a person; give {unit} between {limits[0]:g} and {limits[1]:g}.")
    return found


_CHECKS = {
    OverrideName.SECTOR: _sector,
    OverrideName.APEX_DOWN: _flag,
    OverrideName.SPACING: _spacing,
    OverrideName.VIEW: _view,
    OverrideName.FRAME_RATE: _rate,
    OverrideName.HEIGHT: _height,
    OverrideName.WEIGHT: _weight,
}

_READ: dict[OverrideName, Callable[[Any], Any]] = {
    OverrideName.SECTOR: _sector_of,
    OverrideName.APEX_DOWN: _flag_of,
    OverrideName.SPACING: _spacing_of,
    OverrideName.VIEW: _text_of,
    OverrideName.FRAME_RATE: _number_of,
    OverrideName.HEIGHT: _number_of,
    OverrideName.WEIGHT: _number_of,
}
