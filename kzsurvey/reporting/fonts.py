"""Chinese on every machine: one known font file, for figures and, cut down to what a page needs, inside the page.

Order: the file named by ``KZ_FONT``, the font package the project depends on, a font of the system.
"""

import base64
import importlib.metadata
import os
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from kzsurvey.errors import Fault, ReportError

PACKAGE = "pylopdf-fonts-zh-cn"
FILE = "NotoSansSC-Regular.otf"
SYSTEM = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei")
PUNCTUATION, CHINESE = 0x2000, 0x2E80  # first characters of general punctuation, and of what only Chinese fonts have
STARTS = (b"OTTO", b"\0\1\0\0", b"ttcf", b"true")  # of OpenType and TrueType files and collections
SPACE = 0x20  # some readers draw a box for a space that an embedded font has not


def chinese_font() -> Path:
    """The font file that figures and pages use.

    Raises
    ------
    ReportError
        ``KZ_FONT`` names no file, or no Chinese font is to be found.

    Examples
    --------
    >>> chinese_font().name
    'NotoSansSC-Regular.otf'
    """
    if named := os.environ.get("KZ_FONT"):
        if not Path(named).is_file():
            raise ReportError(Fault("KZ_FONT", f"no file {named}", "a font file with Chinese characters"))
        if _start(Path(named)) not in STARTS:
            raise ReportError(Fault("KZ_FONT", f"{named}, which is no font file", "an .otf, .ttf or .ttc file"))
        return Path(named)
    if (found := _of_package() or _of_system()) is None:
        hint = f"install {PACKAGE}, or name a font file in the environment variable KZ_FONT"
        raise ReportError(Fault("fonts", "no font with Chinese characters", "one such font", hint=hint))
    return found


def embedded(text: str, *, first: int = CHINESE) -> str:
    """A font with just the characters of a text that need it, as a WOFF2 data URI; empty where none does.

    Parameters
    ----------
    text : str
    first : int
        Characters below it are left to the reader's own fonts.

    Examples
    --------
    >>> embedded("nothing but Latin")
    ''
    >>> embedded("克州")[:26]
    'data:font/woff2;base64,d09'
    """
    wanted = frozenset(ord(character) for character in text if ord(character) >= first)
    return _subset(chinese_font(), wanted) if wanted else ""


@lru_cache(maxsize=8)
def _subset(path: Path, wanted: frozenset[int]) -> str:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options()
    options.set(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2], recalc_timestamp=False)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG"]
    with TTFont(path, fontNumber=0, lazy=True, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes={SPACE, *wanted})
        cutter.subset(font)
        font.flavor = "woff2"
        buffer = BytesIO()
        font.save(buffer, reorderTables=None)
    return f"data:font/woff2;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _of_package() -> Path | None:
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(file.locate()) for file in files if file.name == FILE), None)


def _of_system() -> Path | None:
    from matplotlib import font_manager

    for family in SYSTEM:
        try:
            return Path(font_manager.findfont(family, fallback_to_default=False))
        except ValueError:
            continue
    return None
