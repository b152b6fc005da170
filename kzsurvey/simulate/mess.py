"""What goes wrong on the way from an answer to a cell of a field team's file; every fault planted is recorded.

A fault is planted in a cell that is as it should be, and only once; the truth stays where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.simulate.answers import as_written
from kzsurvey.simulate.distributions import clock, minutes
from kzsurvey.simulate.invented import identity_number, phone_number
from kzsurvey.simulate.plan import FILE, Plan
from kzsurvey.simulate.written import can_write
from kzsurvey.survey import Survey, compile_expression

NUMBERS = ("integer", "decimal")
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "　"})
_DIGITS = "零一二三四五六七八九"
_EXCEL_DAY_ZERO = pd.Timestamp("1899-12-30")


class Planted(NamedTuple):
    """One fault in one place.

    Attributes
    ----------
    line : float
        The line of the sheets it stands in.
    question, kind, delivered, truth : str
        ``question`` is empty where the whole interview is meant.
    expected : str
        What a right reading makes of it: a value, or ``dont_know``, ``refused``, ``no_answer``, ``invalid``,
        ``not_asked``, ``lost``, ``removed``, ``flagged``.
    """

    line: float
    question: str
    kind: str
    delivered: str
    truth: str
    expected: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One answer about to be written: its text, its question, and who else answered what.

    Attributes
    ----------
    text : str
        As a careful field team would write it; empty where the question was not asked.
    name : str
        Question.
    question : Series
        Its row of ``survey.questions``.
    interview : Series
        True answers of this interview.
    spelt : mapping of (kind of fault, question, option) to its wrong spellings
    survey : Survey
    setting : mapping
        What simulation.toml says about this kind of fault.
    """

    text: str
    name: str
    question: pd.Series
    interview: pd.Series
    spelt: Mapping[tuple[str, str, str], list[str]]
    survey: Survey
    setting: Mapping[str, Any]


Change = tuple[str, str] | None  # as delivered, and what is expected ("" = the true value)


def _number_form(cell: Cell, generator: np.random.Generator) -> Change:
    """Full-width digits, Chinese numerals, separators, words around."""
    forms = [cell.text.translate(WIDE)]
    if cell.text.isdigit() and 10 <= int(cell.text) < 100_000:
        forms += [chinese_numeral(int(cell.text))] * 2
    if cell.text.isdigit() and int(cell.text) >= 1000:
        forms.append(f"{int(cell.text):,}")
    if word := cell.setting.get("words", {}).get(cell.name):
        forms += [f"{cell.text}{word}", f"{cell.text} {word}"]
    return pick(forms, generator), ""


def _number_unit(cell: Cell, generator: np.random.Generator) -> Change:
    """Thousands and ten thousands of the question's unit, where nothing is lost."""
    value = float(cell.text)
    if value < 1000 or value % 10:
        return None
    word = cell.setting.get("words", {}).get(cell.name, "")
    return pick([f"{value / 1000:g}千{word}", f"{value / 10000:g}万{word}", f"{value / 1000:g}千"], generator), ""


def _spacing(cell: Cell, generator: np.random.Generator) -> Change:
    """Spaces around, or inside."""
    text = cell.text
    forms = [f" {text}", f"{text}　", f"  {text} "]
    if len(text) > 1 and not text.isascii():
        forms.append(f"{text[:1]} {text[1:]}")
    return pick(forms, generator), ""


def _date_form(cell: Cell, generator: np.random.Generator) -> Change:
    """The same day in another form."""
    day = cell.interview[cell.name]
    forms = [
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%Y%m%d}",
        str((day - _EXCEL_DAY_ZERO).days),
        f"{day:%Y-%m-%d}".translate(WIDE),
        f"{day.year}.{day.month}.{day.day}",
    ]
    return pick(forms, generator), ""


def _date_doubtful(cell: Cell, generator: np.random.Generator) -> Change:
    """Day and month that can be read either way."""
    day = cell.interview[cell.name]
    return (f"{day:%d/%m/%Y}", "invalid") if day.day <= 12 and day.day != day.month else None


def _time_form(cell: Cell, generator: np.random.Generator) -> Change:
    """The same time in another form."""
    hour, minute = (int(part) for part in cell.text.split(":")[:2])
    half = "上午" if hour < 12 else "下午"
    twelve = hour if hour <= 12 else hour - 12
    forms = [
        f"{hour}时{minute:02d}分",
        f"{hour}点{minute:02d}",
        f"{hour:02d}{minute:02d}",
        f"{hour:02d}:{minute:02d}".translate(WIDE),
        f"{half}{twelve}点{minute:02d}分",
        f"{half}{twelve}:{minute:02d}",
    ]
    return pick(forms, generator), ""


def _option_form(cell: Cell, generator: np.random.Generator) -> Change:
    """Other width, other case, other punctuation, or another word the form lists for the option."""
    name = cell.interview[cell.name]
    forms = [cell.text.translate(WIDE), cell.text.upper(), cell.text.replace("（", "(").replace("）", ")")]
    forms += list(cell.survey.options(cell.name).loc[str(name), "aliases"])
    forms = [form for form in forms if form != cell.text]
    return (pick(forms, generator), "") if forms else None


def _option_unknown(cell: Cell, generator: np.random.Generator) -> Change:
    """A word that is none of the options."""
    return pick(cell.setting["words"], generator), "invalid"


def _place_spelling(cell: Cell, generator: np.random.Generator) -> Change:
    """An old or foreign name that the form lists, or a spelling that it does not."""
    name = cell.interview[cell.name]
    forms = list(cell.survey.options(cell.name).loc[str(name), "aliases"])
    if (misspelt := cell.spelt.get(("place_spelling", cell.name, str(name)))) and generator.random() < 0.7:
        forms = misspelt
    forms = [form for form in forms if form != cell.text]
    return (pick(forms, generator), "") if forms else None


def _place_doubtful(cell: Cell, generator: np.random.Generator) -> Change:
    """A spelling between two places; listed per true place."""
    written = cell.spelt.get(("place_doubtful", cell.name, str(cell.interview[cell.name])))
    return (pick(written, generator), "invalid") if written else None


def _missing_code(cell: Cell, generator: np.random.Generator) -> Change:
    """A written answer that means there is none."""
    reasons = [(word, reason) for reason, words in cell.survey.missing.items() for word in words]
    allowed = [(word, reason) for word, reason in reasons if _means_missing(word, cell)]
    return pick(allowed, generator) if allowed else None


def _means_missing(word: str, cell: Cell) -> bool:
    """A number is a missing code only where the question cannot have that number as an answer."""
    if not word.lstrip("-").isdigit():
        return True
    return cell.question["type"] in NUMBERS and breaks(float(word), cell)


def _constraint(cell: Cell, generator: np.random.Generator) -> Change:
    """A value that the form does not allow."""
    value = float(cell.text)
    known = {word for words in cell.survey.missing.values() for word in words}
    tries = (value * 10, value * 100, value + 1000, value + 80_000, -value)
    broken = [f"{number:g}" for number in tries if number != value and breaks(number, cell)]
    broken = [text for text in broken if text not in known and "e" not in text]
    return (broken[0], "invalid") if broken else None


def breaks(number: float, cell: Cell) -> bool:
    """Whether the form's constraint forbids this number in this interview."""
    if not (text := cell.question["constraint"]):
        return False
    constraint = compile_expression(text, names=cell.survey.questions.index, column=cell.name)
    table = cell.interview.to_frame().T.reset_index(drop=True)
    return bool(constraint.broken(table, value=pd.Series([number], dtype="Float64")).iloc[0])


def _blank(cell: Cell, generator: np.random.Generator) -> Change:
    """A required answer that was left out."""
    return "", "no_answer"


def _end_before_start(cell: Cell, generator: np.random.Generator) -> Change:
    """An end one to three hours before the start."""
    start = minutes(cell.interview[cell.survey.interview["start"]])
    return _clock(max(start - int(generator.integers(12, 36)) * 5, 5)), "flagged"


def _too_short(cell: Cell, generator: np.random.Generator) -> Change:
    """An end a few minutes after the start."""
    start = minutes(cell.interview[cell.survey.interview["start"]])
    return _clock(start + int(generator.integers(1, cell.survey.interview["shortest_minutes"] - 3))), "flagged"


def _damaged_text(cell: Cell, generator: np.random.Generator) -> Change:
    """Text after a wrong conversion: GB18030 read as Latin-1, UTF-8 read as GB18030, or bytes lost for good."""
    damages: Mapping[str, Callable[[str], str]] = {
        "latin": lambda text: text.encode("gb18030").decode("latin-1"),
        "kun": lambda text: text.encode("utf-8")[:-1].decode("gb18030", errors="replace"),
        "lost": lambda text: "".join("�" if k % 4 < 3 else sign for k, sign in enumerate(text)),
    }
    damage = pick(list(damages), generator)
    return damages[damage](cell.text), "" if damage == "latin" else "lost"


CELLS: dict[str, Callable[[Cell, np.random.Generator], Change]] = {
    "number_form": _number_form,
    "number_unit": _number_unit,
    "spacing": _spacing,
    "date_form": _date_form,
    "date_doubtful": _date_doubtful,
    "time_form": _time_form,
    "option_form": _option_form,
    "option_unknown": _option_unknown,
    "unreadable": _option_unknown,
    "place_spelling": _place_spelling,
    "place_doubtful": _place_doubtful,
    "place_unknown": _option_unknown,
    "missing_code": _missing_code,
    "constraint": _constraint,
    "required": _blank,
    "end_before_start": _end_before_start,
    "too_short": _too_short,
    "damaged_text": _damaged_text,
}

SUITED: dict[str, tuple[str, ...]] = {
    "number_form": NUMBERS,
    "number_unit": NUMBERS,
    "spacing": (*NUMBERS, "select_one"),
    "date_form": ("date",),
    "date_doubtful": ("date",),
    "time_form": ("time",),
    "option_form": ("select_one",),
    "option_unknown": ("select_one",),
    "unreadable": NUMBERS,
    "missing_code": (*NUMBERS, "select_one"),
    "constraint": NUMBERS,
    "damaged_text": ("text",),
}


def spoil_cells(
    sheet: pd.DataFrame,
    truth: pd.DataFrame,
    teams: pd.Series,
    survey: Survey,
    plan: Plan,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, list[Planted]]:
    """Plant the faults that concern one answer each.

    Parameters
    ----------
    sheet : DataFrame, one row per interview, text as it should be written
    truth : DataFrame, one row per interview, typed
    teams : Series of str
        File of each interview.
    survey : Survey
    plan : Plan
        ``mess``: per kind a ``share`` of the answers it can befall, or a ``count``; ``questions`` and ``where``
        limit them. ``spellings``: ``kind``, ``question``, ``name``, ``written``.
    generator : numpy Generator

    Returns
    -------
    sheet : DataFrame
    planted : list of Planted
    """
    sheet, planted = sheet.copy(), []
    free, files = sheet != "", {team.file: team for team in plan.files}
    spelt = plan.spellings.groupby(["kind", "question", "name"])["written"].agg(list).to_dict()
    plain = as_written(truth, pd.Series("", index=truth.index, dtype="str"), survey)
    for kind, setting in plan.mess.items():
        if kind not in CELLS:
            continue
        places = _places(kind, setting, free[_meant(setting, truth, survey)], survey, generator)
        wanted = count_of(setting, len(places))
        for line, question in places:
            if wanted == 0:
                break
            before = sheet.at[line, question]
            cell = Cell(before, question, survey.questions.loc[question], truth.loc[line], spelt, survey, setting)
            change = CELLS[kind](cell, generator)
            if change is None or change[0] == before or not can_write(change[0], files[teams[line]]):
                continue
            sheet.at[line, question], free.at[line, question] = change[0], False
            true = plain.at[line, question]
            planted.append(Planted(line, question, kind, change[0], true, change[1] or true))
            wanted -= 1
    return sheet, planted


def _meant(setting: Mapping[str, Any], truth: pd.DataFrame, survey: Survey) -> pd.Series:
    """Interviews that a kind of fault is limited to."""
    if not (text := setting.get("where")):
        return pd.Series(True, index=truth.index)
    return compile_expression(text, names=survey.questions.index, file=FILE, column="where").mask(truth)


def _places(kind: str, setting: Mapping, free: pd.DataFrame, survey: Survey, generator) -> list[tuple[float, str]]:
    """Cells that this kind of fault can befall, in random order."""
    types = survey.questions["type"]
    suited = [question for question in free if types[question] in SUITED.get(kind, (types[question],))]
    special = {*survey.places, survey.interview["id"], survey.interview.get("respondent")}
    questions = setting.get("questions") or [question for question in suited if question not in special]
    columns = [question for question in questions if question in free]
    lines, numbers = np.nonzero(free[columns].to_numpy())
    order = generator.permutation(len(lines))
    return [(free.index[lines[k]], columns[numbers[k]]) for k in order]


def count_of(setting: Mapping[str, Any], places: int) -> int:
    """How many faults of a kind: a count, or a share of the places, then at least one."""
    return int(setting["count"]) if "count" in setting else max(round(setting["share"] * places), 1)


def add_personal_data(
    sheet: pd.DataFrame, names: list[str], setting: Mapping[str, Any], generator: np.random.Generator
) -> tuple[pd.DataFrame, list[Planted]]:
    """Put invented names and numbers into open answers, in the words of ``words``.

    Parameters
    ----------
    sheet : DataFrame, one row per interview
    names : list of str
        Invented names.
    setting : mapping
        ``questions`` (open), ``words`` (sentences with {name}, {phone}, {identity}), ``share`` or ``count``.
    generator : numpy Generator

    Returns
    -------
    sheet : DataFrame
    planted : list of Planted
        One per name or number.
    """
    sheet, planted = sheet.copy(), []
    places = [(line, question) for question in setting["questions"] for line in sheet.index[sheet[question] != ""]]
    wanted = count_of(setting, len(places))
    for k in generator.permutation(len(places))[:wanted]:
        line, question = places[k]
        particulars = {
            "name": pick(names, generator),
            "phone": phone_number(generator),
            "identity": identity_number(generator),
        }
        template = pick(setting["words"], generator)
        before = sheet.at[line, question]
        after = f"{before.rstrip('。')}。{template.format(**particulars)}" if before else template.format(**particulars)
        if len(after) > 600:
            continue
        sheet.at[line, question] = after
        planted += [
            Planted(line, question, "personal_data", particular, "", kind)
            for kind, particular in particulars.items()
            if f"{{{kind}}}" in template
        ]
    return sheet, planted


def chinese_numeral(number: int) -> str:
    """A number below 100,000 in Chinese numerals, as people write it.

    Examples
    --------
    >>> [chinese_numeral(k) for k in (12, 52, 105, 3500, 10020)]
    ['十二', '五十二', '一百零五', '三千五百', '一万零二十']
    """
    digits = str(number)
    written, gap = "", False
    for place, digit in zip(reversed(range(len(digits))), digits, strict=True):
        if digit == "0":
            gap = True
            continue
        written += ("零" if gap and written else "") + _DIGITS[int(digit)] + ["", "十", "百", "千", "万"][place]
        gap = False
    return written[1:] if written.startswith("一十") else written or "零"


def pick(words: list, generator: np.random.Generator) -> Any:
    """One of several, all alike."""
    return words[generator.integers(len(words))]


def _clock(since_midnight: int) -> str:
    return str(clock(np.array([since_midnight]))[0])[:5]
