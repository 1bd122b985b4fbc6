"""Open napari with the dock, and on request the demonstration: a real heart, outlined and beating."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_matae.open.first_picture import show_first_picture

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_matae.dock import MataeDock

__all__ = ["open_viewer", "show_demo"]

_SIZE = (1280, 820)  # room for the picture, the steps and the curve on a laptop's screen


def open_viewer(path: Path | None = None) -> tuple[napari.viewer.Viewer, MataeDock]:
    """Open a viewer with the dock, and a cine if one is given.

    Parameters
    ----------
    path
        File or folder to open.
    """
    import napari

    viewer = napari.Viewer(title="MatAE - napari")
    viewer.window.resize(*_SIZE)
    first = None if path is None else show_first_picture(viewer, path)
    _, dock = viewer.window.add_plugin_dock_widget("napari-matae", "MatAE")
    dock.workspace.session.sector.let_picture_come_first()
    if path is not None:
        dock.open_panel.open(path)
    if first is not None:
        first.leave_room()
        first.give_up_unless_opened(dock.open_panel)
    return viewer, dock


def show_demo() -> tuple[napari.viewer.Viewer, MataeDock]:
    """Open the demonstration cine, segment it and play it as soon as it is done."""
    from matae.demo import demo_path

    viewer, dock = open_viewer()

    def play(outcome: str) -> None:
        dock.segment_panel.finished.disconnect(play)
        if outcome == "done":
            dock.player.play()

    def segment(opened: bool) -> None:
        dock.open_panel.finished.disconnect(segment)
        if opened:
            dock.segment_panel.run()

    dock.segment_panel.finished.connect(play)
    dock.open_panel.finished.connect(segment)
    dock.open_panel.open(demo_path())
    return viewer, dock
