"""What reads clicks: the model of the open clip with its prompt head, loaded once, off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from napari_matae.background.events import Notice

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.prompt import Prompter, Prompts
    from matae.segment import Sector
    from napari_matae.session.session import Session

__all__ = ["FrameToRead", "MadeMask", "PromptReader"]


@dataclass(frozen=True, eq=False)
class FrameToRead:
    """A frame of the open clip, and what of it the network sees.

    Parameters
    ----------
    cine, sector, frame
        The frame.
    model, width
        What segmented the clip, or is in use.
    """

    cine: Cine
    sector: Sector
    frame: int
    model: str
    width: str

    @classmethod
    def of(cls, session: Session) -> Self | None:
        """Return the frame on screen; None where there is none, or its sector is not known yet."""
        from matae.models import current_model

        current = session.current
        if current is None or current.sector is None:
            return None
        model, width = str(current.run.get("model", "")), str(current.run.get("width", "auto"))
        return cls(current.cine, current.sector, session.frame, model or current_model(), width)


@dataclass(frozen=True, eq=False)
class MadeMask:
    """A mask made from prompts.

    Parameters
    ----------
    frame
        0-based.
    mask
        (Y, X) uint8.
    confidence
        The Dice that the head guesses of it.
    model
        Whose head read the prompts.
    """

    frame: int
    mask: NDArray[np.uint8]
    confidence: float
    model: str


class PromptReader:
    """Keeps the model that reads prompts; its methods run off the GUI thread."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._loaded: tuple[Prompter, str] | None = None
        self._told = ""
        self._lock = Lock()

    @property
    def notice(self) -> str:
        """What is to be said of the model that was loaded last; empty for nothing."""
        loaded = self._loaded
        return "" if loaded is None else loaded[1]

    def look(self, at: FrameToRead) -> Iterator[object]:
        """Load the model and let it see a frame, so that the click that comes is quick; nothing but notices come."""
        prompter = yield from self._ready(at)
        prompter.look(at.cine, at.sector, at.frame)

    def outline(self, at: FrameToRead, prompts: Prompts, label: int, mask: NDArray[np.uint8]) -> Iterator[object]:
        """Outline a frame: a `MadeMask`, and a notice where the model has no head of its own."""
        prompter = yield from self._ready(at)
        found = prompter.outline(at.cine, at.sector, at.frame, prompts, label, mask)
        yield MadeMask(at.frame, found.mask, found.confidence, prompter.card.name)

    def _ready(self, at: FrameToRead) -> Generator[Notice, None, Prompter]:
        """Yield the notice until it was heard, and return what reads the prompts."""
        prompter, notice = self.prompter(at.model, at.width)
        if notice and notice != self._told:
            yield Notice(notice)
            self._told = notice  # whoever is dropped meanwhile does not come here
        return prompter

    def follow(  # noqa: PLR0917 - the last two are filled
        self,
        at: FrameToRead,
        mask: NDArray[np.uint8],
        label: int,
        onto: Mapping[int, NDArray[np.uint8]],
        confidence: dict[int, float],
        ended: dict[int, float],
    ) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.bool_]]]:
        """Take a mask to other frames, as `matae.prompt.follow`; what is known of them is put into the last two."""
        from matae.prompt import follow

        prompter, _ = self.prompter(at.model, at.width)
        for found in follow(prompter, at.cine, at.sector, at.frame, mask, sorted(onto), label=label, onto=onto):
            if not found.goes_on:
                ended[found.frame] = found.confidence
                continue
            confidence[found.frame] = found.confidence
            yield found.frame, found.mask, found.uncertain

    def prompter(self, model: str, width: str) -> tuple[Prompter, str]:
        """Return what reads the prompts, and a sentence where that is another model's head."""
        from matae.models import current_model, list_models
        from matae.prompt import prompter_for

        with self._lock:
            if self._loaded is None or self._key != (model, width):
                # A clip may have been segmented by a model that is gone since.
                known = model if any(entry.name == model for entry in list_models()) else current_model()
                self._loaded, self._key = prompter_for(known, width), (model, width)
            return self._loaded
