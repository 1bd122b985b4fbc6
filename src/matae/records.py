"""Records read back from JSON, held against the types of the dataclass they were written from.

pydantic checks, and no dataclass has to know it: the fields and their annotations are the schema. It is loaded with the
first record. What must be read where only PyTorch is installed (cards, settings of a training, packed frames), and what
every start reads, is checked where it is read; `docs/dependencies.md` says which.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["RecordError", "load_record"]

_Record = TypeVar("_Record")
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


class RecordError(ValueError):
    """Values are no such record; for who reads it, to be said in a sentence of its own.

    Parameters
    ----------
    place
        Keys and numbers that lead to the value in question, with dots between them.
    value
        What is there.
    reason
        What is wrong with it.
    """

    def __init__(self, place: str, value: object, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place, self.value, self.reason = place, value, reason


def load_record(kind: type[_Record], values: Any) -> _Record:
    """Return the record that JSON values hold.

    Types are those of JSON, and strict: a list becomes a tuple and a whole number a float, but no text becomes a
    number. What is left out keeps its default, keys that are not known are passed over.

    Parameters
    ----------
    kind
        A dataclass whose annotations can be resolved in its module.
    values
        What `json.loads` gave, or what is made of it.

    Raises
    ------
    RecordError
        If a value is missing or of another type; of several the first.
    """
    from pydantic import ValidationError

    try:
        text = json.dumps(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError("", values, f"no JSON ({error})") from None
    try:
        record: _Record = _adapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise RecordError(".".join(map(str, first["loc"])), first["input"], first["msg"]) from None
    return record


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        from pydantic import TypeAdapter

        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
