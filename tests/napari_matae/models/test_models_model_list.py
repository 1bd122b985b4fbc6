"""Models to choose from, and what is said of one."""

from __future__ import annotations

import pytest

from napari_matae.models.model_list import CardWindow, ModelList, about
from napari_matae.models.tasks import ModelFacts

pytestmark = pytest.mark.gui

PACKAGE = ModelFacts("matae-lv", "package", licence="CC", in_use=True, text="card")
MINE = ModelFacts("mine", "quick", parent="matae-lv", made="2026-01-02", licence="BSD", dice=0.9, release="retrain 1")
BROKEN = ModelFacts("bad", "broken", problem="Its weights are others.", text="card")


@pytest.fixture
def models(qtbot) -> ModelList:
    made = ModelList()
    qtbot.addWidget(made)
    return made


def test_an_empty_list_has_no_choice(models) -> None:
    models.show_facts([])
    assert models.current is None
    models.choose("mine")
    assert models.current is None


def test_the_one_in_use_is_marked_and_the_choice_stays(models) -> None:
    models.show_facts([PACKAGE, MINE])
    assert models.current is PACKAGE
    models.choose("mine")
    assert models.current is MINE
    cells = [[models.topLevelItem(row).text(column) for column in range(4)] for row in range(2)]
    assert cells == [["● matae-lv", "package", "–", "–"], ["mine", "quick", "0.900", "2026-01-02"]]
    models.show_facts([BROKEN, MINE])
    assert models.current is MINE
    models.show_facts([BROKEN])
    assert models.current is BROKEN
    assert models.topLevelItem(0).text(1) == "broken"


def test_what_is_said_of_a_model() -> None:
    assert about(BROKEN) == "Its weights are others."
    assert about(PACKAGE) == "Came with the package.\nLicence: CC."
    assert about(MINE).startswith("Retrained (quick) from matae-lv on the labels of release retrain 1, 2026-01-02.")
    assert about(MINE).endswith("Nobody has compared it on held-out patients yet.")


def test_a_card_says_whether_its_files_are_whole(qtbot) -> None:
    for facts, sign in ((PACKAGE, "✓"), (BROKEN, "⚠")):
        window = CardWindow(facts)
        qtbot.addWidget(window)
        assert window.files.text().startswith(sign)
        assert window.text.toPlainText() == "card"
        assert window.release.isHidden() is (not facts.release)
