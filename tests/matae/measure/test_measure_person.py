"""Body surface, whose word counts, and the normal ranges that go with it."""

from __future__ import annotations

import pytest

from matae.errors import MeasureError
from matae.measure.normal_ranges import SOURCE, normal_range, range_text
from matae.measure.person import Person, person_of


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"height_cm": 1.72}, "1.72 cm is no height of a person; give centimetres between 30 and 250"),
        ({"height_cm": 0.0}, "no height"),
        ({"weight_kg": 72000.0}, "72000 kg is no weight of a person; give kilograms"),
        ({"weight_kg": -1.0}, "no weight"),
    ],
)
def test_sizes_that_nobody_has_are_refused(values, said) -> None:
    with pytest.raises(MeasureError, match=said):
        Person(**values)


def test_nothing_known_gives_no_surface_and_nothing_indexed() -> None:
    for person in (Person(), Person(height_cm=170), Person(weight_kg=70)):
        assert person.body_surface_m2 is None
        assert person.indexed(40.0) is None
    assert Person(height_cm=170, weight_kg=70).indexed(None) is None


def test_du_bois() -> None:
    # 170 cm and 70 kg: 1.81 m2 in the authors' own chart.
    person = Person("male", 170, 70)
    assert person.body_surface_m2 == pytest.approx(1.8097, abs=1e-3)
    assert person.indexed(36.2) == pytest.approx(20.0, abs=0.02)
    assert person.to_json() == {"sex": "male", "height_cm": 170, "weight_kg": 70, "body_surface_m2": 1.8097}


def test_what_is_said_in_words() -> None:
    assert Person().words == ""
    assert Person(height_cm=170).words == "170 cm"
    assert Person("male", 170, 70).words == "male, 170 cm, 70 kg, body surface 1.81 m² (Du Bois)"


def test_volumes_of_one_plane_are_indexed_once_the_sizes_are_known() -> None:
    from dataclasses import replace

    from matae.measure import measure_cine
    from matae.measure.record import to_json
    from matae.phantom import make_phantom

    phantom = make_phantom(2, n_frames=40, frame_rate=33.0, shape=(96, 96))
    plain = measure_cine(phantom.cine, phantom.masks, sector=phantom.sector)
    assert "edv_index_ml_m2" not in {row.key for row in plain.table()}
    assert to_json(plain)["edv_index_ml_m2"] is None
    cine = replace(phantom.cine, info={**phantom.cine.info, "height_cm": 170.0, "weight_kg": 70.0})
    known = measure_cine(cine, phantom.masks, sector=phantom.sector)
    rows = {row.key: row for row in known.table()}
    surface = known.person.body_surface_m2
    for phase in ("edv", "esv"):
        assert rows[f"{phase}_index_ml_m2"].value == pytest.approx(rows[f"{phase}_ml"].value / surface)
        assert rows[f"{phase}_index_ml_m2"].unit == "mL/m²"


def test_a_person_wins_over_the_file_one_by_one() -> None:
    info = {"sex": "male", "height_cm": 180.0, "weight_kg": 90.0}
    assert person_of(info) == Person("male", 180.0, 90.0)
    assert person_of(info, Person(sex="female", weight_kg=60.0)) == Person("female", 180.0, 60.0)
    # A file's nonsense counts for nothing and stops nothing.
    assert person_of({"sex": "O", "height_cm": 1.8, "weight_kg": "90"}) == Person()


def test_ranges_are_by_sex_and_none_is_guessed() -> None:
    assert normal_range("ef_percent", "male") == (52, 72)
    assert normal_range("ef_percent", "female") == (54, 74)
    assert normal_range("ef_percent", None) is None
    assert normal_range("la_volume_index_ml_m2", None) == (16, 34)
    assert normal_range("sv_ml", "male") is None
    assert range_text("esv_ml", "female") == "normal 14 to 42"
    assert range_text("esv_ml", None) == ""
    assert "2015" in SOURCE
