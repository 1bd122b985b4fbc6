"""Options of commands as the engine's options dataclasses define them: flag, range and help are written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from matae.option import option_fields

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["cli_option"]


def cli_option(options: type, name: str, *, callback: Callable[..., Any] | None = None, **more: Any) -> Any:
    """Return what Typer wants to know of an option.

    Parameters
    ----------
    options
        An options dataclass, see `matae.option`.
    name
        Of its field.
    callback
        Checks the value.
    more
        For `typer.Option`, where a command says it in its own way.

    Examples
    --------
    ``seconds: Annotated[float, cli_option(RetrainOptions, "seconds")] = RetrainOptions.seconds``
    """
    found = option_fields(options)[name]
    option = found.option
    words = {"metavar": option.metavar or None, "min": option.least, "max": option.most, "help": option.help}
    return typer.Option(found.flag, callback=callback, **(words | more))
