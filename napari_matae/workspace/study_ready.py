"""Whether the study can be worked on, and if not, why, with the next step: asked by every panel of the Learn step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_matae.workspace.workspace import Workspace

__all__ = ["why_not_open", "why_not_ready"]

_NO_STUDY = "No study is open: choose one or begin a new one in step 1."
_NOT_OPEN = "The study cannot be opened; see the line at the foot, or choose another in step 1."


def why_not_open(workspace: Workspace, purpose: str = "") -> str:
    """Return why no study is open; empty if one is.

    Parameters
    ----------
    workspace
        Whose study.
    purpose
        What a study is for here; said where there is none.
    """
    link = workspace.link
    if link.connection.opened_target:
        return ""
    if link.state == "saving":
        return "Opening the study…"
    return _NOT_OPEN if link.connection.problem else f"{_NO_STUDY} {purpose}".strip()


def why_not_ready(workspace: Workspace, purpose: str = "") -> str:
    """Return why no work can begin on the study as it is on the screen; empty if it can.

    Parameters
    ----------
    workspace, purpose
        As for `why_not_open`.
    """
    return why_not_open(workspace, purpose) or workspace.unsaved()
