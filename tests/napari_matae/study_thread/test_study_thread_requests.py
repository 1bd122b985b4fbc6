"""Where no study is open, what is asked is dropped, and nobody waits for it."""

from __future__ import annotations

from napari_matae.study_thread.requests import Requests


def test_nothing_is_done_and_nobody_is_answered(qtbot):
    requests, said = Requests(), []
    requests.ask(said.append, said.append, said.append)
    requests.write(said.append, said.append, said.append)
    assert requests.waiting == 0
    assert requests.flush(0.0)  # nothing is missing in a study that there is not
    assert requests.keep_waiting(0.0) is None
    qtbot.wait(1)
    assert said == []
