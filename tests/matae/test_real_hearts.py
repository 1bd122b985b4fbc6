"""The whole way on real hearts: reader, sector, bundled model, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from matae.demo import demo_path
from matae.jobs import FileJob, JobSettings, segment_file
from matae.metrics import dice
from matae.models import DEFAULT_MODEL, list_models
from matae.read import CineRef, list_cines
from matae.read.camus import camus_labels
from matae.segment import Segmenter, SegmentOptions, segment

NATIVE = Path(__file__).parents[2].parent / "shared" / "data" / "camus-native"


@pytest.fixture
def bundled(matae_home: Path) -> str:
    if not any(entry.name == DEFAULT_MODEL and entry.bundled for entry in list_models()):
        pytest.skip("the bundled model is not in this checkout")
    return DEFAULT_MODEL


def extremes(curve: np.ndarray) -> int:
    """Return how many peaks of a cyclic curve stand out by more than a quarter of its range."""
    from scipy.signal import find_peaks

    # Cut at the deepest point, so that no peak lies on the cut.
    opened = np.roll(curve, -int(curve.argmin()))
    return len(find_peaks(np.append(opened, opened[0]), prominence=0.25 * np.ptp(curve))[0])


@pytest.mark.parametrize(
    ("curve", "peaks", "troughs"),
    [
        (np.cos(np.linspace(0, 2 * np.pi, 30, endpoint=False)), 1, 1),
        (np.cos(np.linspace(0, 4 * np.pi, 30, endpoint=False)), 2, 2),
        (np.zeros(30), 0, 0),
    ],
)
def test_extremes_are_counted(curve: np.ndarray, peaks: int, troughs: int) -> None:
    assert (extremes(curve), extremes(-curve)) == (peaks, troughs)


@pytest.mark.parametrize("width", [pytest.param("1", marks=pytest.mark.slow), "1/2"])
def test_demonstration_cine_beats_once(bundled: str, tmp_path: Path, width: str) -> None:
    import SimpleITK
    from skimage.measure import label

    (ref,) = list_cines(demo_path())
    settings = JobSettings(tmp_path, SegmentOptions(bundled, width=width, device="cpu"), overlay=False)
    result = segment_file(FileJob(ref, settings))
    masks = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(result.files["mask"])))
    assert masks.shape == (30, 240, 320)
    for structure in (1, 2, 3):
        assert [label(mask == structure, connectivity=1).max() for mask in masks] == [1] * 30
    area = np.array(json.loads(result.files["record"].read_text("utf-8"))["area_px"])
    assert (area == (masks == 1).sum((1, 2))).all()
    smooth = (np.roll(area, 1) + area + np.roll(area, -1)) / 3
    assert (extremes(smooth), extremes(-smooth)) == (1, 1), smooth.round()
    assert smooth.min() < 0.8 * smooth.max()


@pytest.mark.data
@pytest.mark.skipif(not NATIVE.is_dir(), reason="the CAMUS frames are not beside the repository")
@pytest.mark.parametrize("layout", ["nifti", "mhd"])
def test_native_frames_agree_with_their_reference(bundled: str, layout: str) -> None:
    import SimpleITK

    def is_four_chamber_still(ref: CineRef) -> bool:
        return ref.info["view"] == "A4C" and ref.info["phase"] != "sequence"

    refs = [ref for ref in list_cines(NATIVE / layout) if is_four_chamber_still(ref)]
    assert len(refs) >= 4
    segmenter, scores = Segmenter(SegmentOptions(bundled, width="1", device="cpu")), {}
    for ref in refs:
        labels = camus_labels(ref.path)
        assert labels is not None
        cine = ref.open()
        assert cine.spacing is not None
        assert (cine.spacing.y < 0.6 * cine.spacing.x) == (layout == "mhd")
        truth = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(labels))).reshape(cine.shape) == 1
        scores[ref.label] = float(dice(segment(cine, segmenter=segmenter).masks[0] == 1, truth))
    assert min(scores.values()) > 0.85, scores
