"""The viewer opens with the dock, and with a clip where one is named; the demonstration plays when it is segmented."""

from __future__ import annotations

import sys

import pytest

from napari_matae import __main__ as command
from napari_matae import app


class Signal:
    def __init__(self) -> None:
        self.slots: list[object] = []

    def connect(self, slot) -> None:
        self.slots.append(slot)

    def disconnect(self, slot) -> None:
        self.slots.remove(slot)

    def emit(self, value) -> None:
        for slot in list(self.slots):
            slot(value)


class Part:
    """A panel or the player, noting what is asked of it."""

    def __init__(self, done: list[object]) -> None:
        self.finished, self._done = Signal(), done

    def open(self, path) -> None:
        self._done.append(path)

    def run(self) -> None:
        self._done.append("segmented")

    def play(self) -> None:
        self._done.append("played")


class Dock:
    def __init__(self) -> None:
        self.done: list[object] = []
        self.open_panel, self.segment_panel, self.player = Part(self.done), Part(self.done), Part(self.done)


@pytest.fixture
def dock(monkeypatch) -> Dock:
    made = Dock()
    monkeypatch.setattr(app, "open_viewer", lambda path=None: ("viewer", made))
    return made


@pytest.mark.parametrize(
    ("opened", "outcome", "did"),
    [
        (False, None, []),
        (True, "failed", ["segmented"]),
        (True, "cancelled", ["segmented"]),
        (True, "done", ["segmented", "played"]),
    ],
)
def test_the_demonstration_goes_on_as_far_as_it_went_well(dock, opened, outcome, did):
    app.show_demo()
    dock.open_panel.finished.emit(opened)
    if outcome is not None:
        dock.segment_panel.finished.emit(outcome)
    assert dock.done[1:] == did
    dock.open_panel.finished.emit(True)  # what a person opens later is not segmented by itself
    assert dock.done[1:] == did
    assert dock.done[0].exists()


@pytest.mark.parametrize("arguments", [[], ["clip.dcm"], ["--demo"], ["--demo", "clip.dcm"]])
def test_the_command_opens_what_is_named(monkeypatch, tmp_path, arguments):
    import napari

    did: list[object] = []
    monkeypatch.setattr(sys, "argv", ["napari_matae", *arguments])
    monkeypatch.setattr(napari, "run", lambda: did.append("ran"))
    monkeypatch.setattr(app, "open_viewer", lambda path=None: did.append(path and path.name))
    monkeypatch.setattr(app, "show_demo", lambda: did.append("demo"))
    monkeypatch.setattr("napari_matae.open.early.read_early", lambda path: did.append(f"early {path}"))
    command.main()
    wanted = {(): [None], ("clip.dcm",): ["early clip.dcm", "clip.dcm"]}
    assert did == [*wanted.get(tuple(arguments), ["demo"]), "ran"]  # the demonstration opens no other clip
