"""What work off the GUI thread tells the GUI thread; `napari_matae.background.worker` runs it.

Work yields events of its own between these: a frame's mask, a list of files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Failed", "Finished", "Notice", "Started"]


@dataclass(frozen=True)
class Started:
    """What was needed is there, and the work is under way.

    Parameters
    ----------
    what
        What runs where, for the user to see.
    """

    what: Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """Something the user should know, while the work goes on.

    Parameters
    ----------
    text
        A sentence.
    """

    text: str


@dataclass(frozen=True, eq=False)
class Finished:
    """The work is done; the last event.

    Parameters
    ----------
    value
        What came of it.
    """

    value: Any = None


@dataclass(frozen=True)
class Failed:
    """The work stopped; the last event.

    Parameters
    ----------
    text
        A sentence for the user.
    error
        What was raised, for whoever knows a way out.
    """

    text: str
    error: BaseException | None = field(default=None, compare=False, repr=False)
