"""A verdict in a window of its own ends what it reads when it is closed."""

from __future__ import annotations

import pytest

from napari_matae.verdict.window import VerdictWindow

from .verdict_makers import empty_verdict

pytestmark = pytest.mark.gui


def test_it_is_named_shown_and_ended(make_workspace, qtbot, tiny_model) -> None:
    workspace = make_workspace(None)
    window = VerdictWindow(workspace, empty_verdict(), None, comparison=True)
    qtbot.addWidget(window)
    assert window.windowTitle() == "second against tiny"
    assert not window.isModal()
    window.show()
    assert window.view.use_button.isHidden()
    with qtbot.waitSignal(window.finished):
        window.close()
    assert not window.view.is_drawing
    workspace.model_changed.emit()  # nobody listens who is gone
