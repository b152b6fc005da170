"""What rules find in many texts: all strings in all texts at once, then only what is left to decide, text by text.

Most lines of a codebook cannot match in most texts, because some string that each of their matches holds is missing
(:mod:`kzsurvey.survey.literals`). Most matches of plain words overlap no other, and nothing near them can deny
them: those stand without being looked at one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from kzsurvey.coding.rules.deciding import Found, implied, judged, read_text, stands
from kzsurvey.coding.rules.expressions import Leaf
from kzsurvey.coding.rules.index import Index, Lines, Pieces, Windows
from kzsurvey.coding.rules.phrases import Phrases, chosen, statements, weigh
from kzsurvey.coding.rules.rules import Rules
from kzsurvey.coding.rules.scanning import Hits, Joined, chunks, join
from kzsurvey.coding.rules.settling import Spans, in_order, settle

_PLACE = itemgetter(0, 1)
_FOUND = partial(tuple.__new__, Found)  # a hundred thousand of them, without a call of Python for each


def find(rules: Rules, schemes: Iterable[str], texts: Sequence[str]) -> list[list[Found]]:
    """Find the codes of some schemes in some texts.

    Parameters
    ----------
    rules : Rules
    schemes : iterable of str
    texts : sequence of str, folded

    Returns
    -------
    list of list of Found, one for each text
        In order of place, then of the codebook. A code is left out where a code below it was found in the same text,
        and where a longer match of another code of its scheme overlaps its own: who says more decides what the place
        says. Where there are phrases, a match is only one voice among those of its statement.
    """
    schemes = list(schemes)
    return [found for chunk in chunks(texts) for found in _found_in(rules, schemes, chunk)]


def _found_in(rules: Rules, schemes: Sequence[str], texts: Sequence[str]) -> list[list[Found]]:
    """What is found in texts that are read together."""
    joined = join(texts)
    by_scheme = [_matched(rules, name, texts, joined) for name in schemes]
    if rules.phrases and schemes:
        above = {rule.code: rule.ancestors for name in schemes for rule in rules.schemes[name]}
        decided = [[one for found in here for one in found] for here in zip(*by_scheme, strict=True)]
        decided = _weighed(texts, decided, rules.phrases, above)
        return [sorted(_finest(found, above), key=_PLACE) for found in decided]
    if len(schemes) == 1:
        return by_scheme[0]
    return [sorted((one for found in here for one in found), key=_PLACE) for here in zip(*by_scheme, strict=True)] or [
        [] for _ in texts
    ]


def _finest(found: list[Found], above: Mapping[str, tuple[str, ...]]) -> list[Found]:
    """Without codes that a code below them implies."""
    over = {ancestor for one in found for ancestor in above[one.code]}
    return [one for one in found if one.code not in over] if over else found


class _Work(NamedTuple):
    """What has to be looked at in one text: by number of the rule its lines and excludes; and known places."""

    lines: dict[int, set[int]]
    excludes: dict[int, set[int]]
    known: dict[int, list[tuple[int, int]]]


# A line with operators, or of an exclude, and the texts in which it may match.
_Wider = list[tuple[int, np.ndarray]]


def _matched(rules: Rules, scheme: str, texts: Sequence[str], joined: Joined) -> list[list[Found]]:
    """What the patterns of one scheme find in each text, in order; with phrases, at the end what finer codes imply."""
    index = rules.index[scheme]
    if not index.rules:
        return [[] for _ in texts]
    windows = Windows(index, joined, index.scanner.scan(joined))
    spans = in_order(_words(index, windows.hits), _searched(index.patterns, windows, texts))
    wider = _wider(index.patterns, windows)
    here = np.zeros((len(index.rules), len(texts)), dtype=bool)
    here[index.patterns.rule[spans.line], joined.text_of(spans.start)] = True
    for line, those in wider:
        here[index.patterns.rule[line], those] = True
    taken_back = _searched(index.excludes, windows, texts, only=here)
    excluding = _wider(index.excludes, windows, only=here)
    singly = np.zeros(len(texts), dtype=bool)
    singly[joined.text_of(taken_back.start)] = True
    for _, those in (*wider, *excluding):
        singly[those] = True
    by_hand = singly[joined.text_of(spans.start)]
    stand, general = settle(spans.only(~by_hand), joined, texts, index.patterns.rule, index.ancestors)
    found = _by_text(stand, index, joined)
    if rules.phrases and len(general.start):
        found = [one + other for one, other in zip(found, _by_text(general, index, joined), strict=True)]
    work = _work(index, joined, spans.only(by_hand), taken_back, wider, excluding)
    for number, one in work.items():
        found[number] = _decided(index, one, texts[number], rules)
    return found


def _words(index: Index, hits: Hits) -> Spans:
    """The places of lines that are nothing but strings."""
    first, after = index.words.indptr[hits.string], index.words.indptr[hits.string + 1]
    times = after - first
    hit = np.repeat(np.arange(len(times)), times)
    place = first[hit] + np.arange(len(hit)) - np.repeat(np.cumsum(times) - times, times)
    start = hits.start[hit]
    return Spans(start, start + index.length[hits.string[hit]], index.words.indices[place], index.words.data[place])


def _searched(lines: Lines, windows: Windows, texts: Sequence[str], *, only: np.ndarray | None = None) -> Spans:
    """The places of expressions, each looked for only where it may match; with ``only``, in some texts of each rule."""
    found: list[tuple[int, int, int, int]] = []
    for line, matcher in enumerate(lines.matchers):
        if matcher.plain is None or (matcher.plain.strings is not None and only is None):
            continue
        pieces = windows.of(matcher.plain, lines.needs[line])
        if only is not None:
            pieces = Pieces(*(column[only[lines.rule[line], pieces.text]] for column in pieces))
        if lines.starts[line] is None:
            found += _read_through(matcher.plain, texts, pieces, line)
        else:
            found += _read_from(matcher.plain, texts, windows.places(lines.starts[line], pieces), line)
    text, start, end, line = np.array(found, dtype=np.int64).reshape(-1, 4).T
    begins = windows.joined.starts[text]
    return Spans(start + begins, end + begins, line, np.zeros_like(line)).only(start < end)


def _read_through(leaf: Leaf, texts: Sequence[str], pieces: Pieces, line: int) -> Iterator[tuple[int, int, int, int]]:
    """Text, start, end and line of each match in pieces of texts."""
    search = leaf.pattern.finditer
    for number, low, stop, high in zip(*(column.tolist() for column in pieces), strict=True):
        for one in search(texts[number], low, high):
            if one.start() < stop:
                yield number, *one.span(), line


def _read_from(leaf: Leaf, texts: Sequence[str], pieces: Pieces, line: int) -> Iterator[tuple[int, int, int, int]]:
    """The same, where it is known at which places a match can begin."""
    match, last, reached = leaf.pattern.match, -1, 0
    for number, low, _, high in zip(*(column.tolist() for column in pieces), strict=True):
        if (number == last and low < reached) or not (one := match(texts[number], low, high)):
            continue
        last, reached = number, one.end()
        yield number, low, reached, line


def _wider(lines: Lines, windows: Windows, *, only: np.ndarray | None = None) -> _Wider:
    """Lines with operators, and the texts in which they may match."""
    found = []
    for line, matcher in enumerate(lines.matchers):
        if matcher.plain is None:
            texts = windows.texts(lines.needs[line])
            found.append((line, texts if only is None else texts[only[lines.rule[line], texts]]))
    return found


def _by_text(spans: Spans, index: Index, joined: Joined) -> list[list[Found]]:
    """The matches of each text."""
    text = joined.text_of(spans.start)
    begins = joined.starts[text]
    lines = index.patterns
    code = np.array([index.rules[rule].code for rule in lines.rule_of], dtype=object)[spans.line].tolist()
    number = (np.array(lines.number, dtype=np.int64)[spans.line] + 1).tolist()
    columns = ((spans.start - begins).tolist(), (spans.end - begins).tolist(), code, number)
    found = list(map(_FOUND, zip(*columns, strict=True)))
    cuts = np.searchsorted(text, np.arange(len(joined.starts))).tolist()
    return [found[low:high] for low, high in pairwise(cuts)]


def _work(
    index: Index, joined: Joined, spans: Spans, taken_back: Spans, wider: _Wider, excluding: _Wider
) -> dict[int, _Work]:
    """The texts that have to be looked at one by one, and what is known of them."""
    work: dict[int, _Work] = defaultdict(lambda: _Work(defaultdict(set), defaultdict(set), defaultdict(list)))
    for number, start, end, line in _local(spans, joined):
        one, lines = work[number], index.patterns
        one.lines[lines.rule_of[line]].add(lines.number[line])
        known = one.known[id(lines.matchers[line].plain)]
        if not known or start >= known[-1][1]:  # a search goes on where its last match ended
            known.append((start, end))
    for number, start, end, line in _local(taken_back, joined):
        one, lines = work[number], index.excludes
        one.excludes[lines.rule_of[line]].add(lines.number[line])
        one.known[id(lines.matchers[line].plain)].append((start, end))
    for line, texts in wider:
        for number in texts.tolist():
            work[number].lines[index.patterns.rule_of[line]].add(index.patterns.number[line])
    for line, texts in excluding:
        for number in texts.tolist():
            work[number].excludes[index.excludes.rule_of[line]].add(index.excludes.number[line])
    return work


def _local(spans: Spans, joined: Joined) -> Iterator[tuple[int, int, int, int]]:
    """Text, start and end in the text, and line."""
    text = joined.text_of(spans.start)
    begins = joined.starts[text]
    columns = (text, spans.start - begins, spans.end - begins, spans.line)
    return zip(*(column.tolist() for column in columns), strict=True)


def _decided(index: Index, work: _Work, text: str, rules: Rules) -> list[Found]:
    """What stands in one text; at the end what finer codes imply."""
    reading = read_text(text, rules, work.known)
    found = [
        one
        for place in sorted(work.lines)
        for one in judged(index.rules[place], reading, sorted(work.lines[place]), sorted(work.excludes[place]))
        if not one.why
    ]
    general = implied(found, rules.above) if rules.phrases else []
    return [one.found for one in (*stands(found, rules.above), *general)]


def _weighed(
    texts: Sequence[str], matched: list[list[Found]], phrases: Phrases, above: Mapping[str, tuple[str, ...]]
) -> list[list[Found]]:
    """What phrases and patterns say together: matches of the codes that weigh enough, else the whole statement.

    A code above others is left to its patterns, where none of the finer ones was given.
    """
    spans = [(number, *span) for number, text in enumerate(texts) for span in statements(text)]
    places = [[one for one in matched[number] if start <= one.start < end] for number, start, end in spans]
    known = [*(code in above for code in phrases.codes), True]
    weight = np.where(known, weigh([texts[number][start:end] for number, start, end in spans], phrases), -np.inf)
    said = [{one.code for one in here} for here in places]
    matches = [[code in codes for code in phrases.codes] for codes in said]
    given = chosen(weight, np.reshape(matches, (len(spans), len(phrases.codes))), phrases)
    general = {ancestor for code in phrases.codes for ancestor in above.get(code, ())}
    alone = above.keys() - general - set(phrases.codes)
    decided: list[list[Found]] = [[one for one in found if one.code in alone] for found in matched]
    for (number, start, end), here, row in zip(spans, places, given, strict=True):
        if not row.any():
            decided[number] += [one for one in here if one.code in general]
        for code in (phrases.codes[place] for place in np.flatnonzero(row)):
            decided[number] += [one for one in here if one.code == code] or [Found(start, end, code, 0)]
    return decided
