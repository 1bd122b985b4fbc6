"""A reading is measured from its stored masks and the clip's own file, with what its rater marked."""

from __future__ import annotations

import numpy as np
import pytest

from matae.errors import MataeError
from matae.measure import MeasureOptions, measure_cine
from matae.phantom import make_phantom
from matae.read import open_cine
from matae.readers import measure_reading, study_agreement
from matae.store import Edit, FrameStatus, Study


@pytest.fixture
def clip(tmp_path):
    """Return a phantom's file, masks and study, read blind by two: bela outlines less."""
    phantom = make_phantom(seed=1, n_frames=16, frame_rate=20.0, shape=(90, 110))
    path = tmp_path / "phantom.npy"
    np.save(path, phantom.cine.frames)
    cine, masks = open_cine(path), (phantom.masks == 1).astype(np.uint8)
    target = tmp_path / "study.matae"
    with Study.create(target) as study:
        study.set_blind(True)
        study.add_cine(cine, subject="p1")
        study.set_override(cine.content_id, "frame_rate", 20.0)
        study.set_override(cine.content_id, "view", "A4C")
    for rater, used in (("anna", masks), ("bela", masks * (np.arange(110) > 50))):
        with Study.open(target, rater=rater, as_reader=True) as study:
            edits = [Edit(t, mask.astype(np.uint8), 0, FrameStatus.ACCEPTED) for t, mask in enumerate(used)]
            study.put_edits(cine.content_id, edits)
            study.finish_reading(cine.content_id)
    return path, cine, masks, target


def test_a_clip_whose_file_is_gone_is_refused(clip) -> None:
    path, cine, _, target = clip
    path.unlink()
    with Study.open(target) as study:
        with pytest.raises(MataeError, match="not where it was"):
            measure_reading(study, cine.content_id, "anna")
        clips, _ = study_agreement(study)
        assert clips[0].words.endswith("EF not compared")


def test_a_reading_is_measured_as_the_viewer_would(clip) -> None:
    _, cine, masks, target = clip
    with Study.open(target) as study:
        clips, hidden = study_agreement(study)
        kept = study.readings(cine.content_id)[0].measurement
    wanted = measure_cine(cine.with_frame_rate(20.0), masks, MeasureOptions(view="A4C"))
    assert hidden == 0
    assert kept.ef == pytest.approx(wanted.ef.value)
    assert not kept.stale
    assert clips[0].measured[0].ef == pytest.approx(wanted.ef.value)
    assert clips[0].measured[1].ef != pytest.approx(wanted.ef.value)
