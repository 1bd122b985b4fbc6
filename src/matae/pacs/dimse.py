"""An archive by DIMSE: C-ECHO, C-FIND, C-GET and C-STORE (PS3.4).

C-GET brings an instance back over the association that asks for it. C-MOVE would have the archive open one to us, which
needs a port that others reach and an entry for us in the archive; it is not used.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from matae.errors import PacsError
from matae.extras import without_extra
from matae.pacs.tls import handshake_fault, in_words, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matae.pacs.address import Address
    from matae.pacs.connection import Level

__all__ = ["DimseConnection"]

_VERIFICATION = "1.2.840.10008.1.1"
_FIND, _GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"  # Study Root
_CLIPS = (
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.3",  # the same, as it was before 1996
    "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
)
_PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
# One presentation context each: of several in one context the archive would choose one for whatever it has.
_SYNTAXES = (
    *_PLAIN, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103",
)  # fmt: skip
_PENDING = (0xFF00, 0xFF01)
# Of an A-ASSOCIATE-RJ by the archive itself (PS3.8 9.3.4).
_UNKNOWN_CALLER, _UNKNOWN_CALLED = 3, 7


class DimseConnection:
    """A `matae.pacs.Connection` by DIMSE; each call opens an association of its own and closes it.

    Parameters
    ----------
    address
        Of kind ``dimse``.
    """

    def __init__(self, address: Address) -> None:
        try:
            import pynetdicom  # noqa: F401
        except ImportError:
            raise PacsError(without_extra("pacs")) from None
        self._address = address

    def check(self) -> None:
        """C-ECHO."""
        with self._association({_VERIFICATION: _PLAIN}, "answer C-ECHO") as association:
            self._status(association.send_c_echo(), "answer C-ECHO")

    def find(self, level: Level, keys: Mapping[str, str]) -> list[Any]:
        """C-FIND, Study Root."""
        from pydicom.dataset import Dataset

        asked = Dataset()
        asked.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(asked, keyword, value or None)  # an empty text would be no value of a number
        found = []
        with self._association({_FIND: _PLAIN}, "look it up by C-FIND") as association:
            for status, answer in association.send_c_find(asked, _FIND):
                if status and status.Status in _PENDING:
                    found.append(answer)
                else:
                    self._status(status, "look it up")
        return found

    def fetch(self, study_uid: str, series_uid: str, instance_uid: str) -> bytes:
        """C-GET, Study Root."""
        from pydicom.dataset import Dataset
        from pynetdicom import build_role, evt

        received: list[bytes] = []

        def keep(event: Any) -> int:
            received.append(event.encoded_dataset())
            return 0x0000

        asked = Dataset()
        asked.QueryRetrieveLevel = "IMAGE"
        asked.StudyInstanceUID, asked.SeriesInstanceUID = study_uid, series_uid
        asked.SOPInstanceUID = instance_uid
        roles = [build_role(clip, scp_role=True) for clip in _CLIPS]
        wanted = {_GET: _PLAIN, **dict.fromkeys(_CLIPS, _SYNTAXES)}
        with self._association(
            wanted, "give clips by C-GET", roles=roles, handlers=[(evt.EVT_C_STORE, keep)]
        ) as association:
            for status, _ in association.send_c_get(asked, _GET):
                if not status or status.Status not in _PENDING:
                    self._status(status, f"give instance {instance_uid}", warnings=bool(received))
        if not received:
            raise PacsError(
                f"{self._address.name} gave no instance {instance_uid}: it has none, or it is no ultrasound clip; list "
                "the study again."
            )
        return received[0]

    def store(self, path: Path) -> None:
        """C-STORE."""
        from pydicom import dcmread

        made = dcmread(path)
        with self._association({str(made.SOPClassUID): _PLAIN}, f"store {path.name}") as association:
            self._status(association.send_c_store(made), f"store {path.name}", warnings=True)

    @contextmanager
    def _association(
        self,
        contexts: Mapping[str, tuple[str, ...]],
        what: str,
        *,
        roles: list[Any] | None = None,
        handlers: list[Any] | None = None,
    ) -> Iterator[Any]:
        from pynetdicom import AE, evt

        a = self._address
        received: dict[str, Any] = {}

        def watch(event: Any) -> None:
            received[type(event.pdu).__name__] = event.pdu

        context = tls_context(a) if a.tls else None
        entity = AE(ae_title=a.calling_ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = a.timeout
        reached: list[Any] = []
        association = entity.associate(
            a.host, a.port, contexts=_proposed(contexts), ae_title=a.ae_title, ext_neg=roles or None,
            tls_args=(context, a.host) if context else None,
            evt_handlers=[(evt.EVT_PDU_RECV, watch), (evt.EVT_CONN_OPEN, reached.append), *(handlers or [])],
        )  # fmt: skip
        if not association.is_established:
            raise PacsError(self._why_not(received, what, context, reached=bool(reached)))
        try:
            yield association
        except ValueError as error:  # pynetdicom: no context for what is asked
            raise PacsError(self._not_offered(what)) from error
        finally:
            if association.is_established:
                association.release()

    def _why_not(self, received: Mapping[str, Any], what: str, context: ssl.SSLContext | None, *, reached: bool) -> str:
        a = self._address
        if (refusal := received.get("A_ASSOCIATE_RJ")) is not None:
            return self._refused(refusal)
        if "A_ASSOCIATE_AC" in received:
            return self._not_offered(what)
        if context is not None and (fault := handshake_fault(a.host, a.port, context, a.timeout)) is not None:
            return in_words(a, fault)
        if reached:
            wants = "" if a.tls else ", and whether it wants TLS"
            return (
                f"{a.name} ended the association at {a.host}:{a.port}; check that a DICOM archive listens there{wants}."
            )
        return f"{a.name} cannot be reached at {a.host}:{a.port}; check address and network, and that the archive runs."

    def _refused(self, refusal: Any) -> str:
        a = self._address
        reason = refusal.reason_diagnostic if refusal.source == 1 else None  # 1: refused by the archive itself
        if reason == _UNKNOWN_CALLED:
            return f"{a.name} is not called {a.ae_title}; ask whoever runs the archive for its AE title."
        if reason == _UNKNOWN_CALLER:
            return (
                f"{a.name} does not know {a.calling_ae_title}; have whoever runs the archive add this AE title, or set "
                "calling_ae_title to one that it knows."
            )
        return f"{a.name} refused the association ({refusal.reason_str}); try again, or ask whoever runs the archive."

    def _not_offered(self, what: str) -> str:
        a = self._address
        return (
            f"{a.name} does not offer {a.calling_ae_title} to {what}; ask whoever runs the archive to allow it, or use "
            "DICOMweb."
        )

    def _status(self, status: Any, what: str, *, warnings: bool = False) -> None:
        """Raise unless a response says success, or a warning that may pass."""
        name = self._address.name
        if not status:
            raise PacsError(
                f"{name} ended the association before it could {what}; it may not know {self._address.calling_ae_title}"
                ": have whoever runs the archive add this AE title, or try again."
            )
        code = int(status.Status)
        if code == 0 or (warnings and code & 0xF000 == 0xB000):
            return
        told = str(status.get("ErrorComment", "")).strip()
        told = f": {told}" if told else ""
        if code == 0x0124:
            raise PacsError(f"{name} does not allow {self._address.calling_ae_title} to {what}; ask whoever runs it.")
        raise PacsError(f"{name} could not {what} (status {code:04X}H{told}); ask whoever runs the archive.")


def _proposed(contexts: Mapping[str, tuple[str, ...]]) -> list[Any]:
    """Return presentation contexts: one a transfer syntax for what is received, so that it comes as it is stored."""
    from pynetdicom import build_context

    found = []
    for abstract, syntaxes in contexts.items():
        kinds = [[syntax] for syntax in syntaxes] if syntaxes is _SYNTAXES else [list(syntaxes)]
        found += [build_context(abstract, kind) for kind in kinds]
    return found
