"""The codes are DICOM's: each is looked up in pydicom's copy of PS3.16, except those that say where else they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.sr._concepts_dict import concepts

from matae.clinic.codes import _BY_VIEW, CODES, PRIVATE_SCHEME, UNITS, VIEWS, volumetric

PAGE = Path(__file__).resolve().parents[3] / "docs" / "clinic-interchange.md"
# Not in pydicom's dictionaries. PS3.17 N.2 lists the modifier; UCUM is a grammar, and PS3.16 7.2.2 says to write units
# by it; {H.B.}/min is what PS3.17 and PS3.16 write for a heart rate.
ELSEWHERE = {"272518008", "ml", "l/min", "{H.B.}/min"}
ALL = {**CODES, **{f"{key} {view}": code for (key, view), code in _BY_VIEW.items()}, **VIEWS, **UNITS}


def known(code) -> dict[str, list[int]]:
    """Return the meanings of a code, and the context groups that have it."""
    return {
        meaning: groups
        for by_code in concepts[code.scheme].values()
        for value, (meaning, groups) in by_code.items()
        if value == code.value
    }


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_code_is_known_with_its_meaning(name) -> None:
    code = ALL[name]
    if code.scheme == PRIVATE_SCHEME or code.value in ELSEWHERE:
        return
    assert code.meaning.casefold() in {meaning.casefold() for meaning in known(code)}


def test_what_is_measured_stands_in_the_context_groups_of_echocardiography() -> None:
    measured = [CODES[key] for key in CODES if key.endswith(("_percent", "_ml", "_mm2", "_min")) or key == "heart_rate"]
    assert len(measured) == 9
    for code in measured:
        assert any(12200 in groups for groups in known(code).values()), code
    for code in _BY_VIEW.values():
        assert any(12300 in groups for groups in known(code).values()), code
    for code in VIEWS.values():
        assert any(12226 in groups for groups in known(code).values()), code
    for phase in ("end_diastole", "end_systole"):
        assert any(12233 in groups for groups in known(CODES[phase]).values())
    for method in ("disks", "planimetry"):
        assert any(12227 in groups for groups in known(CODES[method]).values())
    for reason in ("indeterminate", "failure"):
        assert any(42 in groups for groups in known(CODES[reason]).values())


def test_a_view_has_its_own_code_where_there_is_one() -> None:
    assert volumetric("ef_percent", "A4C").value == "79993-2"
    assert volumetric("ef_percent", "A2C").value == "79992-4"
    assert volumetric("ef_percent", "A3C") == volumetric("ef_percent", None) == CODES["ef_percent"]
    assert volumetric("sv_ml", "A4C") == CODES["sv_ml"]


def test_the_page_lists_every_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [code for code in ALL.values() if f"`{code.value}`" not in text] == []
