"""What ties the parts together: messages belong to the clip they are about."""

from __future__ import annotations

import pytest

from ..conftest import make_cine, opened

pytestmark = pytest.mark.gui


def test_what_was_said_of_one_clip_does_not_stand_over_the_next(make_workspace, qtbot) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, make_cine())
    workspace.show_message("Rejected: frame 6.")
    workspace.session.replace_cine(workspace.session.current.cine)  # the same clip, described anew
    assert workspace.viewer.status == "Rejected: frame 6."
    opened(qtbot, workspace, make_cine(seed=1))
    assert workspace.viewer.status != "Rejected: frame 6."


def test_what_others_say_in_the_status_line_is_left_alone(make_workspace, qtbot) -> None:
    workspace = make_workspace()
    opened(qtbot, workspace, make_cine())
    workspace.show_message("Rejected: frame 6.")
    workspace.viewer.status = "another plugin's word"
    opened(qtbot, workspace, make_cine(seed=1))
    assert workspace.viewer.status == "another plugin's word"
