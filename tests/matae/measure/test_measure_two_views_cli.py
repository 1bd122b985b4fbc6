"""``measure A4C A2C`` and ``measure --biplane FOLDER``: the whole command on two clips with their masks."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating
from typer.testing import CliRunner

from matae.cine import Spacing
from matae.cli import app
from matae.output import write_mask
from matae.phantom import make_phantom

AREAS = [1, 0.95, 0.85, 0.72, 0.6, 0.55, 0.6, 0.72, 0.85, 0.95, 1]


@pytest.fixture
def pair(tmp_path):
    """Write two NumPy clips and, in a folder, the masks that ``segment`` would have written of them."""
    (tmp_path / "masks").mkdir()
    paths = []
    for name, factor in (("four", 1.0), ("two", 0.9)):
        cine, masks = beating([factor * area for area in AREAS], shape=(110, 100))
        path = tmp_path / f"{name}.npy"
        np.save(path, cine.frames)
        write_mask(tmp_path / "masks" / f"{name}_mask.nii.gz", masks, replace(cine, spacing=Spacing(1.0, 1.0)))
        paths.append(path)
    return paths


def run(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)], env={"COLUMNS": "200"})


def test_what_cannot_be_asked_of_two_clips(pair, tmp_path) -> None:
    out = tmp_path / "found.json"
    for more, said in (
        ((), "give --json FILE"),
        (("--json", out, "--view", "A4C"), "is for one clip"),
        (("--json", out, "--ed", "1"), "is for one clip"),
        (("--json", out, "--mask", tmp_path / "masks" / "four_mask.nii.gz"), "is no folder"),
        (("--json", pair[0]), "is read by this command"),
        (("--json", out, "--jobs", "2"), "are for many clips"),
        (("--out", tmp_path / "many", "--biplane"), "is for one clip"),
    ):
        found = run(*pair, *more)
        assert found.exit_code == 2
        assert said in " ".join(found.output.replace("│", " ").split())
        assert not out.exists()
    for more, said in (
        (("--height", "1.7"), "1.7 cm is no height of a person"),
        (("--mask", tmp_path), "has no four_mask.nii.gz; segment four.npy into it first"),
    ):
        found = run(*pair, "--json", out, "--spacing", "1", *more)
        assert found.exit_code == 1 or found.exception is not None
        assert said in f"{found.output}{found.exception}"
    found = run(pair[0], pair[0], "--json", out)
    assert "shows the same pixels as" in f"{found.output}{found.exception}"
    found = run(tmp_path, "--biplane", "--json", out)
    assert "holds 0 A4C and 0 A2C clips" in f"{found.output}{found.exception}"


def test_two_clips_give_biplane_numbers_a_table_and_a_page(pair, tmp_path) -> None:
    out, table, page = tmp_path / "found.json", tmp_path / "found.csv", tmp_path / "found.pdf"
    found = run(
        *pair, "--json", out, "--csv", table, "--report", page, "--mask", tmp_path / "masks", "--spacing", "1",
        "--frame-rate", "20", "--sex", "female", "--height", "165", "--weight", "60",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    record = json.loads(out.read_text())
    assert record["record"] == "biplane measurement"
    assert record["views"]["A4C"]["source"] == "four.npy"
    assert record["person"]["body_surface_m2"] == pytest.approx(1.6587, abs=1e-3)
    assert record["edv_index_ml_m2"] == pytest.approx(record["edv_ml"] / 1.6587, rel=1e-3)
    assert record["normal_ranges"]["ef_percent"] == [54, 74]
    assert "four.npy and two.npy: EF" in found.output
    assert "biplane disks" in found.output
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["view"]) for row in rows] == [("four.npy", "A4C"), ("two.npy", "A2C")]
    for row in rows:  # what both give together stands beside each view's own beats
        assert row["biplane_ef_percent"] == str(record["ef_percent"]) != row["ef_percent"]
        assert row["biplane_edv_index_ml_m2"] == str(record["edv_index_ml_m2"])
        assert row["biplane_ef_low"] == str(record["ef_interval"]["low"])
    assert page.read_bytes().startswith(b"%PDF")


def test_the_place_of_a_clip_makes_no_heart_of_it(tmp_path, matae_home) -> None:
    phantom, out = make_phantom(4, n_frames=3, shape=(120, 150)), tmp_path / "found.json"
    np.save(tmp_path / "four.npy", phantom.cine.frames)
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 256, (3, 120, 150), dtype=np.uint8))
    found = run(
        tmp_path / "four.npy", tmp_path / "noise.npy", "--json", out, "--spacing", "1", "--frame-rate", "20",
        "--width", "1/8",
    )  # fmt: skip
    assert found.exit_code != 0
    said = f"{found.output}{found.exception}"
    assert "do not look like an echo" in said
    assert "noise.npy has no outline of a left ventricle" in said
    assert not out.exists()
