"""Files dropped on the canvas: whose reader takes them, and what is left of it afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings

from matae.read import SUPPORTED_SUFFIXES
from napari_matae.background.connections import end_owned
from napari_matae.contributions import get_reader
from napari_matae.open.drop_reader import READER, DropBox, preferred_reader

pytestmark = pytest.mark.gui


@pytest.fixture
def preferences(monkeypatch):
    """Give napari's settings of reader preferences, empty, and put back what was there."""
    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)
    plugins.extension2reader = {}
    yield plugins
    plugins.extension2reader = before


def test_dock_takes_every_kind_and_gives_it_back(qtbot, preferences, tmp_path):
    preferences.extension2reader = {"*.png": "another", "*.xyz": "third"}
    box = DropBox()
    qtbot.addWidget(box)
    taken = preferences.extension2reader
    assert {suffix for suffix in SUPPORTED_SUFFIXES if taken.get(f"*{suffix}") != READER} == {".png"}
    assert taken["*.png"] == "another"
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), np.uint8))
    assert get_reader(str(tmp_path / "a.npy")) is not None
    end_owned(box)
    assert preferences.extension2reader == {"*.png": "another", "*.xyz": "third"}
    assert get_reader(str(tmp_path / "a.npy")) is None


def test_what_a_crash_left_is_given_back(qtbot, preferences):
    first = DropBox()
    qtbot.addWidget(first)  # never closed down
    second = DropBox()
    qtbot.addWidget(second)
    end_owned(second)
    assert preferences.extension2reader == {}


def test_unchecked_is_remembered(qtbot, preferences):
    box = DropBox()
    qtbot.addWidget(box)
    box.setChecked(False)
    assert preferences.extension2reader == {}
    again = DropBox()
    qtbot.addWidget(again)
    assert not again.isChecked()
    assert preferences.extension2reader == {}


def test_what_the_user_chose_later_stays(qtbot, preferences):
    box = DropBox()
    qtbot.addWidget(box)
    preferences.extension2reader = {**preferences.extension2reader, "*.mp4": "another"}
    end_owned(box)
    assert preferences.extension2reader == {"*.mp4": "another"}


@pytest.mark.parametrize("name", ["a.tif", "A4C.MP4", "a.nii.gz", "cine.seq.nrrd", "folder"])
def test_napari_knows_which_reader_to_use(qtbot, preferences, tmp_path, name):
    from napari.plugins.utils import get_preferred_reader

    path = tmp_path / name
    path.mkdir() if name == "folder" else path.touch()
    assert get_preferred_reader(path) is None
    box = DropBox()
    qtbot.addWidget(box)
    assert get_preferred_reader(path) == READER
    assert name == "folder" or name.endswith(".gz") or preferred_reader(path) == READER
    end_owned(box)
    assert get_preferred_reader(path) is None
