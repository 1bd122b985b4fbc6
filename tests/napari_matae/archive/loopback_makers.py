"""A DIMSE archive on loopback: C-ECHO, C-FIND and C-GET of the instances it is given."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    UltrasoundMultiFrameImageStorage,
    Verification,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LoopbackArchive"]

_KEY = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class LoopbackArchive:
    """Serves instances until it is closed.

    Parameters
    ----------
    instances
        Whole instances, ultrasound multi-frame.
    """

    def __init__(self, instances: Sequence[Dataset]) -> None:
        self.instances = list(instances)
        self.gate = threading.Event()
        """Each C-GET waits for it."""
        self.gate.set()
        self.began = threading.Event()
        """A C-GET has come."""
        self.given: list[str] = []
        entity = AE(ae_title="LOOP")
        for context in (Verification, StudyRootQueryRetrieveInformationModelFind):
            entity.add_supported_context(context)
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
        entity.add_supported_context(UltrasoundMultiFrameImageStorage, scu_role=True, scp_role=True)
        self._server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        )

    @property
    def address(self) -> str:
        return f"dimse://LOOP@127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()

    def _matching(self, asked: Dataset) -> list[Dataset]:
        keys = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        wanted = {key: str(asked.get(key, "") or "") for key in keys}
        return [one for one in self.instances if all(not v or str(one.get(k)) == v for k, v in wanted.items())]

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        key = _KEY[asked.QueryRetrieveLevel]
        for one in {str(found.get(key)): found for found in self._matching(asked)}.values():
            answer = Dataset()
            answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
            for element in asked:
                if element.keyword and element.keyword in one:
                    setattr(answer, element.keyword, one.get(element.keyword))
            yield 0xFF00, answer

    def _get(self, event: evt.Event) -> Iterator[object]:
        found = self._matching(event.identifier)
        self.began.set()
        yield len(found)
        for one in found:
            self.gate.wait(60)
            self.given.append(str(one.SOPInstanceUID))
            yield 0xFF00, one
