"""Whether a DICOM file ends before its header does: a copy or a transfer that did not finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.read._dicom_tags import text

if TYPE_CHECKING:
    from typing import Any

__all__ = ["is_cut_off"]

_BITS_ALLOCATED = 0x00280100  # the last of what every picture states (Image Pixel Module, PS3.3 C.7.6.3)
_UNDEFINED = 0xFFFFFFFF
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_PICTURES = (f"{_STORAGE}3.1", f"{_STORAGE}6.1", f"{_STORAGE}7")  # ultrasound, one frame or many, and secondary capture


def is_cut_off(dataset: Any, end: int, size: int) -> bool:
    """Say whether a file ends within its header.

    It does where the last element is shorter than its length says, or where bytes are left that are no element. A file
    that happens to end between two elements is told by what is missing: an object without a class, or one of a class of
    pictures whose elements stop before the description of the picture is complete.

    Parameters
    ----------
    dataset
        A `pydicom.Dataset` of what lies before the pixels.
    end
        Where reading it ended.
    size
        Of the file.
    """
    from pydicom.dataelem import RawDataElement

    if end < size:  # the pixels come next
        return False
    last = max(dataset.keys(), default=None)
    if last is None:
        return True
    element = dataset.get_item(last)
    if isinstance(element, RawDataElement) and element.length != _UNDEFINED:
        if len(element.value or b"") < element.length:
            return True
        # An inflated data set counts its places in itself, and is never longer than read.
        deflated = dataset.file_meta.get("TransferSyntaxUID") == "1.2.840.10008.1.2.1.99"
        if not deflated and element.value_tell + element.length < size:
            return True
    stated = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
    return last < _BITS_ALLOCATED and (not stated or stated.startswith(_PICTURES))
