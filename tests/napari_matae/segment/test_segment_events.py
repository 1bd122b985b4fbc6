"""What the run's thread does so that the window need not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from matae.models import DEFAULT_MODEL
from matae.segment import FrameMask, SegmentOptions, find_sector
from matae.segment.expected import implied_dice
from napari_matae.segment.events import again_events, segment_events

from ..conftest import make_cine

OPTIONS = SegmentOptions(DEFAULT_MODEL, width="1/8", device="cpu", backend="torch")


def test_results_know_what_their_probabilities_imply():
    cine = make_cine(seed=1)
    sector = find_sector(cine)
    events = [*segment_events(cine, sector, [0, 1], OPTIONS), *again_events(cine, sector, 1, OPTIONS)]
    results = [event for event in events if isinstance(event, FrameMask)]
    assert [result.index for result in results] == [0, 1, 1]
    for result in results:
        known = vars(result)["implied_dice"]  # kept: nobody has to sum it up again
        np.testing.assert_equal(known, implied_dice(result.mask, result.probability))


def test_what_finds_beats_is_loaded_when_a_run_says_its_end():
    script = """
import sys
from matae.segment import SegmentOptions, find_sector
from napari_matae.background.events import Finished
from napari_matae.segment.events import segment_events
from tests.napari_matae.conftest import make_cine

cine = make_cine(seed=1)
options = SegmentOptions(width="1/8", device="cpu", backend="torch")
for event in segment_events(cine, find_sector(cine), [0], options):
    if isinstance(event, Finished):
        print("scipy.signal" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
