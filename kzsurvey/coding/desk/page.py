"""What the browser is given: the modules of the desk as one, its style, its words; nothing is fetched from anywhere."""

import csv
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")
WORDS = Path(__file__).with_name("words.csv")
# in the order of their imports; every name stands once, so that they can share one scope
MODULES = ("text", "spans", "find", "link", "cursor", "page", "tree", "answer", "flow", "actions", "keys", "desk")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function |const )", re.MULTILINE)


@cache
def script() -> str:
    """The modules of the desk joined into one, because a widget is a single module and nothing here needs a build."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _read(f"{name}.js"))) for name in MODULES)


@cache
def style() -> str:
    """The style sheet of the desk."""
    return _read("desk.css")


@cache
def words() -> dict[str, dict[str, str]]:
    """The words of the desk by language.

    Examples
    --------
    >>> words()["en"]["queue_all"], words()["zh"]["queue_all"]
    ('All answers', '全部回答')
    """
    with open(WORDS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {language: {row["key"]: row[language] for row in rows} for language in rows[0] if language != "key"}


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
