"""What is read while the viewer starts: a bad file first."""

from __future__ import annotations

from matae.speed.clip import phantom_clip, write_avi
from napari_matae.background.events import Failed
from napari_matae.background.worker import guarded
from napari_matae.open import reading
from napari_matae.open.early import read_early, taken_early
from napari_matae.open.reading import Listed, Opened, path_events


def test_a_bad_file_is_said_as_if_it_was_read_late(tmp_path):
    path = tmp_path / "bad.avi"
    path.write_bytes(b"no video")
    read_early(path)
    early = list(path_events(path))
    assert [type(event) for event in early] == [type(event) for event in guarded(path_events(path))]
    assert early[-1] == list(guarded(path_events(path)))[-1]
    assert isinstance(early[-1], Failed)


def test_a_file_is_read_once_and_only_the_one_that_was_named(tmp_path, monkeypatch):
    path, other = tmp_path / "clip.avi", tmp_path / "other.avi"
    write_avi(phantom_clip(4, (64, 64), 4), path)
    other.write_bytes(b"no video")
    read_early(path)
    assert taken_early(other) is None
    listed, opened = path_events(path)
    assert isinstance(listed, Listed)
    assert isinstance(opened, Opened)
    assert opened.cine.n_frames == 4
    monkeypatch.setattr(reading, "reading_events", lambda _: iter(["read again"]))
    assert list(path_events(path)) == ["read again"]
