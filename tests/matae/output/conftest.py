from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from by_hand import make_cine, make_result

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.segment import Segmentation


@pytest.fixture
def cine() -> Cine:
    return make_cine()


@pytest.fixture
def result(cine: Cine) -> Segmentation:
    return make_result(cine)
