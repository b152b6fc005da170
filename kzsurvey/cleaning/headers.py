"""Which question each delivered column answers: by name, label, group path, or as the survey says it is renamed."""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kzsurvey.cleaning.folding import fold, lookup, widths
from kzsurvey.errors import Fault
from kzsurvey.survey import Survey
from kzsurvey.survey.record import Delivered

# columns that collecting tools add by themselves; a question of that name comes first
TOOL_COLUMNS = frozenset(
    fold(header)
    for header in (
        "_id", "_uuid", "_submission_time", "_validation_status", "_notes", "_status", "_submitted_by", "_index",
        "__version__", "_tags", "_attachments", "_geolocation", "_xform_id_string", "_parent_index",
        "_parent_table_name",
        "formhub/uuid", "meta/instanceID", "meta/instanceName", "meta/deprecatedID", "meta/rootUuid", "SubmissionDate",
        "KEY", "SET-OF-", "instanceID", "formdef_version", "Timestamp", "时间戳记",
        "序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP", "总分", "答题时长", "答题序号", "提交时间",
    )
)  # fmt: skip
_ANNOTATION = re.compile(r"【[^】]*】|〖[^〗]*〗|\[(?:单选题|多选题|填空题|必填|必答|选填|量表题|矩阵题)\]|[*＊]$")
_NUMBERING = re.compile(r"^(?:第?[(（]?(?:q|Q)?\d{1,3}(?:[、.．:：)）]|题)\s*)+(?=\S)")
_ENDING = re.compile(r"[:：?？。]+$")
_MANGLED_MARK = re.compile(r"^x\.u\.feff\.|^ï\.\.|^\.\.\.")
_NOT_WORD = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True)
class Target:
    """What a column is: a question, one option of a question, the text beside an option, or nothing wanted."""

    question: str = ""
    option: str = ""


@dataclass(frozen=True)
class Names:
    """Written forms of the questions of a survey, each tier surer than the next."""

    tiers: tuple[Mapping[str, str], ...]
    options: Mapping[str, tuple[str, str]]
    ambiguous: frozenset[str]


def question_names(survey: Survey) -> Names:
    """Every form in which a column of this survey may be headed."""
    questions = survey.questions
    names = [(name, name) for name in questions.index]
    labels = [
        (label, name)
        for code in survey.languages
        for name, label in questions[f"label_{code}"].items()
        if label and questions.at[name, "type"] != "note"
    ]
    tiers = (
        lookup(names),
        lookup((fold(name), question) for name, question in names),
        lookup((trimmed(label), question) for label, question in labels),
        lookup((trimmed(label, bare=True), question) for label, question in labels),
        lookup((_mangled(fold(name)), question) for name, question in names),
    )
    forms = {trimmed(label) for label, _ in labels}
    return Names(tiers, dict(_option_forms(survey)), frozenset(forms - tiers[2].keys()))


def trimmed(header: str, *, bare: bool = False) -> str:
    r"""A header without what tools and people add to it, folded; ``bare`` leaves out its number and punctuation too.

    Examples
    --------
    >>> trimmed("\ufeff3、性別 【单选题】"), trimmed("3、性別 【单选题】", bare=True)
    ('3、性别', '性别')
    """
    plain = _ANNOTATION.sub("", widths(header).strip()).strip()
    plain = _ANNOTATION.sub("", plain)
    if bare:
        plain = _ENDING.sub("", _NUMBERING.sub("", plain))
    return fold(plain)


def match_headers(
    headers: tuple[str, ...], delivered: Delivered, survey: Survey, names: Names
) -> tuple[list[Target | None], list[Fault]]:
    """What each column is.

    Parameters
    ----------
    headers : tuple of str
        As delivered.
    delivered : Delivered
        Its ``columns`` come before everything else.
    survey : Survey
    names : Names
        From :func:`question_names`.

    Returns
    -------
    targets : list of Target or None
        None where a column is known and not wanted.
    faults : list of Fault
        Unknown headers, headers that mean several questions, questions that have two columns.
    """
    called = _numbered(headers)
    targets = [_target(header, which, delivered, survey, names) for header, which in zip(headers, called, strict=True)]
    times, stated = Counter(target for target in targets if target), {fold(header) for header in delivered.columns}
    targets = [
        None if target and times[target] > 1 and _of_a_tool(header) and not stated & {fold(header), which} else target
        for header, which, target in zip(headers, called, targets, strict=True)
    ]
    faults = [
        _header_fault(header, number, delivered, names)
        for number, (header, target) in enumerate(zip(headers, targets, strict=True))
        if target == Target()
    ]
    return targets, faults + list(_repeated(headers, targets, delivered))


def _numbered(headers: tuple[str, ...]) -> list[str]:
    """Folded headers with the number of times they have stood so far: age#1, age#2."""
    times: Counter[str] = Counter()
    called = []
    for folded in map(fold, headers):
        times[folded] += 1
        called.append(f"{folded}#{times[folded]}")
    return called


def _target(header: str, which: str, delivered: Delivered, survey: Survey, names: Names) -> Target | None:
    """What one header means; an empty Target where nothing is known of it.

    In this order: what the survey says of this header, questions, options, names as R writes them, columns of tools,
    patterns of columns that are not wanted.
    """
    folded = fold(header)
    renamed = {fold(other): question for other, question in delivered.columns.items()}
    ignored = {fold(other) for other in survey.ignored_columns}
    if (which not in renamed and which in ignored) or (not {folded, which} & renamed.keys() and folded in ignored):
        return None
    if question := renamed.get(which) or renamed.get(folded) or _question(header, names):
        return None if survey.questions["type"].get(question) == "note" else Target(question)
    for form in _option_headers(header):
        if form in names.options:
            return Target(*names.options[form])
    if question := names.tiers[-1].get(_mangled(folded)):
        return Target(question)
    if not folded or _of_a_tool(header):
        return None
    patterns = [fold(pattern) for pattern in (*survey.ignored_columns, *delivered.where)]
    return None if any(fnmatch.fnmatchcase(folded, pattern) for pattern in patterns) else Target()


def _question(header: str, names: Names) -> str:
    """The question a header names, by the surest tier; '' where none does."""
    exact, folded, labels, bare, _ = names.tiers
    plain = widths(header)
    steps = ((exact, plain), (folded, fold(header)), (labels, trimmed(header)), (bare, trimmed(header, bare=True)))
    for tier, form in (*steps, *((folded, fold(part)) for part in _paths(plain))):
        if form and form in tier:
            return tier[form]
    return ""


def _paths(header: str) -> Iterator[str]:
    """Ends of a path: group/sub/name gives sub/name, then name."""
    rest = header
    while "/" in rest:
        _, _, rest = rest.partition("/")
        yield rest


def _mangled(folded: str) -> str:
    """A name as R writes it: everything but letters and digits is a dot, and an X stands before what is no letter."""
    return _NOT_WORD.sub(".", _MANGLED_MARK.sub("", folded)).removeprefix("x_").removeprefix("_")


def _option_forms(survey: Survey) -> Iterator[tuple[str, tuple[str, str]]]:
    """Headers of split columns: question and option with a sign between, by name or by label."""
    questions = survey.questions
    for question in questions.index[questions["type"] == "select_multiple"]:
        heads = [fold(question), *(trimmed(questions.at[question, f"label_{code}"]) for code in survey.languages)]
        options = survey.offered(question)
        for number, option in enumerate(options.index):
            written = [fold(option), *(fold(options[f"label_{code}"].iloc[number]) for code in survey.languages)]
            for head in dict.fromkeys(filter(None, heads)):
                for form in dict.fromkeys(filter(None, written)):
                    yield f"{head}/{form}", (question, option)


def _option_headers(header: str) -> Iterator[str]:
    """A header as question/option, for every sign that tools put between the two."""
    plain = trimmed(header)
    for mark in ("/", "__", ".", "::", ":", "(", "-"):
        for found in re.finditer(re.escape(mark), plain):
            head, tail = plain[: found.start()], plain[found.end() :].rstrip(")")
            yield f"{head}/{tail}"
            yield from (f"{part}/{tail}" for part in _paths(head))


def _of_a_tool(header: str) -> bool:
    """Whether a collecting tool adds this column by itself; of two columns for one question it is the one to leave."""
    folded = fold(header)
    return bool({folded, "_" + _mangled(folded)} & TOOL_COLUMNS)


def _header_fault(header: str, number: int, delivered: Delivered, names: Names) -> Fault:
    """What to tell about a header that is no question."""
    shown = header.strip() or f"column {number + 1}"
    allowed = "name or label of a question, or a header named in survey.toml"
    if trimmed(header) in names.ambiguous:
        found = f"header {shown!r}, the label of several questions"
        return Fault(
            delivered.path.name, found, allowed, row=delivered.header_row, column=shown, hint="rename it under columns"
        )
    found = f"unknown header {shown!r}"
    hint = "give its question under [columns.rename], or list it under ignore"
    return Fault(delivered.path.name, found, allowed, row=delivered.header_row, column=shown, hint=hint)


def _repeated(headers: tuple[str, ...], targets: list[Target | None], delivered: Delivered) -> Iterator[Fault]:
    """One fault per question that has several columns."""
    seen: dict[Target, str] = {}
    for header, target in zip(headers, targets, strict=True):
        if not target or target == Target():
            continue
        if target in seen:
            what = f"{target.question}/{target.option}" if target.option else target.question
            found = f"two columns for {what}: {seen[target].strip()!r} and {header.strip()!r}"
            same = fold(seen[target]) == fold(header)
            hint = f"rename or ignore the second as {header.strip() + '#2'!r}" if same else ""
            yield Fault(
                delivered.path.name, found, "one column", row=delivered.header_row, column=header.strip(), hint=hint
            )
        seen.setdefault(target, header)
