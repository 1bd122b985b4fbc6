"""Evaluation: what it refuses, its JSON, and that its figures are those of `segment`'s own masks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from evaluate_makers import (
    CAVITY,
    phantom,
    phases,
    read_rows,
    save_network,
    write_camus_folder,
    write_echonet_folder,
    write_index_folder,
    write_rows,
)
from PIL import Image

from matae.cine import Cine, Spacing
from matae.errors import ModelError
from matae.evaluate import EvaluateError, evaluate
from matae.measure import single_plane
from matae.models import DEFAULT_MODEL, list_models
from matae.read import open_cine
from matae.segment import SegmentOptions, segment
from matae.segment.notices import say_once, take_notices

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
THREE = (CAVITY, "myocardium", "left atrium")
OVERLAP = {"frame_mean", "frame_sd", "patient_mean", "pooled", "ci95"}
BLOCK = {
    "n_frames", "n_patients", "dice", "iou", "pixel_accuracy", "hd95_mm", "assd_mm", "hd95_px", "assd_px", "empty",
}  # fmt: skip
FRAME = {"id", "patient", "phase", "dice", "iou", "pixel_accuracy", "hd95_mm", "assd_mm"}


@pytest.fixture
def network(matae_home: Path) -> str:
    return save_network(matae_home, "net")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_index_folder(tmp_path / "data")


def by_segment(folder: Path, row: dict[str, str], model: str, width: str) -> np.ndarray:
    """Return the mask that `segment` gives for a picture of known pixel size."""
    frames = np.array(Image.open(folder / "images" / f"{row['frame']}.png"))[None]
    spacing = Spacing(float(row["spacing_y_mm"]), float(row["spacing_x_mm"]))
    cine = Cine(frames, None, spacing, folder)
    return segment(cine, SegmentOptions(model, width, "cpu")).masks[0]


def hd95(a: np.ndarray, b: np.ndarray, spacing: Spacing) -> float:
    """Measure every pixel of one outline from every one of the other."""
    outlines = []
    for mask in (a, b):
        around = np.pad(mask, 1)
        inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
        outlines.append(np.argwhere(mask & ~inner) * np.array(spacing))
    table = np.hypot(*(outlines[0][:, None] - outlines[1][None]).transpose(2, 0, 1))
    return max(np.percentile(table.min(1), 95), np.percentile(table.min(0), 95))


def test_what_was_made_anew_before_is_said_once(folder: Path, network: str) -> None:
    said: list[str] = []
    take_notices()
    say_once("The compiled network is damaged; it was made anew.")
    for _ in range(2):
        evaluate(folder, model=network, split="all", device="cpu", notify=said.append)
    assert said.count("The compiled network is damaged; it was made anew.") == 1


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_a_model_of_other_classes_is_refused(folder: Path, matae_home: Path) -> None:
    model = save_network(matae_home, "atrium", ("left atrium",))
    with pytest.raises(EvaluateError, match="atrium finds left atrium, but the masks of data hold left ventricular"):
        evaluate(folder, model=model, split="val")


def test_a_width_or_model_that_is_not_there_is_refused(folder: Path, network: str) -> None:
    with pytest.raises(ModelError, match="has no width 1/3"):
        evaluate(folder, model=network, width="1/3", split="val")
    with pytest.raises(ModelError, match="no model 'other'"):
        evaluate(folder, model="other", split="val")


def test_one_damaged_video_is_named_and_all_damaged_are_refused(tmp_path: Path, network: str) -> None:
    folder = write_echonet_folder(tmp_path / "echo")
    videos = sorted((folder / "Videos").iterdir())
    videos[0].write_bytes(b"no video")
    said: list[str] = []
    found = evaluate(folder, model=network, split="all", width="1", device="cpu", notify=said.append)
    assert {frame["patient"] for frame in found["frames"]} == {videos[1].stem}
    assert [videos[0].name in text for text in (said[0], found["data"]["left_out"][0])] == [True, True]
    videos[1].write_bytes(b"no video")
    with pytest.raises(EvaluateError, match="No clip of echo could be read"):
        evaluate(folder, model=network, split="all", width="1", device="cpu")


# --- what is found -----------------------------------------------------------------------------------------


def test_the_keys_are_those_promised(folder: Path, network: str) -> None:
    found = evaluate(folder, model=network, width="1/2", split="val", device="cpu")
    assert set(found) == BLOCK | {
        "model", "width", "grid", "by_phase", "by_quality", "by_class", "classes", "ef", "ef_stated", "patients",
        "placement", "cost", "run", "data", "tool", "tool_version", "research_use", "frames",
    }  # fmt: skip
    assert set(found["dice"]) == set(found["iou"]) == OVERLAP
    assert set(found["by_phase"]) == {"ED", "ES"}
    assert set(found["by_quality"]) == {"Good", "Poor"}
    for part in (*found["by_phase"].values(), *found["by_quality"].values()):
        assert set(part) == BLOCK
    for part in found["by_class"].values():
        assert set(part) == BLOCK | {"by_phase", "by_quality"}
    assert set(found["ef"]) == set(found["ef_stated"]) == {"mae", "bias", "loa", "r", "n"}
    assert set(found["cost"]) == {"parameters", "gflop", "file_bytes", "training_seconds"}
    assert all(set(frame) >= FRAME for frame in found["frames"])
    assert (found["model"], found["width"], found["grid"]) == (network, "1/2", 32)
    assert (found["n_frames"], found["n_patients"], len(found["frames"])) == (4, 2, 4)
    assert found["data"] == {"name": "data", "kind": "index", "split": "val", "view": "A4C", "left_out": []}
    assert sum(found["placement"]["found"].values()) == 4
    json.dumps(found, allow_nan=False)


def test_the_cost_is_that_of_the_grid_that_ran(folder: Path, network: str) -> None:
    own, asked = (
        evaluate(folder, model=network, width="1/2", split="val", device="cpu", grid=grid) for grid in ("own", "64")
    )
    assert (own["grid"], asked["grid"]) == (32, 64)
    assert asked["cost"]["gflop"] == pytest.approx(4 * own["cost"]["gflop"], rel=0.1)


def test_figures_are_those_of_segments_masks(folder: Path, network: str) -> None:
    found = evaluate(folder, model=network, width="1", split="val", device="cpu")
    rows = [row for row in read_rows(folder) if row["split"] == "val"]
    dices, hds, volumes = [], [], {}
    for row, frame in zip(rows, found["frames"], strict=True):
        mask = by_segment(folder, row, network, "1") == 1
        truth = np.array(Image.open(folder / "masks" / f"{row['frame']}.png")) > 0
        assert mask.any()
        spacing = Spacing(float(row["spacing_y_mm"]), float(row["spacing_x_mm"]))
        dices.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
        hds.append(hd95(mask, truth, spacing))
        assert frame["id"] == row["frame"]
        assert frame["dice"] == pytest.approx(dices[-1], abs=1e-6)
        assert frame["hd95_mm"] == pytest.approx(hds[-1], abs=1e-3)
        assert frame["pixel_accuracy"] == pytest.approx((mask == truth).mean(), abs=1e-6)
        assert frame["predicted_px"] == [mask.sum()]
        volumes.setdefault(row["patient"], {})[row["phase"]] = (mask, truth, spacing)
    assert found["dice"]["frame_mean"] == pytest.approx(np.mean(dices), abs=1e-6)
    assert found["dice"]["frame_sd"] == pytest.approx(np.std(dices, ddof=1), abs=1e-6)
    assert found["hd95_mm"] == pytest.approx(np.mean(hds), abs=1e-3)
    errors = []
    for patient, of in zip(found["patients"], volumes.values(), strict=True):
        ours, theirs = (single_plane(of["ED"][i], of["ES"][i], of["ED"][2]) for i in (0, 1))
        assert patient["ef_predicted"] == pytest.approx(ours.ef_percent, abs=1e-5)
        assert patient["ef_reference"] == pytest.approx(theirs.ef_percent, abs=1e-5)
        assert patient["edv_reference"] == pytest.approx(theirs.edv, abs=1e-5)
        errors.append(ours.ef_percent - theirs.ef_percent)
    assert found["ef"]["mae"] == pytest.approx(np.abs(errors).mean(), abs=1e-5)
    assert found["ef"]["bias"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert found["ef_stated"]["n"] == found["ef"]["n"] == 2


def test_reference_ejection_fraction_is_near_the_exact_one(folder: Path, network: str) -> None:
    found = evaluate(folder, model=network, width="1", split="all", device="cpu")
    for i, patient in enumerate(found["patients"]):
        assert patient["unit"] == "ml"
        assert patient["ef_reference"] == pytest.approx(phantom(i).ejection_fraction, abs=6)


def test_all_widths_are_those_of_one_each(folder: Path, network: str) -> None:
    counts: list[tuple[int, int]] = []
    every = evaluate(
        folder, model=network, width="all", split="val", device="cpu", progress=lambda *done: counts.append(done)
    )
    assert set(every) == {"widths"}
    assert list(every["widths"]) == ["1/2", "1"]
    assert counts == [(1, 4), (2, 4), (3, 4), (4, 4)]
    alone = evaluate(folder, model=network, width="1/2", split="val", device="cpu")
    for figures in (alone, every["widths"]["1/2"]):
        assert figures["run"].pop("seconds") >= 0
    assert alone == every["widths"]["1/2"]
    costs = [figures["cost"]["parameters"] for figures in every["widths"].values()]
    assert costs == sorted(set(costs))
    assert alone["cost"]["training_seconds"] == 12.5


def test_frames_of_several_sizes_are_each_judged_at_their_own(tmp_path: Path, network: str) -> None:
    folder = write_index_folder(tmp_path / "data", shapes=((72, 90), (64, 64)))
    found = evaluate(folder, model=network, width="1", split="val", device="cpu")
    for row, frame in zip(read_rows(folder), found["frames"], strict=False):
        truth = np.array(Image.open(folder / "masks" / f"{row['frame']}.png")) > 0
        assert frame["reference_px"] == [truth.sum()]
        assert frame["spacing_mm"]["y"] == float(row["spacing_y_mm"])


def test_empty_references_are_counted(folder: Path, network: str) -> None:
    for phase in ("ED", "ES"):
        Image.new("L", (90, 72)).save(folder / "masks" / f"p0_{phase}.png")
    found = evaluate(folder, model=network, width="1", split="val", device="cpu")
    assert found["empty"]["both"] + found["empty"]["reference_only"] == 2
    assert found["patients"][0]["ef_reference"] is None
    assert found["ef"]["n"] == 1
    assert found["ef"]["loa"] is None


def test_without_calibration_there_is_an_ejection_fraction_but_no_millimetre(folder: Path, network: str) -> None:
    rows = [row | {"spacing_y_mm": "", "spacing_x_mm": ""} for row in read_rows(folder)]
    write_rows(folder, rows)
    found = evaluate(folder, model=network, width="1", split="val", device="cpu")
    assert found["hd95_mm"] is None
    assert found["hd95_px"] > 0
    assert {patient["unit"] for patient in found["patients"]} == {"px3"}
    assert found["ef"]["n"] == 2
    # One phase calibrated and the other not: volumes in two units make no fraction.
    write_rows(
        folder, [row | ({"spacing_y_mm": "1", "spacing_x_mm": "1"} if "ED" in row["frame"] else {}) for row in rows]
    )
    assert evaluate(folder, model=network, width="1", split="val", device="cpu")["ef"]["n"] == 0


def test_several_frames_of_a_phase_make_no_ejection_fraction_unless_clips_tell_them_apart(
    folder: Path, network: str
) -> None:
    rows = [row | {"patient": "p", "split": "val"} for row in read_rows(folder)]
    write_rows(folder, rows)
    found = evaluate(folder, model=network, width="1", split="val", device="cpu")
    assert (found["n_patients"], found["ef"]["n"], found["dice"]["ci95"]) == (1, 0, None)
    write_rows(folder, [row | {"clip": row["frame"][:2]} for row in rows])
    assert evaluate(folder, model=network, width="1", split="val", device="cpu")["ef"]["n"] == 3


def test_several_classes_are_reported_each_and_together(tmp_path: Path, matae_home: Path) -> None:
    model = save_network(matae_home, "three", THREE)
    found = evaluate(write_camus_folder(tmp_path / "camus"), model=model, width="1", split="all", device="cpu")
    assert found["classes"] == list(THREE) == list(found["by_class"])
    each = [part["dice"]["frame_mean"] for part in found["by_class"].values()]
    assert found["all_classes"]["dice"]["frame_mean"] == pytest.approx(np.mean(each), abs=1e-5)
    assert len(set(each)) == 3
    # What speaks for the model are the figures of the cavity, as for a model of the cavity alone.
    cavity = found["by_class"][CAVITY]
    assert cavity == {key: found[key] for key in cavity}
    assert all(len(frame["dice_by_class"]) == 3 for frame in found["frames"])
    assert all(frame["dice"] == frame["dice_by_class"][0] for frame in found["frames"])
    assert found["dice"]["frame_mean"] == pytest.approx(np.mean([f["dice"] for f in found["frames"]]), abs=1e-5)
    made = phantom(1)
    cavity = [frame["reference_px"][0] for frame in found["frames"] if frame["patient"] == "patient0001"]
    assert cavity == [made.masks[t].sum() for t in phases(made).values()]


@pytest.mark.parametrize("names", [(CAVITY,), ("class 1",), ("class 1", "class 2", "class 3", "class 4")])
def test_what_only_one_side_has_is_left_out(tmp_path: Path, matae_home: Path, names: tuple[str, ...]) -> None:
    model = save_network(matae_home, "model", names)
    found = evaluate(write_camus_folder(tmp_path / "camus"), model=model, width="1", split="all", device="cpu")
    assert found["classes"] == list(THREE[: len(names)])


def test_the_structures_of_a_folder_are_those_a_model_of_several_is_compared_with(
    tmp_path: Path, matae_home: Path
) -> None:
    folder = write_index_folder(tmp_path / "frames", classes=3)
    (folder / "masks").rename(folder / "structures")
    (folder / "masks").mkdir()
    for path in (folder / "structures").iterdir():
        Image.fromarray((np.array(Image.open(path)) == 1).astype(np.uint8) * 255).save(folder / "masks" / path.name)
    names = (CAVITY, "left ventricular myocardium", "left atrium")
    several, one = save_network(matae_home, "several", names), save_network(matae_home, "one", (CAVITY,))
    found = evaluate(folder, model=several, width="1", split="val", device="cpu")
    assert found["classes"] == list(names)
    assert all(len(frame["reference_px"]) == 3 for frame in found["frames"])
    alone = evaluate(folder, model=one, width="1", split="val", device="cpu")
    assert alone["classes"] == [CAVITY]
    assert [f["reference_px"] for f in alone["frames"]] == [f["reference_px"][:1] for f in found["frames"]]


def test_classes_are_paired_by_name_whatever_their_order(tmp_path: Path, matae_home: Path) -> None:
    folder = write_camus_folder(tmp_path / "camus")
    forth = save_network(matae_home, "forth", THREE)
    found = evaluate(folder, model=forth, width="1", split="all", device="cpu")
    back = matae_home / "models" / "back"
    back.mkdir()
    card = json.loads((matae_home / "models" / forth / "card.json").read_text())
    (back / "model.safetensors").write_bytes((matae_home / "models" / forth / "model.safetensors").read_bytes())
    (back / "card.json").write_text(json.dumps(card | {"name": "back", "classes": THREE[::-1]}))
    turned = evaluate(folder, model="back", width="1", split="all", device="cpu")
    assert turned["classes"] == list(THREE[::-1])
    for one, other in zip(found["frames"], turned["frames"], strict=True):
        assert other["predicted_px"] == one["predicted_px"], "in the model's order, which is the same"
        assert other["reference_px"] == one["reference_px"][::-1]
        assert len(set(one["reference_px"])) == 3


def test_a_video_is_segmented_as_the_clip_it_is(tmp_path: Path, network: str) -> None:
    folder = write_echonet_folder(tmp_path / "echo")
    found = evaluate(folder, model=network, width="1", split="test", device="cpu")
    video = folder / "Videos" / "0X0000.avi"
    masks = segment(open_cine(video), SegmentOptions(network, "1", "cpu")).masks
    times = phases(phantom(0, (112, 112)))
    assert {frame["id"]: frame["predicted_px"][0] for frame in found["frames"]} == {
        f"0X0000:{t}": (masks[t] == 1).sum() for t in times.values()
    }
    assert (found["data"]["kind"], found["n_frames"], found["n_patients"]) == ("echonet", 2, 1)
    assert found["hd95_mm"] is None
    assert found["ef"]["n"] == 1
    assert set(found["by_phase"]) == {"ED", "ES"}


# --- real hearts -------------------------------------------------------------------------------------------


@pytest.fixture
def bundled(matae_home: Path) -> str:
    if not any(entry.name == DEFAULT_MODEL and entry.bundled for entry in list_models()):
        pytest.skip("the bundled model is not in this checkout")
    return DEFAULT_MODEL


@pytest.mark.data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the CAMUS frames are not beside the repository")
@pytest.mark.parametrize(("layout", "patients"), [("nifti", 6), ("mhd", 2)])
def test_native_camus_frames(bundled: str, layout: str, patients: int) -> None:
    said: list[str] = []
    data = SHARED / "camus-native" / layout
    found = evaluate(data, model=bundled, width="1", split="all", device="cpu", notify=said.append)
    assert (found["n_frames"], found["n_patients"], found["ef"]["n"]) == (2 * patients, patients, patients)
    assert found["dice"]["frame_mean"] > 0.9
    assert 0 < found["assd_mm"] < found["hd95_mm"] < 6
    assert found["by_phase"]["ED"]["n_frames"] == patients
    assert bool(said) == (layout == "mhd"), "the older layout also has two-chamber views, which are left out"
    anisotropic = [frame["spacing_mm"]["y"] < 0.6 * frame["spacing_mm"]["x"] for frame in found["frames"]]
    assert set(anisotropic) == {layout == "mhd"}
    assert not math.isnan(found["ef"]["mae"])
