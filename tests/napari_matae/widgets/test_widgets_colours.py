"""One set of colours a theme: readable on it, told apart in a grey print too, and taken when the theme changes."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from matae.store.types import FrameStatus
from napari_matae.widgets import colours as colours_module
from napari_matae.widgets.colours import DARK, LIGHT, STATUS_WORDS, Colours, colours_of, follow_colours

THEMES = {"dark": DARK, "light": LIGHT}
TEXT = ("ink", "faint", "link", "good", "warning", "alarm")
MARKS = ("curve", "ed", "es", "flag")


def lightness(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def luminance(rgb: tuple[int, int, int]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, ground: tuple[int, int, int]) -> float:
    first = luminance((int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)))
    lighter, darker = sorted((first, luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ground(theme: str, role: str) -> tuple[int, int, int]:
    """Return a colour of napari's own."""
    from napari.utils.theme import get_theme

    return getattr(get_theme(theme), role).as_rgb_tuple()[:3]


def test_the_measure_of_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", (0, 0, 0)) == pytest.approx(21)
    assert contrast("#777777", (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", ["background", "foreground", "primary"])
def test_text_is_readable_on_the_dock_on_its_frames_and_on_its_buttons(theme: str, role: str) -> None:
    found = {name: contrast(getattr(THEMES[theme], name), ground(theme, role)) for name in TEXT}
    assert {name: value for name, value in found.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_lines_and_marks_stand_out_from_the_dock(theme: str) -> None:
    colours, behind = THEMES[theme], ground(theme, "background")
    named = {name: getattr(colours, name) for name in MARKS}
    named |= {f"status {STATUS_WORDS[status]}": colour for status, colour in colours.status.items()}
    named |= {f"series {place}": colour for place, colour in enumerate(colours.series)}
    found = {name: contrast(colour, behind) for name, colour in named.items()}
    assert {name: value for name, value in found.items() if value < 3} == {}


def test_no_other_module_has_colours_of_its_own() -> None:
    plugin = Path(colours_module.__file__).parent.parent
    allowed = {"widgets/colours.py", "session/layers.py"}  # the theme's, and those of the layers over the picture
    written = re.compile(r"""["'(: ]#[0-9a-fA-F]{3,8}\b""")
    found = {path.relative_to(plugin).as_posix() for path in plugin.rglob("*.py") if written.search(path.read_text())}
    assert found - allowed == set()


def test_no_colour_is_left_without_a_bound() -> None:
    assert {field.name for field in fields(Colours)} == {*TEXT, *MARKS, "status", "series", "empty"}


@pytest.mark.parametrize("theme", THEMES)
def test_every_status_has_a_colour_and_a_word_and_no_two_print_alike(theme: str) -> None:
    colours = THEMES[theme]
    assert set(colours.status) == set(STATUS_WORDS) == set(FrameStatus)
    assert STATUS_WORDS[FrameStatus.MACHINE] == "predicted"
    seen = [lightness(colour) for colour in (*colours.status.values(), colours.empty)]
    assert min(abs(a - b) for a, b in combinations(seen, 2)) > 0.01
    assert len(set(colours.series)) == len(colours.series)


@pytest.mark.gui
def test_a_widget_takes_other_colours_with_another_style_sheet_even_while_it_is_hidden(qtbot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    shown, hidden = QWidget(window), QWidget(window)
    column.addWidget(shown)
    column.addWidget(hidden)
    hidden.hide()
    taken: dict[str, list[Colours]] = {"shown": [], "hidden": []}
    follow_colours(shown, taken["shown"].append)
    follow_colours(hidden, taken["hidden"].append)
    window.show()
    for text, expected in (("#f0f1f2", DARK), ("#1e1e21", LIGHT), ("#f0f1f2", DARK)):
        window.setStyleSheet(f"QWidget {{ color: {text} }}")
        assert colours_of(shown) is colours_of(hidden) is expected
        assert taken["shown"][-1] is taken["hidden"][-1] is expected
    for seen in taken.values():
        assert all(a is not b for a, b in pairwise(seen)), "told twice of the same colours"
