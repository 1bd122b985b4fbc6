"""A password is shown nowhere."""

from __future__ import annotations

import pytest

from matae.store.address import has_password, to_remember, without_password


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("", ""),
        ("/data/lab.sqlite", "/data/lab.sqlite"),
        ("postgresql://host/lab", "postgresql://host/lab"),
        ("postgresql://anna@host:5433/lab", "postgresql://anna@host:5433/lab"),
        ("postgresql://anna:secret@host:5433/lab", "postgresql://anna@host:5433/lab"),
        ("postgresql://anna:se@cret@host/lab", "postgresql://anna@host/lab"),
        ("postgresql://anna:se%40cret@host/lab?sslmode=require", "postgresql://anna@host/lab"),
        ("postgresql://host/lab?user=anna&password=secret", "postgresql://host/lab"),
        ("postgresql://[bad:secret@host/lab", "postgresql://…"),
    ],
)
def test_what_is_shown_of_a_target(target: str, shown: str) -> None:
    assert without_password(target) == shown
    assert "cret" not in without_password(target)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/home/anna/study.matae", "/home/anna/study.matae"),
        ("postgresql://anna@host/lab?sslmode=require", "postgresql://anna@host/lab?sslmode=require"),
        ("postgresql://anna:secret@host:5433/lab?sslmode=require", "postgresql://anna@host:5433/lab?sslmode=require"),
        ("postgresql://host/lab?user=anna&password=secret", "postgresql://host/lab?user=anna"),
        ("postgresql://anna:se%40cret@host/lab", "postgresql://anna@host/lab"),
        ("postgresql://[secret/lab", ""),
    ],
)
def test_what_is_remembered_has_no_password_and_everything_else(target: str, kept: str) -> None:
    assert to_remember(target) == kept
    assert has_password(target) == (target != kept)
