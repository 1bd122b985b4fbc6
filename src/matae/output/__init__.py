"""Results of a segmentation as files: mask, record, overlay video, still picture.

Importing this package imports none of the libraries that write them.
"""

from __future__ import annotations

from matae.output.key import result_key, settings_key
from matae.output.record import make_record
from matae.output.volume import write_mask
from matae.output.write import ResultWriter, Written, is_own_result, write_results, written_before

__all__ = [
    "ResultWriter",
    "Written",
    "is_own_result",
    "make_record",
    "result_key",
    "settings_key",
    "write_mask",
    "write_results",
    "written_before",
]
