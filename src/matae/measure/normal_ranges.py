"""Normal ranges of adults, by sex, with their source.

R. M. Lang, L. P. Badano, V. Mor-Avi et al., "Recommendations for Cardiac Chamber Quantification by Echocardiography in
Adults: An Update from the American Society of Echocardiography and the European Association of Cardiovascular Imaging",
J Am Soc Echocardiogr 28(1):1-39, 2015. Mean plus and minus two standard deviations, as printed there: volumes and
ejection fraction of the left ventricle by biplane disks, its mass by two-dimensional methods, and the volume of the
left atrium indexed by body surface area.
"""

from __future__ import annotations

__all__ = ["SOURCE", "normal_range", "range_text"]

SOURCE = "ASE/EACVI 2015 (J Am Soc Echocardiogr 28:1-39), adults"

_RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "ef_percent": {"male": (52, 72), "female": (54, 74)},
    "edv_ml": {"male": (62, 150), "female": (46, 106)},
    "esv_ml": {"male": (21, 61), "female": (14, 42)},
    "edv_index_ml_m2": {"male": (34, 74), "female": (29, 61)},
    "esv_index_ml_m2": {"male": (11, 31), "female": (8, 24)},
    "lv_mass_g": {"male": (96, 200), "female": (66, 150)},
    "lv_mass_index_g_m2": {"male": (50, 102), "female": (44, 88)},
    "la_volume_index_ml_m2": {"male": (16, 34), "female": (16, 34)},
}


def normal_range(key: str, sex: str | None) -> tuple[float, float] | None:
    """Return the normal range of a number.

    Parameters
    ----------
    key
        Name of the number in the JSON.
    sex
        ``female`` or ``male``; None gives a range only where it is the same for both.

    Returns
    -------
    tuple of float or None
        None where the guideline has no range, or one that depends on a sex that is not known.
    """
    by_sex = _RANGES.get(key)
    if by_sex is None:
        return None
    if sex is not None:
        return by_sex.get(sex)
    return by_sex["male"] if len(set(by_sex.values())) == 1 else None


def range_text(key: str, sex: str | None) -> str:
    """Return the normal range in words, such as "normal 52 to 72"; empty where there is none."""
    found = normal_range(key, sex)
    return "" if found is None else f"normal {found[0]:g} to {found[1]:g}"
