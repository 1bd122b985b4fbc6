"""Forms made from options: each row has the default, range and help of the field, and so of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from matae.exchange import ExportOptions
from matae.learn.options import ComparisonOptions, RetrainOptions
from matae.option import Option, option_fields
from matae.segment import SegmentOptions
from napari_matae.background.connections import end_owned
from napari_matae.exchange.export_form import ExportForm
from napari_matae.learn.retrain_form import RetrainForm
from napari_matae.widgets.option_form import OptionForm

pytestmark = pytest.mark.gui


@dataclass(frozen=True)
class Few:
    text: Annotated[str, Option("A text.", no_value="nothing yet")] = ""
    count: Annotated[int, Option("How many.", unit="px", least=0, most=9, no_value="as many as there are")] = 0
    share: Annotated[float, Option("How much.", least=0.25, most=0.75)] = 0.5
    on: Annotated[bool, Option("Whether.", label="Do it")] = True
    side: Annotated[str | None, Option("Which.", choices={None: "either", "l": "left"})] = None


@pytest.fixture
def form(qtbot) -> OptionForm:
    made = OptionForm(Few, ("text", "count", "share", "on", "side"))
    qtbot.addWidget(made)
    return made


def test_a_form_of_nothing_is_empty(qtbot) -> None:
    made = OptionForm(Few, ())
    qtbot.addWidget(made)
    assert made.rows == {}


def test_values_begin_with_the_defaults(form) -> None:
    assert {name: form.value(name) for name in form.rows} == {
        "text": "", "count": 0, "share": 0.5, "on": True, "side": None,
    }  # fmt: skip
    assert form.rows["text"].placeholderText() == "nothing yet"
    assert form.rows["count"].text() == "as many as there are"
    assert form.rows["on"].text() == "Do it"
    assert form.rows["side"].currentText() == "either"
    assert {name: row.toolTip() for name, row in form.rows.items()} == {
        name: found.option.help for name, found in option_fields(Few).items()
    }


def test_each_change_is_said_and_read(form, qtbot) -> None:
    for name, act, value in (
        ("text", lambda row: row.setText("word"), "word"),
        ("count", lambda row: row.setValue(12), 9),  # the range holds
        ("share", lambda row: row.setValue(0.3), 0.3),
        ("on", lambda row: row.click(), False),
        ("side", lambda row: row.setCurrentText("left"), "l"),
    ):
        with qtbot.waitSignal(form.changed):
            act(form.rows[name])
        assert form.value(name) == value
    assert form.rows["count"].text() == "9 px"


def test_a_widget_of_the_panels_own_has_label_and_help(qtbot) -> None:
    box = QComboBox()
    made = OptionForm(Few, ("side",), own={"side": box})
    qtbot.addWidget(made)
    assert made.rows["side"] is box
    assert box.toolTip() == "Which."


# --- the forms of the dock ---------------------------------------------------------------------------------


def range_of(widget: QWidget) -> tuple[float, float] | None:
    return (widget.minimum(), widget.maximum()) if isinstance(widget, (QSpinBox, QDoubleSpinBox)) else None


def shown(widget: QWidget) -> object:
    """Read a widget's value from Qt, not from the form."""
    if isinstance(widget, (QSpinBox, QDoubleSpinBox)):
        return widget.value()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    return widget.text() if isinstance(widget, QLineEdit) else widget.currentData()


@pytest.fixture
def forms(qtbot, own_home, make_workspace, make_napari_viewer_proxy) -> dict[type, dict[str, QWidget]]:
    """Return the rows of each form of the dock, by its options."""
    from napari_matae.segment.panel import SegmentPanel
    from napari_matae.verdict.compare_form import CompareForm

    workspace = make_workspace(None)
    panels = {
        RetrainOptions: RetrainForm(),
        ExportOptions: ExportForm(),
        ComparisonOptions: CompareForm(workspace),
        SegmentOptions: SegmentPanel(workspace.session),
    }
    found: dict[type, dict[str, QWidget]] = {}
    for options, panel in panels.items():
        qtbot.addWidget(panel)
        found[options] = {name: row for form in panel.findChildren(OptionForm) for name, row in form.rows.items()}
    yield found
    end_owned(panels[SegmentOptions])
    end_owned(panels[ComparisonOptions])


def test_every_option_of_a_form_is_that_of_the_engine_and_of_the_command_line(forms) -> None:
    from matae.cli import app  # noqa: F401 - tests/matae/test_option.py holds the command line to the same fields

    expected = {
        RetrainOptions: {
            "base",
            "seconds",
            "replay",
            "self_training",
            "pseudo_labels",
            "name",
            "device",
            "steps",
            "seed",
            "statuses",
        },
        ExportOptions: {"format", "size", "view", "edited", "reading", "name"},
        ComparisonOptions: {"before", "after", "split"},
        SegmentOptions: {"model", "width", "device"},
    }
    assert {options: set(rows) for options, rows in forms.items()} == expected
    for options, rows in forms.items():
        for name, found in option_fields(options).items():
            if (widget := rows.get(name)) is None:
                continue
            assert widget.toolTip() == found.option.help
            if found.option.least is not None and (between := range_of(widget)) is not None:
                assert between == (found.option.least, found.option.most)
            if name not in {"statuses", "before", "after", "base", "model", "width"}:
                assert shown(widget) == found.default, name
            if isinstance(widget, QComboBox) and found.option.choices:
                offered = [widget.itemData(place) for place in range(widget.count())]
                assert offered[: len(found.option.choices)] == list(found.option.choices)


def test_models_and_width_begin_with_the_defaults(forms) -> None:
    assert forms[RetrainOptions]["base"].currentText() == RetrainOptions.base
    assert forms[SegmentOptions]["model"].currentText() == SegmentOptions().model
    assert forms[SegmentOptions]["width"].currentData() == SegmentOptions.width
    assert not forms[RetrainOptions]["statuses"].isChecked()
