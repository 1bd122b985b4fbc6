"""A viewer as a session sees it: the frame, also where the slider is beyond the cine, and whose doing a change is."""

from __future__ import annotations

import numpy as np
import pytest

from napari_matae.session.cine_viewer import CineViewer


def test_nothing_on_screen_is_the_first_frame():
    from napari.components import ViewerModel

    screen = CineViewer(ViewerModel())
    screen.seek(4)
    screen.refresh()
    screen.forget_layer_history()
    screen.remove(None)
    assert screen.frame == 0


def test_a_slider_beyond_the_cine_is_its_last_frame(session, cine):
    session.open(cine)
    session.viewer.add_image(np.zeros((40, *cine.shape), np.uint8))
    session.viewer.dims.set_current_step(0, 30)
    assert session.frame == cine.n_frames - 1
    session.seek(99)
    assert session.viewer.dims.current_step[0] == cine.n_frames - 1


def test_our_own_doing_ends_with_the_outermost_and_with_an_error(session):
    screen = CineViewer(session.viewer)
    with screen.quiet():
        with screen.quiet():
            assert screen.is_ours
        assert screen.is_ours
    assert not screen.is_ours
    with pytest.raises(ValueError, match="no"), screen.quiet():
        raise ValueError("no")
    assert not screen.is_ours
