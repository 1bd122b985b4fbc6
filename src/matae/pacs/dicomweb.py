"""An archive by DICOMweb: QIDO-RS finds, WADO-RS fetches, STOW-RS stores (PS3.18)."""

from __future__ import annotations

import io
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from matae.errors import PacsError
from matae.extras import without_extra
from matae.pacs.tls import handshake_fault, in_words, ssl_fault, tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matae.pacs.address import Address
    from matae.pacs.connection import Level

__all__ = ["WebConnection"]

_PAGE = 200  # results asked for at a time; servers give fewer where they must
_MOST_PAGES = 500
_NO_DICOMWEB = "{name} answers at {url}, but not as DICOMweb; give the address below which /studies lies."


class WebConnection:
    """A `matae.pacs.Connection` by DICOMweb.

    Parameters
    ----------
    address
        Of kind ``dicomweb``.
    """

    def __init__(self, address: Address) -> None:
        try:
            from dicomweb_client.api import DICOMwebClient
            from requests import Session
        except ImportError:
            raise PacsError(without_extra("pacs")) from None
        self._address = address
        session = Session()
        if address.token:
            session.headers["Authorization"] = f"Bearer {address.token}"
        elif address.user or address.password:
            session.auth = (address.user, address.password)
        if urlsplit(address.url).scheme == "https":
            session.mount("https://", _adapter(tls_context(address)))
            if address.ca_file:
                session.verify = address.ca_file
        self._session = session
        self._client = DICOMwebClient(address.url, session=session, timeout=address.timeout)
        self._client.set_http_retry_params(retry=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def check(self) -> None:
        """Ask for one study, whichever."""
        with self._told():
            self._client.search_for_studies(limit=1)

    def find(self, level: Level, keys: Mapping[str, str]) -> list[Any]:
        """Return what matches."""
        from pydicom.dataset import Dataset

        filters = {key: value for key, value in keys.items() if value}
        fields = [key for key, value in keys.items() if not value]
        study, series = filters.get("StudyInstanceUID"), filters.get("SeriesInstanceUID")
        found: list[Any] = []
        with self._told():
            for _ in range(_MOST_PAGES):
                asked: dict[str, Any] = {"fields": fields, "limit": _PAGE, "offset": len(found)}
                if level == "STUDY":
                    page = self._client.search_for_studies(search_filters=filters, **asked)
                elif level == "SERIES":
                    page = self._client.search_for_series(study, **asked)
                else:
                    page = self._client.search_for_instances(study, series, **asked)
                found += [Dataset.from_json(one) for one in page]
                if len(page) < _PAGE:
                    break
        return found

    def fetch(self, study_uid: str, series_uid: str, instance_uid: str) -> bytes:
        """Return an instance."""
        with self._told():
            made = self._client.retrieve_instance(
                study_uid, series_uid, instance_uid, media_types=(("application/dicom", "*"),)
            )
            buffer = io.BytesIO()
            made.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    def store(self, path: Path) -> None:
        """Send an instance."""
        from pydicom import dcmread

        with self._told():
            answer = self._client.store_instances([dcmread(path)])
        if answer.get("FailedSOPSequence"):
            reason = answer.FailedSOPSequence[0].get("FailureReason", 0)
            raise PacsError(
                f"{self._address.name} did not store {path.name} (reason {reason:04X}H); ask whoever runs the archive "
                "whether it takes objects of this kind."
            )

    def _untrusted(self, error: Exception) -> str:
        fault = ssl_fault(error)
        if isinstance(fault, ssl.SSLEOFError):  # turned away without a word, or before the word was read
            parts = urlsplit(self._address.url)
            context = tls_context(self._address)
            fault = handshake_fault(parts.hostname or "", parts.port or 443, context, self._address.timeout) or fault
        return in_words(self._address, fault)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what goes wrong on the way into a sentence."""
        import requests

        name, url = self._address.name, self._address.url
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise PacsError(self._untrusted(error)) from error
        except requests.exceptions.Timeout as error:
            raise PacsError(
                f"{name} did not answer within {self._address.timeout:g} s; try again, or raise timeout in its table."
            ) from error
        except requests.exceptions.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            raise PacsError(_refused(name, url, status)) from error
        except requests.exceptions.InvalidJSONError as error:
            raise PacsError(_NO_DICOMWEB.format(name=name, url=url)) from error
        except requests.exceptions.RequestException as error:
            if ssl_fault(error) is not None:  # an alert that came after the handshake
                raise PacsError(self._untrusted(error)) from error
            raise PacsError(
                f"{name} cannot be reached at {url}; check address and network, and that the archive runs."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PacsError(_NO_DICOMWEB.format(name=name, url=url)) from error


def _adapter(context: ssl.SSLContext) -> Any:
    """Return what carries https for requests, which alone would not ask this computer whom it trusts."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):  # type: ignore[misc]
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
            return super().init_poolmanager(*args, ssl_context=context, **kwargs)

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(*args, ssl_context=context, **kwargs)

    return Adapter()


def _refused(name: str, url: str, status: int) -> str:
    if status in (401, 403):
        return (
            f"{name} does not let this user in ({status}); set user and password as docs/clinic-interchange.md tells, "
            "or ask whoever runs the archive for the right."
        )
    if status == 404:
        return f"{name} has nothing at this place of {url} (404); check the address and the UIDs."
    return f"{name} could not do what was asked (HTTP {status}); try again, or ask whoever runs the archive."
