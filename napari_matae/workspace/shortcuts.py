"""Keys of the dock: one table that they are bound from, that the help shows, and that a person can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.connections import connections_of
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari.layers import Layer

    from napari_matae.workspace.workspace import Workspace

__all__ = ["ACTIONS", "Action", "Keys", "pretty"]


@dataclass(frozen=True)
class Action:
    """Something a key does.

    Parameters
    ----------
    name
        Stays the same from version to version: a person's own keys are kept under it.
    key
        Key it has until a person gives it another, as napari writes it.
    words
        What it does.
    run
        Does it.
    """

    name: str
    key: str
    words: str
    run: Callable[[Workspace], None]


def _last(workspace: Workspace) -> None:
    if workspace.session.current is not None:
        workspace.session.seek(workspace.session.current.cine.n_frames - 1)


def _apply(workspace: Workspace) -> None:
    if workspace.preview.is_open:
        workspace.preview.apply()


def _apply_and_accept(workspace: Workspace) -> None:
    if workspace.preview.is_open:
        workspace.preview.apply(accept=True)


ACTIONS: dict[str, tuple[Action, ...]] = {
    "Steps": (
        Action("open", "Shift+O", "Open a file", lambda d: d.wanted.emit("open")),
        Action("segment", "R", "Segment", lambda d: d.wanted.emit("segment")),
        Action("measure", "Shift+M", "Measure", lambda d: d.wanted.emit("measure")),
        Action("report", "Shift+R", "Save a report", lambda d: d.wanted.emit("report")),
        Action("next_step", "Alt+Right", "Next step", lambda d: d.wanted.emit("next_step")),
        Action("previous_step", "Alt+Left", "The step before", lambda d: d.wanted.emit("previous_step")),
        Action("more_room", "F2", "More room for the picture, or less", lambda d: d.wanted.emit("more_room")),
    ),
    "Watch": (
        Action("play", "Shift+Space", "Play at true speed, or pause", lambda d: d.player.toggle()),
        Action("loop", "L", "Loop end-diastole to end-systole", lambda d: d.toggle_loop()),
        Action("back", "Left", "One frame back", lambda d: d.actions.step(-1)),
        Action("forward", "Right", "One frame on", lambda d: d.actions.step(1)),
        Action("first", "Home", "First frame", lambda d: d.session.seek(0)),
        Action("last", "End", "Last frame", _last),
        Action("mark_ed", "Shift+D", "Mark this frame as end-diastole", lambda d: d.actions.mark("ed")),
        Action("mark_es", "Shift+S", "Mark this frame as end-systole", lambda d: d.actions.mark("es")),
    ),
    "Judge": (
        Action("next", "N", "Next frame to look at", lambda d: d.actions.next()),
        Action("previous", "Shift+N", "The one before", lambda d: d.actions.next(backward=True)),
        Action("accept", "A", "Accept this frame", lambda d: d.actions.accept()),
        Action("reject", "X", "Reject this frame", lambda d: d.actions.reject()),
        Action(
            "accept_between", "Shift+A", "Accept all between two corrected frames", lambda d: d.actions.accept_between()
        ),
    ),
    "Draw": (
        Action("move", "V", "Move and zoom", lambda d: d.tools.choose("move")),
        Action("brush", "B", "Brush", lambda d: d.tools.choose("brush")),
        Action("eraser", "E", "Eraser", lambda d: d.tools.choose("eraser")),
        Action("push", "G", "Push the contour", lambda d: d.tools.choose("push")),
        Action("handles", "H", "Handles: apex and hinge points", lambda d: d.tools.choose("handles")),
        Action("prompt", "Q", "Outline by clicks: apex and hinge points", lambda d: d.tools.choose("prompt")),
        Action("structure", "W", "Next structure, where there are several", lambda d: d.structures.next()),
        Action("smaller", "[", "Smaller tool", lambda d: d.tools.scale(0.8)),
        Action("larger", "]", "Larger tool", lambda d: d.tools.scale(1.25)),
        Action("undo", "Ctrl+Z", "Undo, and show where", lambda d: d.undo_stack.undo()),
        Action("redo", "Ctrl+Shift+Z", "Redo, and show where", lambda d: d.undo_stack.redo()),
    ),
    "Mend": (
        Action("fill", "F", "Fill holes", lambda d: d.actions.fill_holes()),
        Action("largest", "K", "Keep the largest part", lambda d: d.actions.keep_largest()),
        Action("smooth", "S", "Smooth the contour", lambda d: d.actions.smooth()),
        Action("copy_previous", "C", "Copy from the previous frame", lambda d: d.actions.copy(-1)),
        Action("copy_next", "Shift+C", "Copy from the next frame", lambda d: d.actions.copy(1)),
        Action("machine", "M", "Back to the predicted mask", lambda d: d.actions.take_proposal()),
    ),
    "Several frames": (
        Action("interpolate", "I", "Interpolate between two corrected frames", lambda d: d.actions.interpolate()),
        Action("fill_between", "Shift+I", "Fill between two corrected frames", lambda d: d.actions.fill_between()),
        Action("propagate", "P", "Propagate this frame forward", lambda d: d.actions.propagate()),
        Action("propagate_back", "Shift+P", "Propagate it backward", lambda d: d.actions.propagate(backward=True)),
        Action(
            "through",
            "Shift+Q",
            "Take this outline through the beat, as far as it can be trusted",
            lambda d: d.tools.through_beat.offer(d.preview),
        ),
        Action("apply", "Enter", "Apply what is previewed", _apply),
        Action("apply_accept", "Shift+Enter", "Apply and accept what is previewed", _apply_and_accept),
        Action("discard", "Escape", "Discard it; put the tool down", lambda d: d.escape()),
    ),
    "Look": (
        Action("outline", "O", "Outline or filled", lambda d: d.mask_style.set_outline(not d.mask_style.outline)),
        Action("fainter", "-", "Fainter mask", lambda d: d.mask_style.set_opacity(d.mask_style.opacity - 0.1)),
        Action("stronger", "=", "Stronger mask", lambda d: d.mask_style.set_opacity(d.mask_style.opacity + 0.1)),
        Action("hide", "T", "Hide the mask, or show it", lambda d: d.mask_style.toggle_hidden()),
        Action(
            "difference",
            "D",
            "Show the predicted mask",
            lambda d: d.mask_style.set_difference(not d.mask_style.difference),
        ),
        Action("help", "F1", "Show or hide these keys", lambda d: d.help_wanted.emit()),
    ),
    "Clips": (
        Action("worklist", "Ctrl+L", "Worklist: the clips of the study", lambda d: d.worklist_wanted.emit()),
        Action("next_to_correct", "Alt+N", "Next frame to correct, in any clip", lambda d: d.next_to_correct()),
        Action("one_click", "Alt+R", "Segment and measure", lambda d: d.one_click_wanted.emit()),
    ),
}
"""Every action by the group it is shown in. Left and Right are napari's own steps, whatever layer is chosen."""

_ALL = {action.name: action for group in ACTIONS.values() for action in group}


class Keys(QObject):  # type: ignore[misc]
    """Binds the actions to the viewer and to the layers of the open cine.

    A layer's own keys come before the viewer's in napari, and a labels layer has many; so ours are bound to whichever
    of our layers is chosen too. That is also what keeps napari's own undo from the keyboard.

    Parameters
    ----------
    workspace
        What the actions work on.
    parent
        Qt parent.
    """

    changed = Signal()
    """At least one action has another key."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._bound: list[tuple[Any, tuple[str, ...]]] = []
        kept = settings()
        self._keys = {name: str(kept.value(f"keys/{name}", action.key)) for name, action in _ALL.items()}
        self._bind()
        connections = connections_of(self)
        connections.connect(workspace.viewer.layers.selection.events.active, self._on_active)
        connections.when_closed(self._release)
        self._on_active()

    def key(self, name: str) -> str:
        """Return the key of an action; empty if it has none."""
        return self._keys[name]

    def change(self, name: str, key: str) -> str:
        """Give an action another key and remember it.

        Returns
        -------
        str
            Name of the action that had this key and is left without one; empty if none had.
        """
        taken = next((other for other, used in self._keys.items() if used == key and other != name and key), "")
        if taken:
            self._set(taken, "")
        self._set(name, key)
        self._rebind()
        return taken

    def reset(self) -> None:
        """Give every action the key it came with."""
        kept = settings()
        kept.remove("keys")
        self._keys = {name: action.key for name, action in _ALL.items()}
        self._rebind()

    def hint(self, name: str) -> str:
        """Return the key in brackets for the text of a tooltip; empty if the action has none."""
        return f" ({pretty(self._keys[name])})" if self._keys[name] else ""

    def _set(self, name: str, key: str) -> None:
        self._keys[name] = key
        settings().setValue(f"keys/{name}", key)

    def _rebind(self) -> None:
        self._release()
        self._bind()
        self._on_active()
        self.changed.emit()

    def _bind(self) -> None:
        self._bind_to(self._workspace.viewer)

    def _bind_to(self, place: Any) -> None:
        workspace = self._workspace
        bound = []
        for name, key in self._keys.items():
            if not key:
                continue
            run = _ALL[name].run
            try:
                place.bind_key(key, lambda _, run=run: run(workspace), overwrite=True)
            except ValueError:
                continue  # a key written by another version of napari
            bound.append(key)
        self._bound.append((place, tuple(bound)))

    def _release(self) -> None:
        bound, self._bound = self._bound, []
        for place, keys in bound:
            for key in keys:
                place.bind_key(key, None, overwrite=True)

    def _on_active(self, _: object = None) -> None:
        layer: Layer | None = self._workspace.viewer.layers.selection.active
        if layer is None or not self._is_ours(layer) or any(place is layer for place, _ in self._bound):
            return
        viewer = self._workspace.viewer
        self._bound = [(place, keys) for place, keys in self._bound if place is viewer or place in viewer.layers]
        self._bind_to(layer)

    def _is_ours(self, layer: Layer) -> bool:
        current, handles = self._workspace.session.current, self._workspace.tools.handles.layer
        return current is not None and layer in (current.image, current.labels, current.sector_layer, handles)


def pretty(key: str) -> str:
    """Return a key as it is printed on keyboards and in help.

    Examples
    --------
    >>> pretty("Ctrl+Shift+Z")
    'Ctrl+Shift+Z'
    >>> pretty("Left")
    '←'
    """
    signs = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Escape": "Esc", "-": "−"}
    return "+".join(signs.get(part, part) for part in (key.split("+") if key != "+" else [key]))
