"""A study on a server: no widget, sentence, log record or setting of the dock shows its password."""

from __future__ import annotations

import logging

import pytest
from qtpy.QtWidgets import QLabel, QWidget

from napari_matae.background.connections import end_owned
from napari_matae.open.study_picker import StudyChoice, default_study
from napari_matae.widgets.settings import settings
from napari_matae.workspace.save_status import SavedBar

from ..conftest import make_cine, opened, paint

PASSWORD = "sesame-open-77"


def shown(*widgets: QWidget) -> str:
    """Return every text and tooltip of some widgets."""
    parts = [part for widget in widgets for part in (widget, *widget.findChildren(QWidget))]
    texts = [part.toolTip() for part in parts] + [part.text() for part in parts if isinstance(part, QLabel)]
    return "\n".join([*texts, *(part.accessibleName() + part.statusTip() + part.whatsThis() for part in parts)])


@pytest.fixture
def records(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog.records


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
def test_the_dock_shows_no_password(make_workspace, qtbot, records, monkeypatch, host):
    pytest.importorskip("psycopg", reason="needs the extra postgresql", exc_type=ImportError)
    target = f"postgresql://anna:{PASSWORD}@{host}/lab?sslmode=prefer"
    workspace = make_workspace(None)
    bar, choice = SavedBar(workspace.link), StudyChoice(workspace.link)
    for widget in (bar, choice):
        qtbot.addWidget(widget, before_close_func=end_owned)
    said: list[str] = []
    workspace.said.connect(said.append)
    workspace.session.open(make_cine())
    choice.use(target)
    texts = [shown(bar, choice)]  # while it is being opened
    qtbot.waitUntil(lambda: workspace.link.state == "unsaved")
    workspace.session.masks.ensure_labels()
    paint(workspace, 2)
    texts += [
        shown(bar, choice),
        workspace.link.connection.problem,
        workspace.link.connection.name,
        workspace.unsaved(),
        *said,
    ]
    assert "lab on " in workspace.link.connection.problem  # which study it is, is said
    assert PASSWORD not in "\n".join(texts)
    assert not [record for record in records if PASSWORD in record.getMessage()]
    monkeypatch.delenv("MATAE_STUDY")
    assert default_study() == f"postgresql://anna@{host}/lab?sslmode=prefer"  # for the next sitting
    settings().sync()
    assert not [key for key in settings().allKeys() if PASSWORD in str(settings().value(key))]


def test_what_is_kept_of_a_study_that_is_gone_says_no_password(make_workspace, qtbot, cine, tmp_path):
    """The name of a rescue study is made of the address."""
    from napari_matae.study_thread.rescue import RescueStudy

    kept = RescueStudy(f"postgresql://anna:{PASSWORD}@127.0.0.1/lab?password={PASSWORD}", "anna")
    assert PASSWORD not in str(kept.new_path())
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    assert workspace.link.connection.target == str(tmp_path / "study.sqlite")
