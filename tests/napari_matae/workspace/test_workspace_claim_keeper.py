"""Two viewers over one study say who has which clip open, and a viewer that closes gives its clip back."""

from __future__ import annotations

from matae.store import Study

from ..conftest import make_cine, opened


def who(target, content_id):
    with Study.open(target) as study:
        return [claim.rater for claim in study.claims(content_id)]


def test_nothing_open_claims_nothing(make_workspace, qtbot):
    workspace = make_workspace()
    workspace.claim_keeper._claim()
    workspace.claim_keeper._release()
    qtbot.waitUntil(lambda: workspace.link.state == "saved")


def test_the_open_clip_is_claimed_and_the_second_reader_is_told(make_workspace, qtbot, cine, tmp_path):
    target = tmp_path / "study.sqlite"
    first = make_workspace(rater="anna")
    opened(qtbot, first, cine)
    qtbot.waitUntil(lambda: who(target, cine.content_id) == ["anna"])
    second = make_workspace(rater="bela")
    heard = []
    second.said.connect(heard.append)
    opened(qtbot, second, cine)
    qtbot.waitUntil(lambda: any("open by anna too" in text for text in heard))
    assert who(target, cine.content_id) == ["anna", "bela"]
    other = make_cine(seed=3)
    opened(qtbot, second, other)
    qtbot.waitUntil(lambda: who(target, cine.content_id) == ["anna"])
    first.close_down()
    assert who(target, cine.content_id) == []
    assert who(target, other.content_id) == ["bela"]
