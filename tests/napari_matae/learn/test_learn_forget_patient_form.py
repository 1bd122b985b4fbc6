"""What is said before and after a patient is forgotten."""

from __future__ import annotations

from matae.learn import Forgotten
from napari_matae.learn.forget_patient_form import consequence, outcome, summary
from napari_matae.models.tasks import SubjectFacts

NOTHING = SubjectFacts("P1", (), 0, (), ())
MUCH = SubjectFacts("P1", ("a", "b"), 1200, ("lv 1", "lv 2"), ("m1", "m2", "m3"))


def test_nothing_chosen_says_nothing() -> None:
    assert summary(None) == ""


def test_what_goes_is_counted() -> None:
    assert summary(NOTHING) == "With P1 go 0 cines and 0 labelled frames. No model learnt from them."
    assert summary(MUCH) == (
        "With P1 go 2 cines and 1,200 labelled frames, also out of lv 1 and lv 2. Models that learnt from them: m1, m2 "
        "and m3."
    )


def test_the_question_says_that_it_cannot_be_undone() -> None:
    for again in (False, True):
        text = consequence(MUCH, again=again)
        assert text.endswith("This cannot be undone.")
        assert ("trained anew" in text) is again
        assert ("not replaced" in text) is not again
    assert "Taken out of" not in consequence(NOTHING, again=True)


def test_what_was_done_names_every_model() -> None:
    text = outcome(Forgotten(2, ("m1", "m2"), {}, {"m1": "Too few frames."}, "matae-lv", "matae-lv"))
    assert text.startswith("Forgotten, with 2 cines.")
    assert "m1 was removed and not trained anew: Too few frames." in text
    assert "Removed: m2." in text
    assert "In use now, as before: matae-lv." in text
