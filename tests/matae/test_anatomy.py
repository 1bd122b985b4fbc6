"""Classes by name and code: what every tool calls them, and what nothing may be taken for."""

from __future__ import annotations

import numpy as np
import pytest

from matae.anatomy import (
    CLASS_NAMES,
    class_name,
    class_of_code,
    class_of_name,
    code_of_class,
    combine,
    is_another,
)

CAVITY = [
    "LV", "lv", "Lv", "LV endo", "LV_endo", "lv-endo", "LVendo", "LVEndo", "LV (endo)", "Left Ventricle",
    "left_ventricle", "LeftVentricle", "leftVentricle", "LEFT VENTRICLE", "LEFTVENTRICLE", "Ventricle, left",
    "left ventricular cavity", "Left-Ventricle Cavity", "LVC", "LV blood pool", "cavity", "endocardium", "Endo",
    "endocardial border", "heart_ventricle_left", "Cavity of left ventricle", "A4C LV", "lv_ed", "LV mask",
    "Linker Ventrikel", "ventricule gauche", "ventrículo izquierdo", "ventricolo sinistro", "左心室", "ventricle",
]  # fmt: skip
WALL = [
    "myocardium", "Myo", "MYO", "LV myocardium", "LVM", "LVMyo", "LV_MYO", "lv wall", "LV epi", "LVepi", "epicardium",
    "LV_epicardium", "left ventricular myocardium", "heart_myocardium", "Myokard", "myocarde", "心肌",
]  # fmt: skip
ATRIUM = ["LA", "la", "left atrium", "Left_Atrium", "LA endo", "atrium", "heart_atrium_left", "linker Vorhof", "左心房"]
NOTHING = [
    "", "1", "2", "LV1", "object", "heart", "class 1", "class 2", "other", "left", "wall", "chamber", "blood pool",
    "LV thrombus", "LV and RV", "lvrv", "LV/RV", "RV", "right ventricle", "RA", "LVOT", "mitral valve", "LA wall",
    "left atrial appendage", "endo epi", "segment_1", "mask", "annotation", "LVEDV", "foreground",
]  # fmt: skip


@pytest.mark.parametrize(("names", "value"), [(CAVITY, 1), (WALL, 2), (ATRIUM, 3)])
def test_names_of_a_class(names: list[str], value: int) -> None:
    assert {name: class_of_name(name) for name in names} == dict.fromkeys(names, value)


def test_names_that_are_none_of_ours() -> None:
    assert {name: class_of_name(name) for name in NOTHING} == dict.fromkeys(NOTHING)
    assert [class_of_name(name) for name in ("background", "_background_", "BG")] == [0, 0, 0]
    assert [class_of_name(f"class {n}") for n in (4, 20, 21)] == [4, 20, None]


def test_other_structures_are_known_as_such() -> None:
    known = {"RV", "right ventricle", "RA", "LVOT", "mitral valve", "left atrial appendage", "RV endo", "aorta"}
    assert {name for name in (*known, *NOTHING, *CAVITY, *WALL, *ATRIUM) if is_another(name)} == known


def test_what_we_write_is_read_back() -> None:
    for value in range(1, 21):
        assert class_of_name(class_name(value)) == value
        code, scheme, meaning = code_of_class(value)
        assert class_of_code(code, scheme) == value
        assert class_of_name(meaning) == value
    assert CLASS_NAMES[0] == "left ventricular cavity"


@pytest.mark.parametrize(
    ("code", "scheme", "value"),
    [
        ("87878005", "SCT", 1), ("T-32600", "SRT", 1), ("T-32600", "99SDM", 1), ("T-32600", "SNM3", 1),
        ("7101", "FMA", 1), ("FMA7101", "FMA", 1), ("FMA:9466", "FMA", 1), ("C0225897", "UMLS", 1),
        ("49848007", "SCT", 2), ("74281007", "SCT", 2), ("9462", "FMA", 2), ("82471001", "SCT", 3),
        ("T-32300", "SRT", 3), ("7097", "FMA", 3), ("125040", "DCM", 0), ("53085002", "SCT", None),
        ("87878005", "FMA", None), ("T-32500", "SRT", None), ("", "", None), ("class-1", "99MATAE", None),
    ],
)  # fmt: skip
def test_codes(code: str, scheme: str, value: int | None) -> None:
    assert class_of_code(code, scheme) == value


def test_codes_are_those_of_the_standard() -> None:
    from pydicom.sr._concepts_dict import concepts  # the tables of PS3.16, as pydicom ships them
    from pydicom.sr._snomed_dict import mapping

    for value, keyword in ((1, "LeftVentricle"), (2, "LeftVentricleMyocardium"), (3, "LeftAtrium")):
        ((code, _),) = concepts["SCT"][keyword].items()
        assert code_of_class(value)[0] == code
        assert class_of_code(mapping["SCT"][code], "SRT") == value


def test_overlap_is_solved_by_anatomy_in_any_order() -> None:
    y, x = np.mgrid[:40, :40]
    distance = np.hypot(y - 20, x - 20)
    parts = [(1, distance < 8), (2, distance < 14), (3, (y > 24) & (distance < 12)), (0, distance < 40)]
    expected = np.where(distance < 14, 2, 0)
    expected[parts[2][1]] = 3
    expected[distance < 8] = 1
    for order in (parts, parts[::-1], [parts[1], parts[0], parts[3], parts[2]]):
        np.testing.assert_array_equal(combine(order, (40, 40)), expected)
