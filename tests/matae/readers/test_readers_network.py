"""What a network says of its outlines in a study: nothing where nothing is stored, and all that is where it is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "measure"))

from measure_makers import beating

from matae.measure.seen_view import OF_THE_VIEW
from matae.models import DEFAULT_MODEL, find_model
from matae.read import open_cine
from matae.readers import measure_stored
from matae.readers.network import NOT_ASKED, by_origin, familiar_to, network_word, not_asked_flag
from matae.segment import find_sector
from matae.segment.expected import calibrated_dice
from matae.store import Edit, FrameStatus, OverrideName, Study
from matae.store.types import Origin

AREAS = [1, 0.95, 0.85, 0.72, 0.6, 0.55, 0.6, 0.72, 0.85, 0.95, 1]
N = len(AREAS)


@pytest.fixture
def clip(tmp_path):
    """Yield a study and a clip of it, outlined by a model that is not here any more, and its masks."""
    made, outlines = beating(AREAS, shape=(110, 100))
    np.save(tmp_path / "clip.npy", made.frames)
    cine = open_cine(tmp_path / "clip.npy")
    with Study.create(tmp_path / "hearts.matae", rater="anna") as study:
        study.add_cine(cine, subject="p1")
        study.set_marks(cine.content_id, ed=0, es=5)
        yield study, cine, np.asarray(outlines, np.uint8)


def propose(study, cine, masks, implied=None, *, model="gone", width="1", sha256="") -> None:
    study.put_proposals(
        cine.content_id, dict(enumerate(masks)), model=model, width=width, model_sha256=sha256, implied=implied
    )


def test_of_a_clip_nobody_outlined_and_one_of_before_nothing_is_known(clip) -> None:
    study, cine, masks = clip
    assert network_word(cine, find_sector(cine), masks, {}) is None
    propose(study, cine, masks)
    measured = measure_stored(study, cine.content_id)
    assert (measured.ef.judged, measured.model, measured.by_width) == (False, "gone", {})
    assert np.isnan(measured.expected).all()


def test_what_is_stored_counts_though_the_model_is_gone(clip) -> None:
    study, cine, masks = clip
    propose(study, cine, masks, {t: 0.95 - 0.01 * t for t in range(N) if t != 7})
    measured = measure_stored(study, cine.content_id)
    assert (measured.model, measured.width, measured.by_width) == ("gone", "1", {})
    assert measured.ef.judged
    wanted = [np.nan if t == 7 else calibrated_dice(0.95 - 0.01 * t) for t in range(N)]
    np.testing.assert_allclose(measured.expected, wanted)


@pytest.mark.parametrize(
    ("model", "width", "sha256"), [("", "", ""), (DEFAULT_MODEL, "x", ""), (DEFAULT_MODEL, "1/2", "ff" * 32)]
)
def test_of_a_network_that_is_not_the_one_no_width_is_asked(clip, model, width, sha256) -> None:
    """A later version may have other weights under its name, and whoever writes into a study any width."""
    study, cine, masks = clip
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9), model=model, width=width, sha256=sha256)
    measured = measure_stored(study, cine.content_id, "A4C")
    assert measured.ef.judged
    np.testing.assert_allclose(measured.expected, calibrated_dice(0.9))
    assert (measured.model, measured.width) == (model, width)
    if sha256:
        assert measured.by_width == {}


def test_a_place_among_two_clips_does_not_end_the_doubts_of_its_pictures_and_a_person_does(clip) -> None:
    study, cine, masks = clip
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9), model=DEFAULT_MODEL, width="1")
    placed = measure_stored(study, cine.content_id, "A4C")
    assert (placed.view, placed.view_source) == ("A4C", "person")
    assert {flag.code for flag in placed.doubts} & {*OF_THE_VIEW}
    study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
    chosen = measure_stored(study, cine.content_id, "A4C")
    assert (chosen.view, chosen.view_source) == ("A4C", "person")
    assert not {flag.code for flag in (*chosen.doubts, *chosen.flags)} & {*OF_THE_VIEW}


def test_a_person_speaks_for_the_frames_that_they_took(clip) -> None:
    study, cine, masks = clip
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9))
    study.set_status(cine.content_id, [5], FrameStatus.ACCEPTED)
    study.set_status(cine.content_id, [8], FrameStatus.REJECTED)
    study.put_edits(cine.content_id, [Edit(2, np.roll(masks[2], 2, 1), 1)])
    measured = measure_stored(study, cine.content_id)
    assert np.flatnonzero(np.isnan(measured.expected)).tolist() == [2, 5, 8]
    assert measured.inputs.reviewed == {2, 5}
    word = network_word(cine, find_sector(cine), masks, study.frames(cine.content_id))
    assert sorted(word.proposed) == [0, 1, 3, 4, 5, 6, 7, 9, 10]  # accepted as it was proposed, and not the other two


def test_of_networks_that_are_here_and_of_none_there_is_nothing_to_say() -> None:
    assert not_asked_flag({}) is None
    assert not_asked_flag({0: Origin(DEFAULT_MODEL, "1")}) is None
    assert by_origin({}, [0, 1]) == {}
    assert familiar_to(None, None, None) is None


def test_a_network_with_other_weights_is_not_asked_whether_it_knows_the_pictures(clip, monkeypatch) -> None:
    """It is another network, which knows other pictures; that nobody was asked is said, and what to do."""
    study, cine, masks = clip
    monkeypatch.setattr(
        "matae.segment.out_of_distribution.familiarity", lambda *_, **__: pytest.fail("another network was asked")
    )
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9), model=DEFAULT_MODEL, sha256="ff" * 32)
    measured = measure_stored(study, cine.content_id, "A4C")
    assert (measured.inputs.errors, measured.inputs.error_limit, measured.inputs.seen) == (None, None, None)
    (said,) = (flag for flag in measured.flags if flag.code == NOT_ASKED)
    assert "has other weights" in said.text
    assert "segment the clip again" in said.text
    assert said.level == "note"


def test_the_very_weights_are_asked_and_nothing_is_said(clip, monkeypatch) -> None:
    study, cine, masks = clip
    asked = []
    monkeypatch.setattr(
        "matae.segment.out_of_distribution.familiarity", lambda cine, sector, model: asked.append(model) or None
    )
    sha256 = find_model(DEFAULT_MODEL).card.sha256
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9), model=DEFAULT_MODEL, width="1/8", sha256=sha256)
    measured = measure_stored(study, cine.content_id, "A4C")
    assert asked == [DEFAULT_MODEL]
    assert all(flag.code != NOT_ASKED for flag in measured.flags)


def test_where_nothing_is_implied_the_widths_are_not_compared_over_the_clip(clip, monkeypatch) -> None:
    """It would take as long as outlining the clip, for nothing."""
    study, cine, masks = clip
    compared = []
    monkeypatch.setattr("matae.readers.network.apart_from_second", lambda *given: compared.extend(given[4]) or iter(()))
    propose(study, cine, masks, {2: 0.9, 5: 0.8})
    network_word(cine, find_sector(cine), masks, study.frames(cine.content_id))
    assert compared == [2, 5]


def test_masks_of_two_models_are_said_to_be_of_the_one_that_made_most(clip) -> None:
    study, cine, masks = clip
    propose(study, cine, masks, dict.fromkeys(range(N), 0.9), model="gone", width="1/2")
    for name, frames in (("later", (1, 2)), ("gone", (3,))):
        some = {t: masks[t] for t in frames}
        study.put_proposals(cine.content_id, some, model=name, width="1", implied=dict.fromkeys(some, 0.8))
    measured = measure_stored(study, cine.content_id)
    assert (measured.model, measured.width) == ("gone", "1/2, 1")
    np.testing.assert_allclose(measured.expected[[0, 1, 3]], calibrated_dice(np.array([0.9, 0.8, 0.8])))
