"""What every control of every window beside the dock owes its user: a name for a screen reader, and what it does."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QDialog, QLabel, QPlainTextEdit

import napari_matae
from matae.exchange.export.plan_record import ExportPlan
from matae.exchange.import_plan import ImportPlan
from matae.exchange.options import ExportOptions
from matae.measure import measure_cine
from matae.store.types import FrameInfo, FrameStatus
from napari_matae.archive.dialog import ArchiveDialog
from napari_matae.archive.sending import SendDialog
from napari_matae.background.connections import end_owned
from napari_matae.exchange.class_question import ClassQuestion
from napari_matae.exchange.export_dialog import ExportDialog
from napari_matae.exchange.import_dialog import ImportDialog
from napari_matae.exchange.tasks import ExportChoice, PreparedExport, PreparedImport, UnknownClasses
from napari_matae.models.model_list import CardWindow
from napari_matae.models.tasks import ModelFacts
from napari_matae.study.conflicts import Conflict
from napari_matae.verdict.window import VerdictWindow
from napari_matae.worklist.window import WorklistWindow
from napari_matae.workspace.conflict_dialog import ConflictDialog

from .conftest import opened
from .test_desk_controls import controls, described
from .verdict.verdict_makers import empty_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.gui

_SHARED = {"JobDialog"}
"""What other dialogs are made from."""


def _conflict(workspace) -> Conflict:
    current = workspace.session.current
    theirs = FrameInfo(0, FrameStatus.EDITED, 2, "tiny", "1", "", "bela", 0.0, 9, datetime.now(UTC), True, False)
    mask = np.zeros(current.cine.shape, np.uint8)
    return Conflict(current, 0, mask, FrameStatus.EDITED, theirs, mask)


def _measured(workspace):
    cine = workspace.session.current.cine
    return measure_cine(cine, np.zeros(cine.frames.shape, np.uint8))


def _export() -> PreparedExport:
    plan = ExportPlan(None, "npz", "mine", None, (), (), {}, (), (), (), 0, (), {})
    return PreparedExport("", ExportChoice(ExportOptions(), Path("out")), plan, {}, {}, None)


MAKERS: dict[str, Callable] = {
    "ArchiveDialog": ArchiveDialog,
    "CardWindow": lambda _: CardWindow(ModelFacts("matae-lv", "package", licence="CC", text="card")),
    "ClassQuestion": lambda _: ClassQuestion(UnknownClasses(Path("folder"), ("blob",), {})),
    "ConflictDialog": lambda workspace: ConflictDialog(_conflict(workspace)),
    "ExportDialog": lambda _: ExportDialog(_export()),
    "ImportDialog": lambda _: ImportDialog(PreparedImport("", ImportPlan(None, Path("in"), "coco", (), ()), {})),
    "SendDialog": lambda workspace: SendDialog(_measured(workspace)),
    "VerdictWindow": lambda workspace: VerdictWindow(workspace, empty_verdict(), None),
    "WorklistWindow": lambda workspace: WorklistWindow(workspace, lambda: None),
}


@pytest.fixture
def dialog_of(make_workspace, qtbot, tiny_model, cine):
    workspace, made = make_workspace(), []
    qtbot.waitUntil(lambda: bool(workspace.link.connection.opened_target))
    opened(qtbot, workspace, cine)

    def make(name: str) -> QDialog:
        made.append(MAKERS[name](workspace))
        qtbot.addWidget(made[-1])
        return made[-1]

    yield make
    for dialog in made:
        end_owned(dialog)


def test_no_window_is_left_out() -> None:
    for module in pkgutil.walk_packages(napari_matae.__path__, "napari_matae."):
        importlib.import_module(module.name)
    todo, found = list(QDialog.__subclasses__()), set()
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("napari_matae."):
            found.add(kind.__name__)
    assert found - _SHARED == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_has_a_name_and_says_what_it_does(dialog_of, name) -> None:
    dialog = dialog_of(name)
    named_by = {label.buddy() for label in dialog.findChildren(QLabel) if label.buddy() is not None}
    found = [*controls(dialog), *dialog.findChildren(QPlainTextEdit)]
    assert found
    nameless = [
        described(widget)
        for widget in found
        if not widget.accessibleName()
        and widget not in named_by
        and not (isinstance(widget, QAbstractButton) and any(map(str.isalpha, widget.text())))
    ]
    assert nameless == []
    assert [described(widget) for widget in found if not widget.toolTip()] == []
