"""The classes of a mask by name and by code: one table for everything that is read and written.

A class is known by what it is called, never by its number in somebody's list. A name is taken apart into words, and
every word must be known: "LV_endo", "LeftVentricle", "heart_ventricle_left" and "Linker Ventrikel" are the cavity,
while "LV thrombus", "RV" or "object" are nothing that is known here, and a person has to say what they are.

Codes are those of DICOM PS3.16 (SNOMED CT with its predecessor SNOMED RT) and of the Foundational Model of Anatomy.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "ATRIUM",
    "ATRIUM_COLOUR",
    "BACKGROUND",
    "CAVITY",
    "CLASS_NAMES",
    "STRUCTURES",
    "WALL",
    "WALL_COLOUR",
    "Structure",
    "class_name",
    "class_of_code",
    "class_of_name",
    "code_of_class",
    "combine",
    "covered_by",
    "is_another",
    "is_named",
    "leaves_side_open",
    "plain_name",
    "side_of_name",
]

BACKGROUND = 0
"""What belongs to no structure."""


@dataclass(frozen=True)
class Structure:
    """One class of a mask.

    Parameters
    ----------
    value
        Its number in our masks, as in CAMUS.
    name
        What it is called in everything that is written.
    code, meaning
        SNOMED CT code that is written, and what it means.
    others
        Codes that mean the same, each after its scheme.
    """

    value: int
    name: str
    code: str
    meaning: str
    others: tuple[tuple[str, str], ...] = ()


STRUCTURES = (
    Structure(
        1, "left ventricular cavity", "87878005", "Left ventricle",
        (("SRT", "T-32600"), ("UMLS", "C0225897"), ("FMA", "7101"), ("FMA", "9466")),
    ),
    Structure(
        2, "left ventricular myocardium", "49848007", "Left ventricle myocardium",
        (
            ("SRT", "T-32620"), ("SCT", "74281007"), ("SCT", "6871001"), ("SRT", "T-39010"), ("UMLS", "C0027061"),
            ("FMA", "9558"), ("FMA", "9462"),
        ),
    ),
    Structure(
        3, "left atrium", "82471001", "Left atrium",
        (("SRT", "T-32300"), ("UMLS", "C0225860"), ("FMA", "7097"), ("FMA", "9465")),
    ),
)  # fmt: skip
"""The classes that have a name, in order of their number."""

WALL_COLOUR, ATRIUM_COLOUR = "#009e73", "#cc79a7"
"""Of wall and atrium wherever they are drawn: viewer, report, video and still (Okabe-Ito: told apart by every kind of
colour vision, and from the orange and blue of end-diastole and end-systole)."""

CAVITY, WALL, ATRIUM = (structure.value for structure in STRUCTURES)
CLASS_NAMES = tuple(structure.name for structure in STRUCTURES)
"""What the classes 1, 2 and 3 are called."""

_OWN_SCHEME = "99MATAE"
_MOST_CLASSES = 20
# Last on top: a wall is often drawn as an outline that holds the cavity too.
_ORDER = (WALL, ATRIUM, CAVITY)
# SNOMED CT goes by three names in DICOM, its predecessor by three more (PS3.16, chapter 8).
_SCHEMES = {"SCT": "SCT", "SNM3": "SRT", "SNM": "SRT", "99SDM": "SRT", "SRT": "SRT", "UMLS": "UMLS", "FMA": "FMA"}


def class_name(value: int) -> str:
    """Return the name of a class of a mask."""
    return CLASS_NAMES[value - 1] if 1 <= value <= len(CLASS_NAMES) else f"class {value}"


def is_named(value: int) -> bool:
    """Say whether a class of a mask has a name: background has none."""
    return 1 <= value <= len(CLASS_NAMES)


def covered_by(value: int) -> tuple[int, ...]:
    """Return the classes whose place a class takes where both are drawn, as `combine` lays them on each other."""
    return _ORDER[: _ORDER.index(value)] if value in _ORDER else ()


def code_of_class(value: int) -> tuple[str, str, str]:
    """Return code, coding scheme and meaning of a class; of one without a name, a code of our own."""
    for structure in STRUCTURES:
        if structure.value == value:
            return structure.code, "SCT", structure.meaning
    return f"class-{value}", _OWN_SCHEME, class_name(value)


def class_of_code(code: str, scheme: str) -> int | None:
    """Return the class of a code, or None where the code is not one of ours.

    Parameters
    ----------
    code
        Code value.
    scheme
        Coding scheme designator, as in DICOM.
    """
    code, scheme = code.strip().upper(), scheme.strip().upper()
    if scheme == _OWN_SCHEME:
        return class_of_name(code.replace("-", " "))
    if (scheme, code) == ("DCM", "125040"):
        return BACKGROUND
    scheme = _SCHEMES.get(scheme, scheme)
    plain = re.sub(r"^FMA[:_ ]?", "", code) if scheme == "FMA" else code
    for structure in STRUCTURES:
        if (scheme, plain) in (("SCT", structure.code), *structure.others):
            return structure.value
    return None


# --- names ------------------------------------------------------------------------------------------------------

_SIDE = {
    "left": "left links linker linke linkes gauche izquierdo izquierda sinistro sinistra sinister esquerdo esquerda l",
    "right": "right rechts rechter rechte rechtes droit droite derecho derecha destro destra dexter direito direita r",
}
_CHAMBER = {
    "ventricle": "ventricle ventricular ventriculus ventrikel ventricule ventriculo ventricolo ventriculaire",
    "atrium": "atrium atrial vorhof oreillette auricula atrio atriale",
}
_PART = {
    "endo": "endo endocardium endocardial endocard endokard endocarde endocardio",
    "cavity": "cavity cavities cavum cavite cavidad cavita",
    "lumen": "lumen chamber blood bloodpool pool bp",
    "myo": "myo myocardium myocardial myocard myokard myocarde miocardio epi epicardium epicardial epicard epikard "
    "epicarde epicardio",
    "wall": "wall walls muscle",
}
_WHOLE = {
    "lv": ("left", "ventricle"), "rv": ("right", "ventricle"), "la": ("left", "atrium"), "ra": ("right", "atrium"),
    "lvendo": ("left", "ventricle", "endo"), "lvepi": ("left", "ventricle", "myo"),
    "lvmyo": ("left", "ventricle", "myo"), "lvm": ("left", "ventricle", "myo"), "myolv": ("left", "ventricle", "myo"),
    "lvc": ("left", "ventricle", "cavity"), "lvbp": ("left", "ventricle", "lumen"),
    "lvcavity": ("left", "ventricle", "cavity"), "lvwall": ("left", "ventricle", "wall"),
    "laendo": ("left", "atrium", "endo"), "rvendo": ("right", "ventricle", "endo"),
    "leftventricle": ("left", "ventricle"), "leftatrium": ("left", "atrium"),
    "rightventricle": ("right", "ventricle"), "rightatrium": ("right", "atrium"),
}  # fmt: skip
_FILLER = (
    "a the of in de der des du del della di heart cardiac human structure body segmentation segment seg mask label "
    "area region contour border boundary outline surface filled polygon roi tracing trace interior inside inner ed es "
    "end diastole systole diastolic systolic a4c a2c a3c 4ch 2ch 3ch 4c 2c plax psax apical view"
)
_FILLERS = frozenset(_FILLER.split())
_MEANINGS: dict[str, tuple[str, ...]] = {
    word: (meaning,) for table in (_SIDE, _CHAMBER, _PART) for meaning, words in table.items() for word in words.split()
} | _WHOLE
_OTHER = (
    "aorta aortic mitral tricuspid valve valves leaflet leaflets pulmonary vein veins artery arteries vena cava ivc "
    "svc lvot rvot outflow inflow tract appendage annulus pericardium pericardial effusion lung liver coronary sinus"
)
_OTHERS = frozenset(_OTHER.split())
_SCRIPTS = {
    "左心室": CAVITY, "左室": CAVITY, "左心室腔": CAVITY, "左室腔": CAVITY, "左心室内膜": CAVITY, "左室内膜": CAVITY,
    "左心房": ATRIUM, "左房": ATRIUM, "心肌": WALL, "心筋": WALL, "左心室心肌": WALL, "左室心肌": WALL,
    "左室心筋": WALL,    "левый желудочек": CAVITY, "левое предсердие": ATRIUM, "миокард": WALL,
}  # fmt: skip
_NOTHING = frozenset({"background", "bg", "hintergrund", "fond"})


def plain_name(name: str) -> str:
    """Return a name in small letters without accents, its words apart: what two spellings have in common."""
    text = unicodedata.normalize("NFKC", name)
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    # LeftVentricle and LVEndo are two words each; LV alone is one.
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", text)
    return " ".join(re.findall(r"\w+", text.replace("_", " ").casefold()))


def class_of_name(name: str) -> int | None:
    """Return the class that a name means, 0 for background, or None where it means none of ours.

    Parameters
    ----------
    name
        As a tool or a person wrote it.
    """
    plain = plain_name(name)
    if plain in _NOTHING:
        return BACKGROUND
    if plain in _SCRIPTS:
        return _SCRIPTS[plain]
    if numbered := re.fullmatch(r"class (\d{1,2})", plain):
        # Written by us of classes that have no name; a number says nothing of those that have one.
        value = int(numbered[1])
        return value if len(CLASS_NAMES) < value <= _MOST_CLASSES else None
    found = _meanings(name)
    return None if found is None else _class_of_meanings(found)


def is_another(name: str) -> bool:
    """Say whether a name means a structure that is known and that no class stands for: a right ventricle, a valve."""
    words = [word for word in plain_name(name).split() if word not in _FILLERS]
    known = [word for word in words if word in _MEANINGS or word in _OTHERS]
    if not words or len(known) < len(words):
        return False
    found = {meaning for word in words for meaning in _MEANINGS.get(word, ())}
    if any(word in _OTHERS for word in words):
        return True
    # Of one side: "LV and RV" or "left right" are not one structure.
    return "left" not in found and "right" in found and bool(found & set(_CHAMBER))


def side_of_name(name: str) -> str:
    """Return ``left`` or ``right`` where a name says so, and nothing otherwise."""
    found = _meanings(name) or set()
    return "right" if "right" in found else "left" if "left" in found else ""


def leaves_side_open(name: str) -> bool:
    """Say whether a name means a ventricle or an atrium without saying which."""
    found = _meanings(name) or set()
    return bool(found & set(_CHAMBER)) and not found & set(_SIDE)


def _meanings(name: str) -> set[str] | None:
    """Return what the words of a name mean, or None if one of them is not known."""
    for text in (plain_name(name), plain_name(name.casefold())):  # "LVendo" has no word that begins in its middle
        found: set[str] = set()
        for word in text.split():
            if word in _FILLERS:
                continue
            if word not in _MEANINGS:
                break
            found.update(_MEANINGS[word])
        else:
            return found
    return None


def _class_of_meanings(found: set[str]) -> int | None:
    inside, outside = found & {"endo", "cavity", "lumen"}, found & {"myo", "wall"}
    if "right" in found or {"ventricle", "atrium"} <= found or (inside and outside):
        return None
    if "ventricle" in found:
        return WALL if outside else CAVITY
    if "atrium" in found:
        return None if outside else ATRIUM
    if found <= {"left", "endo", "cavity"} and inside:
        return CAVITY
    # "Wall" or "chamber" alone could be of any chamber; the myocardium of an echo is the left ventricle's.
    return WALL if "myo" in found else None


# --- overlap ----------------------------------------------------------------------------------------------------


def combine(parts: Iterable[tuple[int, NDArray[np.bool_]]], shape: Sequence[int]) -> NDArray[np.uint8]:
    """Return the class of every pixel where drawn structures overlap: by anatomy, whatever was drawn first.

    The cavity lies inside the outline of the wall and stays on top; the wall is what is left around it.

    Parameters
    ----------
    parts
        Class and inside (Y, X) of each structure.
    shape
        Rows and columns.
    """
    mask = np.zeros(tuple(shape), np.uint8)
    rank = np.zeros(tuple(shape), np.int8)
    for value, inside in parts:
        if value == BACKGROUND:
            continue
        here = _ORDER.index(value) + 2 if value in _ORDER else 1
        over = inside & (rank <= here)
        mask[over], rank[over] = value, here
    return mask
