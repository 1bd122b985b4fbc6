"""Tables of numbers against the engine's own, read back from the widgets."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from matae.measure import measure_cine
from napari_matae.measure.number_tables import BeatTable, NumberTable, NumberTiles

from .measure_makers import two_beats

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def measured():
    return measure_cine(*two_beats())


def test_beats_are_rows_that_open_their_frames(qtbot, measured) -> None:
    table = BeatTable()
    qtbot.addWidget(table)
    assert table.rowCount() == 0
    table.show_measurement(measured)
    assert table.rowCount() == len(measured.beats) == 2
    beat = measured.beats[0]
    assert [table.item(0, column).text() for column in range(3)] == [
        str(beat.beat.ed + 1), str(beat.beat.es + 1), f"{beat.volumes.ef_percent:.0f} %",
    ]  # fmt: skip
    with qtbot.waitSignal(table.seek_wanted) as wanted:
        table.cellClicked.emit(0, 2)
    assert wanted.args == [tuple(beat.frames)]


def test_every_number_has_a_row_made_once(qtbot, measured) -> None:
    table = NumberTable()
    qtbot.addWidget(table)
    table.show_values([])
    assert table.topLevelItemCount() == 0
    values = measured.table()
    table.show_values(values)
    first = table.topLevelItem(0).child(0)
    table.show_values(values)
    assert table.topLevelItem(0).child(0) is first
    shown = {}
    for group in range(table.topLevelItemCount()):
        heading = table.topLevelItem(group)
        for row in range(heading.childCount()):
            shown[heading.child(row).text(0)] = heading.child(row).text(1)
    assert shown == {value.label: value.text for value in values}
    assert tuple(first.data(0, Qt.ItemDataRole.UserRole)) == tuple(values[0].frames)


def test_a_length_without_calibration_is_shown_as_a_ratio(qtbot, measured) -> None:
    tiles = NumberTiles()
    qtbot.addWidget(tiles)
    tiles.show_values(measured.table())
    by_key = {value.key: value for value in measured.table()}
    annulus = by_key["mitral_excursion_mm"]
    expected = annulus if annulus.value is not None else by_key["mitral_excursion_percent"]
    assert tiles.tiles["mitral_excursion_mm"].accessibleName() == f"{expected.label}: {expected.text}"
    for key, tile in tiles.tiles.items():
        assert tile.isEnabled() is bool(tile.frames), key
