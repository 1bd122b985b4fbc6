"""Where was clicked, shown on the picture in colours for what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_matae.session.layers import make_prompts, show_prompts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Points

    from matae.prompt import Prompts
    from napari_matae.session.session import Session

__all__ = ["PromptMarks"]


class PromptMarks:
    """A layer with the clicks of the frame on screen; there is none where nothing was clicked.

    Parameters
    ----------
    session
        Whose viewer shows them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layer: Points | None = None
        self.placing = False
        """Whether the layer is being added: napari chooses it for a moment."""

    def show(self, points: Sequence[tuple[float, float]], given: Prompts | None) -> None:
        """Show landmarks that are not three yet, (y, x) each, the apex first, and prompts."""
        places = [(at, "apex" if n == 0 else "hinge") for n, at in enumerate(points)]
        if given is not None:
            marks = given.landmarks
            if marks is not None:
                places += [(marks.apex, "apex"), (marks.left, "hinge"), (marks.right, "hinge")]
            if given.box is not None:
                places += [(given.box[:2], "hinge"), (given.box[2:], "hinge")]
            places += [(at, "inside") for at in given.positive] + [(at, "outside") for at in given.negative]
        current, viewer = self._session.current, self._session.viewer
        if current is None or not places:
            self.remove()
            return
        where, kinds = [at for at, _ in places], [kind for _, kind in places]
        if self._layer is not None and self._layer in viewer.layers:
            show_prompts(self._layer, where, kinds)
            return
        active, self.placing = viewer.layers.selection.active, True
        try:
            self._layer = make_prompts(current.cine, where, kinds)
            viewer.add_layer(self._layer)
            viewer.layers.selection.active = active
        finally:
            self.placing = False

    def remove(self) -> None:
        """Take them off the picture."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
