"""Settings of a run from a file, checked before any memory is asked for."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from matae.errors import TrainError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from matae.train.config import TrainConfig

__all__ = ["read_settings"]

_Settings = TypeVar("_Settings")
_ANY_LENGTH = {": channels": 0, ": widths": 0.0, ": views": "", ": classes": ""}


def read_settings(path: Path) -> TrainConfig:
    """Return the settings of a TOML file; what it leaves out keeps its default.

    Parameters
    ----------
    path
        File with the fields of `TrainConfig`, and those of `AugmentConfig` and
        `NetworkConfig` in tables ``[augment]`` and ``[network]``.

    Raises
    ------
    TrainError
        If the file cannot be read, a setting is unknown, or a value is of the wrong kind.
    """
    from matae.train.config import TrainConfig

    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise TrainError(f"{path} cannot be read ({error.strerror}); check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path.name} is no TOML file ({error}); write settings as 'steps = 3000'.") from None
    return _filled(TrainConfig(), values, path.name)


def _filled(defaults: _Settings, values: dict[str, Any], where: str) -> _Settings:
    known = {field.name: getattr(defaults, field.name) for field in fields(defaults)}  # type: ignore[arg-type]
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise TrainError(f"{where} has no setting '{unknown[0]}'; there are {', '.join(known)}.")
    changes = {key: _converted(known[key], value, f"{where}: {key}") for key, value in values.items()}
    return replace(defaults, **changes)  # type: ignore[type-var]


def _converted(default: Any, value: Any, where: str) -> Any:
    if is_dataclass(default) and isinstance(value, dict):
        return _filled(default, value, where)
    if isinstance(default, tuple) and isinstance(value, list):
        # A network may have any number of stages and widths; a range has two ends.
        kind = next((kind for name, kind in _ANY_LENGTH.items() if where.endswith(name)), None)
        like = default if kind is None else (kind,) * len(value)
        if len(like) == len(value):
            return tuple(_converted(inner, item, where) for inner, item in zip(like, value, strict=True))
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise TrainError(f"{where} is {value!r}, but must be like {default!r}.")
    return value
