"""A study whose open files are not those on disk any more: opened anew, with a sentence on what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from matae.store import Study
    from matae.store.recovery import Recovery

__all__ = ["Reopened", "reopen"]


class Reopened(NamedTuple):
    """A study that was opened anew.

    Parameters
    ----------
    study
        Where work goes on.
    target
        Its path.
    sentence
        What happened and what was done.
    is_copy
        It is a copy under another name: the study is not where it was.
    is_other
        It may hold other labels than were read before.
    """

    study: Study
    target: str
    sentence: str
    is_copy: bool
    is_other: bool


def reopen(study: Study, copy: Path, target: str, *, rater: str, wait_s: float) -> Reopened:
    """Save all that an open study knows, close it, and open what is on disk with what it lacked.

    Parameters
    ----------
    study
        The study.
    copy
        Where a copy goes while that is needed.
    target
        Path of the study.
    rater, wait_s
        As for `matae.store.Study.open`.

    Raises
    ------
    StoreError
        If nothing can be copied or opened; what was stored is where it was.
    """
    from matae.store import Study
    from matae.store.recovery import recover

    name = study.name
    found = recover(study, copy)
    at = str(found.copy) if found.outcome == "gone" else target
    return Reopened(
        Study.open(at, rater=rater, wait_s=wait_s, as_reader=True),
        at,
        _sentence(name, found),
        is_copy=found.outcome == "gone",
        is_other=found.outcome == "diverged",
    )


def _sentence(name: str, found: Recovery) -> str:
    if found.outcome == "gone":
        return (
            f"{name} is no longer where it was. Nothing is lost: work goes on in a copy of it, {found.copy}. To go on "
            "with the old one, put it back and open it in the Open step."
        )
    if found.outcome == "diverged":
        return (
            f"Another program replaced {name} while it was open. What was stored in the earlier one is kept in "
            f"{found.copy}; what is on screen goes into the new one."
        )
    if found.outcome == "restored":
        return (
            f"Another program replaced or deleted files of {name} while it was open. Everything that was stored is in "
            f"it again ({found.transactions} changes brought back); a copy is kept in {found.copy}."
        )
    return f"Another program deleted the log of {name} while it was open. It was opened anew; nothing is lost."
