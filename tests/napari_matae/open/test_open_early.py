"""What is read while the viewer starts: a bad file first."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

from matae.speed.clip import phantom_clip, write_avi
from napari_matae.background.events import Failed
from napari_matae.background.worker import guarded
from napari_matae.open import early, reading
from napari_matae.open.early import early_cine, read_early, taken_early
from napari_matae.open.reading import Decoded, Listed, Opened, path_events


def test_a_bad_file_is_said_as_if_it_was_read_late(tmp_path):
    path = tmp_path / "bad.avi"
    path.write_bytes(b"no video")
    read_early(path)
    assert early_cine(path, 60) is None
    events = list(path_events(path))
    assert [type(event) for event in events] == [type(event) for event in guarded(path_events(path))]
    assert events[-1] == list(guarded(path_events(path)))[-1]
    assert isinstance(events[-1], Failed)


def test_a_file_is_read_once_and_only_the_one_that_was_named(tmp_path, monkeypatch):
    path, other = tmp_path / "clip.avi", tmp_path / "other.avi"
    write_avi(phantom_clip(4, (64, 64), 4), path)
    other.write_bytes(b"no video")
    read_early(path)
    assert taken_early(other) is None
    assert early_cine(other, 60) is None
    cine = early_cine(path, 60)
    listed, decoded, opened = path_events(path)
    assert isinstance(listed, Listed)
    assert isinstance(decoded, Decoded)
    assert decoded.cine is opened.cine is cine
    assert isinstance(opened, Opened)
    assert opened.cine.n_frames == 4
    monkeypatch.setattr(reading, "reading_events", lambda _: iter(["read again"]))
    assert list(path_events(path)) == ["read again"]


def test_nothing_but_the_picture_is_looked_for_before_it_is_taken(tmp_path, monkeypatch):
    path, looked = tmp_path / "clip.avi", []
    write_avi(phantom_clip(4, (64, 64), 4), path)
    real = reading._looked_at
    monkeypatch.setattr(reading, "_looked_at", lambda cine: (looked.append(cine), real(cine))[1])
    read_early(path)
    cine = early_cine(path, 60)
    early._Early.last.thread.join(0.2)
    assert looked == []
    assert isinstance(list(path_events(path))[-1], Opened)
    assert looked == [cine]


def test_what_was_read_is_kept_for_nobody_once_it_is_taken(tmp_path):
    path = tmp_path / "clip.avi"
    write_avi(phantom_clip(4, (64, 64), 4), path)
    read_early(path)
    frames, thread = weakref.ref(early_cine(path, 60).frames), early._Early.last.thread
    events = path_events(path)
    assert early._Early.last is None
    del events  # of a worker that was dropped before it began
    thread.join(60)
    gc.collect()
    assert not thread.is_alive()
    assert frames() is None


def test_a_cine_that_takes_long_is_not_waited_for(tmp_path, monkeypatch):
    path, go = tmp_path / "clip.avi", threading.Event()
    monkeypatch.setattr(reading, "reading_events", lambda _: iter([go.wait(300)]))
    read_early(path)
    assert early_cine(path, 0.01) is None
    go.set()
    assert list(path_events(path)) == [True]


def test_qt_takes_the_thread_of_the_window_for_its_own(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from napari_matae.open.early import read_early, taken_early\n"
        f"read_early(Path({str(tmp_path / 'absent.avi')!r}))\n"
        f"taken_early(Path({str(tmp_path / 'absent.avi')!r}))\n"
        "from qtpy.QtWidgets import QApplication\n"
        "QApplication([])"
    )
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "main() thread" not in done.stderr
