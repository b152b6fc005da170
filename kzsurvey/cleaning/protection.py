"""Direct identifiers leave the data at the first stage: people become keyed pseudonyms, everything else is withheld.

The key never lies in the project: without it nobody can go back from a pseudonym to a person, with it the same person
gets the same pseudonym in every file and every wave.
"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

import pandas as pd

from kzsurvey.cleaning.folding import fold
from kzsurvey.errors import DeliveryError, Fault
from kzsurvey.survey import Survey

PARTS = ("id", "respondent", "interviewer")
LENGTH = 12
KEY_VARIABLE = "KZ_KEY"
_SHORTEST_KEY = 16
# Simulated people are nobody: a public key, so that the same simulation gives the same bytes everywhere.
_PUBLIC_KEY = b"kzsurvey: simulated people need no protection"


def protect(answers: pd.DataFrame, survey: Survey, *, key: bytes | None = None) -> pd.DataFrame:
    """Answers without direct identifiers and without answers of special sensitivity.

    Parameters
    ----------
    answers : DataFrame, one row per delivered row
        Text, a column per question.
    survey : Survey
        Its questions with sensitivity ``direct`` or ``special``.
    key : bytes, optional
        Default: :func:`read_key`, asked for only where a pseudonym is needed.

    Returns
    -------
    DataFrame
        Questions that play a part in the interview (respondent, interviewer) hold pseudonyms, the other sensitive
        ones are empty; codes for missing answers stay as they are.
    """
    sensitivity = survey.questions["sensitivity"]
    parts = {survey.interview[part]: part for part in PARTS if survey.interview.get(part)}
    protected = {}
    for question in sensitivity.index[sensitivity.isin(["direct", "special"])]:
        if question not in answers:
            continue
        if question in parts and sensitivity[question] == "direct":
            key = key or read_key(simulated=survey.simulated)
            protected[question] = _pseudonyms(answers[question], parts[question], survey, key)
        else:
            protected[question] = answers[question].where(answers[question].isna(), "")
    return answers.assign(**protected)


def pseudonym(identifier: str, *, part: str, key: bytes) -> str:
    """A keyed pseudonym: the same for every way of writing an identifier, and no way back without the key.

    Parameters
    ----------
    identifier : str
    part : str
        ``respondent``, ``interviewer``: the same identifier in another part is another pseudonym.
    key : bytes

    Returns
    -------
    str
        12 letters and digits (60 bits of HMAC-SHA256, base32).

    Examples
    --------
    >>> pseudonym("R００7 ", part="respondent", key=b"k") == pseudonym("r007", part="respondent", key=b"k")
    True
    >>> len(pseudonym("R007", part="respondent", key=b"k"))
    12
    """
    message = f"{part}\0{fold(identifier)}".encode()
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:LENGTH].lower()


def _pseudonyms(column: pd.Series, part: str, survey: Survey, key: bytes) -> pd.Series:
    """A column of pseudonyms; what says that nobody is named stays."""
    nobody = {fold(word) for words in survey.missing.values() for word in words} | {""}
    distinct = {
        value: value if fold(value) in nobody else pseudonym(value, part=part, key=key)
        for value in column.dropna().unique()
    }
    return column.map(distinct).astype("str")


def read_key(*, simulated: bool = False) -> bytes:
    """The key of this user's pseudonyms.

    Parameters
    ----------
    simulated : bool
        Simulated people get a public key.

    Returns
    -------
    bytes
        The variable ``KZ_KEY`` where it is set, else the file :func:`key_file`, made at first use.

    Raises
    ------
    DeliveryError
        ``KZ_KEY`` is too short to protect anybody, or the file cannot be read or made.
    """
    if simulated:
        return _PUBLIC_KEY
    if KEY_VARIABLE in os.environ:
        return _strong(os.environ[KEY_VARIABLE].strip().encode(), f"the variable {KEY_VARIABLE}")
    path = key_file()
    try:
        return _strong(path.read_bytes().strip() if path.exists() else _new_key(path), str(path))
    except OSError as error:
        hint = f"set {KEY_VARIABLE}, or make the folder writable"
        raise DeliveryError(Fault(str(path), f"no key for pseudonyms ({error.strerror})", hint=hint)) from None


def key_file() -> Path:
    """Where the key lies: in the user's folder for settings, never in the project."""
    home = Path.home()
    folders = {
        "win32": Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming"),
        "darwin": home / "Library" / "Application Support",
    }
    usual = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return folders.get(sys.platform, usual) / "kzsurvey" / "pseudonyms.key"


def _strong(key: bytes, place: str) -> bytes:
    if len(key) < _SHORTEST_KEY:
        allowed = f"at least {_SHORTEST_KEY} characters, known to nobody outside the project"
        raise DeliveryError(Fault(place, f"a key of {len(key)} characters", allowed))
    return key


def _new_key(path: Path) -> bytes:
    """Make a random key that only this user can read; of two processes that make one, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_hex(32).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    with os.fdopen(handle, "wb") as file:
        file.write(key + b"\n")
    return key
