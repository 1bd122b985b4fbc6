from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from matae.demo import demo_path
from matae.errors import ReadError
from napari_matae.contributions import get_reader, phantom_sample, real_sample, write_mask
from napari_matae.session.layers import CINE_KEY

from .conftest import make_cine


def test_importing_the_plugin_loads_neither_torch_nor_qt():
    code = (
        "import sys, napari_matae, napari_matae.contributions, matae.segment.run, matae.models, matae.read\n"
        "heavy = ('torch', 'qtpy', 'PyQt6', 'napari', 'magicgui', 'pydicom', 'av', 'SimpleITK', 'scipy', 'skimage')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_manifest_is_valid_and_every_command_exists():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-matae")
    manifest.validate_imports()
    assert manifest.display_name == "MatAE"
    assert [w.display_name for w in manifest.contributions.widgets] == ["MatAE"]


@pytest.mark.parametrize("name", ["absent.avi", "notes.txt", "picture.png"])
def test_what_is_no_cine_is_declined(tmp_path, name):
    if name != "absent.avi":
        (tmp_path / name).write_text("hello")
    assert get_reader(str(tmp_path / name)) is None


def test_several_paths_are_declined():
    assert get_reader([str(demo_path())] * 2) is None


def test_a_damaged_cine_says_what_is_wrong(tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST")
    reader = get_reader(str(path))
    with pytest.raises(ReadError, match=r"clip\.avi"):
        reader(str(path))


def test_a_dicom_without_suffix_opens(tmp_path):
    path = tmp_path / "IM000001"
    path.write_bytes(demo_path().read_bytes())
    ((frames, keywords, kind),) = get_reader(str(path))(str(path))
    assert kind == "image"
    assert frames.shape == (30, 240, 320)
    assert keywords["metadata"][CINE_KEY].spacing is None
    assert keywords["scale"] == (1.0, 1.0, 1.0)


def holds_a_cine(frames, keywords):
    assert frames.ndim == 3
    assert keywords["metadata"][CINE_KEY].frames is frames


def test_the_real_sample_is_a_cine():
    ((frames, keywords, _),) = real_sample()
    holds_a_cine(frames, keywords)


def test_the_phantom_is_a_cine_and_comes_with_its_exact_masks():
    (frames, image, _), (masks, labels, kind) = phantom_sample()
    holds_a_cine(frames, image)
    assert kind == "labels"
    assert masks.shape == frames.shape
    assert labels["scale"] == image["scale"]
    assert (masks.reshape(len(masks), -1).max(1) == 1).all()


def test_masks_are_written_with_spacing_and_frame_time(tmp_path):
    import SimpleITK

    cine = make_cine()
    masks = np.zeros(cine.frames.shape, np.uint8)
    masks[2, 10:20, 30:50] = 1
    path = tmp_path / "masks.nii.gz"
    assert write_mask(str(path), masks, {"metadata": {CINE_KEY: cine}}) == [str(path)]
    image = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), masks)
    assert image.GetSpacing() == pytest.approx((0.25, 0.5, 0.02))
