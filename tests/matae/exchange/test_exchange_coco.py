"""COCO as other tools write it: classes by name, labels only where somebody drew, every layout, to the pixel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchange_makers import labels
from foreign_makers import ATRIUM, ENDO, EPI, SHAPE, annotation, coco, coco_values, drawn, ellipse, picture

from matae.errors import ExchangeError
from matae.exchange import UnknownClassError, plan_import, run_import

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.store import Study


def stored(study: Study, path: Path, classes: Mapping[str, str] | None = None) -> dict[str, NDArray[np.uint8]]:
    """Import, and return the mask of each picture by its name."""
    plan = plan_import(study, path, classes=classes)
    assert run_import(plan).stored == plan.n_new
    masks = labels(study)
    return {clip.stem: mask for clip in study.cines() for mask in masks.get(clip.content_id, {}).values()}


# --- classes ----------------------------------------------------------------------------------------------------


def test_the_number_of_a_category_means_nothing(other: Study, tmp_path: Path) -> None:
    boxes = [annotation(1, 2, [ENDO]), annotation(1, 1, [ATRIUM]), annotation(2, 2, [ENDO])]
    coco(tmp_path, {1: "LA", 2: "LV", 3: "RV"}, boxes, ("f0.png", "f1.png"))
    masks = stored(other, tmp_path)
    np.testing.assert_array_equal(masks["f0"] == 1, drawn(ENDO))
    np.testing.assert_array_equal(masks["f0"] == 3, drawn(ATRIUM))
    np.testing.assert_array_equal(masks["f1"], drawn(ENDO))


@pytest.mark.parametrize("number", [0, 3, 7, 90, 1000])
def test_any_number_will_do(other: Study, tmp_path: Path, number: int) -> None:
    coco(tmp_path, {number: "Left Ventricle", number + 1: "dog"}, [annotation(1, number, [ENDO])])
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ENDO))


@pytest.mark.parametrize("name", ["RV", "Right Ventricle", "object", "1", "heart", "class 1", "dog"])
def test_a_lone_class_that_is_not_known_is_asked_for(other: Study, tmp_path: Path, name: str) -> None:
    coco(tmp_path, {1: name}, [annotation(1, 1, [ENDO])])
    before = other.sequence
    with pytest.raises(UnknownClassError, match=f"'{name}'.*--class") as error:
        plan_import(other, tmp_path)
    assert error.value.names == (name,)
    assert other.sequence == before
    np.testing.assert_array_equal(stored(other, tmp_path, {name: "left ventricle"})["f0"], drawn(ENDO))


def test_all_unknown_classes_are_asked_for_at_once(other: Study, tmp_path: Path) -> None:
    both = [annotation(1, 1, [ENDO]), annotation(1, 2, [ATRIUM]), annotation(2, 3, [ENDO])]
    coco(tmp_path, {1: "blob", 2: "thing", 3: "LV"}, both, ("f0.png", "f1.png"))
    with pytest.raises(UnknownClassError, match="'blob', 'thing'") as error:
        plan_import(other, tmp_path)
    assert error.value.names == ("blob", "thing")
    masks = stored(other, tmp_path, {"Blob": "SKIP", "thing": "LA"})
    np.testing.assert_array_equal(masks["f0"], 3 * drawn(ATRIUM))
    np.testing.assert_array_equal(masks["f1"], drawn(ENDO))


def test_answers_that_make_no_sense_are_refused(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO])])
    with pytest.raises(ExchangeError, match="'LV' cannot be 'banana'"):
        plan_import(other, tmp_path, classes={"LV": "banana"})
    with pytest.raises(ExchangeError, match="no class 'blob' in this folder; it has 'LV'"):
        plan_import(other, tmp_path, classes={"blob": "skip"})


def test_other_structures_are_left_out_beside_ours_and_said(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {3: "Left Ventricle", 7: "Right Ventricle"}, [annotation(1, 3, [ENDO]), annotation(1, 7, [ATRIUM])])
    plan = plan_import(other, tmp_path)
    assert plan.notes == (
        "Classes read: 'Left Ventricle' as left ventricular cavity.",
        "Left out, since no class stands for it: Right Ventricle.",
    )
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ENDO))


@pytest.mark.parametrize(
    "categories",
    [{1: "ventricle", 2: "right ventricle"}, {1: {"name": "ventricle", "supercategory": "right heart"}, 2: "LV"}],
)
def test_a_ventricle_of_either_side_is_asked_for(
    other: Study, tmp_path: Path, categories: Mapping[int, object]
) -> None:
    coco(tmp_path, categories, [annotation(1, 1, [ENDO])])
    with pytest.raises(UnknownClassError, match="'ventricle'"):
        plan_import(other, tmp_path)


def test_two_names_of_one_cavity_on_a_picture_are_said(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "LV", 2: "endocardium"}, [annotation(1, 1, [EPI]), annotation(1, 2, [ENDO])])
    with pytest.raises(ExchangeError, match="'LV' and 'endocardium' both mean the left ventricular cavity"):
        plan_import(other, tmp_path)
    np.testing.assert_array_equal(stored(other, tmp_path, {"LV": "skip"})["f0"], drawn(ENDO))


@pytest.mark.parametrize("names", [("endocardium", "epicardium"), ("LV endo", "LV epi"), ("cavity", "myo")])
@pytest.mark.parametrize("epi_last", [True, False])
def test_the_cavity_stays_on_top_of_the_outline_of_the_wall(
    other: Study, tmp_path: Path, names: tuple[str, str], *, epi_last: bool
) -> None:
    both = [annotation(1, 5, [ENDO]), annotation(1, 6, [EPI])]
    coco(tmp_path, {5: names[0], 6: names[1]}, both if epi_last else both[::-1])
    expected = np.where(drawn(ENDO), 1, np.where(drawn(EPI), 2, 0))
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], expected)


def test_numbers_as_texts_and_a_mark_at_the_beginning(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {4: "LV"}, [annotation(1, 4, [ENDO])])
    path = tmp_path / "annotations" / "instances_default.json"
    values = json.loads(path.read_text())
    values["categories"][0]["id"], values["images"][0]["id"] = "4", "1"
    path.write_text(json.dumps(values), encoding="utf-8-sig")
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ENDO))


def test_the_command_line_takes_answers(other: Study, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from matae.cli import app

    coco(tmp_path / "set", {1: "blob", 2: "thing"}, [annotation(1, 1, [ENDO]), annotation(1, 2, [ATRIUM])])
    call = ["import", str(tmp_path / "set"), "--study", str(other.target)]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == 1
    assert "'blob', 'thing'" in found.stderr
    found = CliRunner().invoke(app, [*call, "--class", "blob=left ventricle", "--class", "thing = skip"])
    assert (found.exit_code, found.stdout) == (0, "1 labels stored, 1 clips added\n")
    ((mask,),) = (masks.values() for masks in labels(other).values())
    np.testing.assert_array_equal(mask, drawn(ENDO))
    for wrong in ("blob", "=skip", "blob=banana"):
        found = CliRunner().invoke(app, [*call, "--class", wrong])
        assert found.exit_code == 1
        assert "skip" in found.stderr


# --- labels only where somebody drew ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "segmentation",
    [None, [], [[]], "missing"],
)
def test_a_box_is_no_mask(other: Study, tmp_path: Path, segmentation: object) -> None:
    box = annotation(2, 1, segmentation, bbox=[40, 20, 50, 50], keypoints=[1, 2, 2])
    if segmentation == "missing":
        del box["segmentation"]
    names = ("f0.png", "f1.png", "f2.png", "f3.png")
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO]), box], names)
    plan = plan_import(other, tmp_path)
    assert (plan.n_new, len(plan.clips)) == (1, 1)
    assert plan.problems == (
        "1 annotation has no mask in instances_default.json (a box or points are none), so no label.",
        "3 pictures have no mask in instances_default.json, so no label.",
    )
    run_import(plan)
    assert [len(frames) for frames in labels(other).values()] == [1]


def test_an_annotation_that_encloses_nothing_is_no_label(other: Study, tmp_path: Path) -> None:
    empty = {"size": list(SHAPE), "counts": [SHAPE[0] * SHAPE[1]]}
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO]), annotation(2, 1, empty)], ("f0.png", "f1.png"))
    plan = plan_import(other, tmp_path)
    assert plan.n_new == 1
    assert "f1.png: 1 frame has a mask in which nothing is drawn" in " ".join(plan.problems)


def test_only_boxes_are_refused_in_a_sentence(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "RV"}, [annotation(1, 1, [])])
    with pytest.raises(ExchangeError, match=r"no label that can be imported.*a box or points are none"):
        plan_import(other, tmp_path)


# --- layouts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "place", "names"),
    [
        ("annotations/instances_default.json", "images", ("f0.png", "f1.png")),  # CVAT
        ("annotations/instances_default.json", "images", ("images/f0.png", "images/f1.png")),
        ("annotations/instances_default.json", "images/default", ("f0.png", "f1.png")),  # Datumaro
        ("annotations/instances_train2017.json", "train2017", ("f0.png", "f1.png")),  # coco.org
        ("annotations/instances_val2017.json", "images/val2017", ("f0.png", "f1.png")),
        ("result.json", "images", ("images/f0.png", "images/f1.png")),  # Label Studio
        ("result.json", "images", ("images\\f0.png", "images\\f1.png")),
        ("result.json", "images", ("/data/upload/3/f0.png", "/data/upload/3/f1.png")),
        ("result.json", "images", ("/data/local-files/?d=echo%2Ff0.png", "/data/local-files/?d=echo%2Ff1.png")),
        ("result.json", "images", ("http://localhost:8080/data/f0.png", "http://localhost:8080/data/f1.png")),
        ("result.json", ".", ("C:\\Users\\x\\f0.png", "C:\\Users\\x\\f1.png")),
        ("train/_annotations.coco.json", "train", ("f0.png", "f1.png")),  # Roboflow
        ("labels.json", "data", ("f0.png", "f1.png")),  # FiftyOne
        ("echo/annotations/instances_default.json", "echo/images", ("f0.png", "f1.png")),
        ("annotations.json", "pictures/deep", ("f0.png", "f1.png")),
    ],
)
def test_layouts_of_tools(other: Study, tmp_path: Path, file: str, place: str, names: tuple[str, str]) -> None:
    root = tmp_path / "set"
    coco(root, {1: "LV"}, [annotation(1, 1, [ENDO]), annotation(2, 1, [EPI])], names, file=file, place=place)
    masks = stored(other, root)
    np.testing.assert_array_equal(masks["f0"], drawn(ENDO))
    np.testing.assert_array_equal(masks["f1"], drawn(EPI))


def test_the_file_itself_can_be_given(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {0: "LV"}, [annotation(1, 0, [ENDO])], ("images/f0.png",), file="result.json")
    np.testing.assert_array_equal(stored(other, tmp_path / "result.json")["f0"], drawn(ENDO))


def test_sides_stand_in_the_names_of_files_or_folders(other: Study, tmp_path: Path) -> None:
    for side, seed in (("train", 1), ("valid", 2), ("test", 3)):
        name = f"{side}.png"
        coco(
            tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO])], (name,), file=f"{side}/_annotations.coco.json", place=side
        )
        picture(tmp_path / side / name, seed)
    run_import(plan_import(other, tmp_path))
    assert other.splits() == {}  # of nobody that is known
    for side in ("train", "valid", "test"):
        listed = tmp_path / side / "_annotations.coco.json"
        values = json.loads(listed.read_text("utf-8"))
        values["images"] = [image | {"patient": f"p-{side}"} for image in values["images"]]
        listed.write_text(json.dumps(values), "utf-8")
    run_import(plan_import(other, tmp_path))
    assert other.splits() == {"p-train": "train", "p-valid": "val", "p-test": "test"}


def test_lists_without_masks_beside_the_masks_do_not_matter(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO])], file="annotations/instances_val2017.json", place="val2017")
    values: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "f0.png"}],
        "annotations": [{"image_id": 1, "caption": "x"}],
    }
    (tmp_path / "annotations" / "captions_val2017.json").write_text(json.dumps(values))
    points = coco_values({1: "LV"}, [annotation(1, 1, [], keypoints=[3, 4, 2])])
    (tmp_path / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(points))
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ENDO))


@pytest.mark.parametrize(
    "name", ["../../secret.png", "images/../../secret.png", "..\\secret.png", "\x00.png", "=x.png"]
)
def test_names_that_leave_the_folder(other: Study, tmp_path: Path, name: str) -> None:
    picture(tmp_path / "secret.png")
    coco(tmp_path / "a" / "set", {1: "LV"}, [annotation(1, 1, [ENDO])])
    values = coco_values({1: "LV"}, [annotation(1, 1, [ENDO])], (name,))
    (tmp_path / "a" / "set" / "annotations" / "instances_default.json").write_text(json.dumps(values))
    with pytest.raises(ExchangeError, match=r"stay inside|control characters|formula"):
        plan_import(other, tmp_path / "a" / "set")


def test_absolute_names_are_looked_for_inside_alone(other: Study, tmp_path: Path) -> None:
    secret = picture(tmp_path / "secret.png")
    coco(tmp_path / "set", {1: "LV"}, [annotation(1, 1, [ENDO])])
    values = coco_values({1: "LV"}, [annotation(1, 1, [ENDO])], (str(secret),))
    (tmp_path / "set" / "annotations" / "instances_default.json").write_text(json.dumps(values))
    with pytest.raises(ExchangeError, match=r"secret\.png is missing"):
        plan_import(other, tmp_path / "set")


def test_a_name_that_means_two_pictures_is_refused(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO])], ("/data/f0.png",), file="result.json", place="a/x")
    picture(tmp_path / "b" / "x" / "f0.png", 4)
    with pytest.raises(ExchangeError, match=r"2 pictures are called f0\.png"):
        plan_import(other, tmp_path)


# --- shapes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ring",
    [
        ellipse(64, 43, 11, 20, 60), ellipse(64.5, 43.5, 10, 10), ellipse(20, 20, 3.3, 2.2, 7),
        [10, 10, 20, 10, 20, 20, 10, 20], [0, 0, 128, 0, 128, 96, 0, 96], [3.2, 4.9, 60.1, 8.4, 30.7, 90.3],
        [-4, 10, 40, -3, 131, 50, 60, 99],
    ],
)  # fmt: skip
def test_polygons_are_drawn_as_the_coco_api_draws_them(other: Study, tmp_path: Path, ring: list[float]) -> None:
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ring])])
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ring))


def test_random_polygons_are_those_of_the_coco_api() -> None:
    from matae.exchange.encodings.polygons import draw_coco_polygon

    rng = np.random.default_rng(3)
    for _ in range(200):
        angle = np.sort(rng.random(rng.integers(3, 14))) * 2 * np.pi
        far = rng.uniform(2, 45, angle.size)
        points = np.stack([64 + far * np.cos(angle), 48 + far * np.sin(angle)], 1)
        try:
            inside = draw_coco_polygon(points.tolist(), SHAPE, "x")
        except ExchangeError:
            continue  # crosses itself
        np.testing.assert_array_equal(inside, drawn(points.ravel().tolist()))


def test_the_areas_measured_with_the_tool(other: Study, tmp_path: Path) -> None:
    ring = ellipse(64, 43, 11, 20, 60)
    assert drawn(ring).sum() == 692
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ring])])
    assert stored(other, tmp_path)["f0"].sum() == 692


def test_several_outlines_belong_together(other: Study, tmp_path: Path) -> None:
    rings = [ellipse(30, 30, 9, 9), ellipse(90, 60, 12, 8), ellipse(34, 33, 9, 9)]
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, rings)])
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(*rings))


def test_a_flat_list_of_points_is_one_outline(other: Study, tmp_path: Path) -> None:
    coco(tmp_path, {1: "LV"}, [annotation(1, 1, ENDO)])
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], drawn(ENDO))


@pytest.mark.parametrize("packed", [True, False])
def test_run_lengths_with_a_hole_and_of_a_crowd(other: Study, tmp_path: Path, *, packed: bool) -> None:
    from pycocotools import mask as api

    ring = drawn(EPI) & ~drawn(ENDO)
    counts: object = api.encode(np.asfortranarray(ring.astype(np.uint8)))["counts"].decode()
    if not packed:
        flat = ring.ravel(order="F")
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, flat.size]).tolist()
    coco(tmp_path, {2: "myo"}, [annotation(1, 2, {"size": list(SHAPE), "counts": counts}, iscrowd=1)])
    np.testing.assert_array_equal(stored(other, tmp_path)["f0"], 2 * ring)


def test_a_picture_of_another_size_than_stated_is_said(other: Study, tmp_path: Path) -> None:
    from PIL import Image

    coco(tmp_path, {1: "LV"}, [annotation(1, 1, [ENDO]), annotation(2, 1, [ENDO])], ("f0.png", "f1.png"))
    Image.new("L", (64, 48)).save(tmp_path / "images" / "f0.png")
    plan = plan_import(other, tmp_path)
    assert plan.n_new == 1
    assert "f0.png was drawn on a picture of 128 x 96, not 64 x 48" in " ".join(plan.problems)
