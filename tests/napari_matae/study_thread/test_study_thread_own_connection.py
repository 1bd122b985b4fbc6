"""Long work opens a study that exists for itself, and lets go of it however it ends."""

from __future__ import annotations

import pytest

from matae.errors import StoreError
from matae.store import Study
from napari_matae.study_thread.own_connection import own_connection


def test_no_study_is_made_where_there_is_none(tmp_path):
    with pytest.raises(StoreError), own_connection(str(tmp_path / "none.sqlite")):
        pass
    assert not (tmp_path / "none.sqlite").exists()


def test_it_is_closed_after_an_error_too(tmp_path):
    target = str(tmp_path / "study.sqlite")
    with Study.create(target) as open_one:
        with own_connection(target, "anna") as second:
            assert second.cines() == open_one.cines() == []
        with pytest.raises(ZeroDivisionError), own_connection(target) as third:
            raise ZeroDivisionError
    assert second.is_closed
    assert third.is_closed
