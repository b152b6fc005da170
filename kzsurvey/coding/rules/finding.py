"""What rules find in many texts: all strings in all texts at once, then only what is left to decide, text by text.

Most lines of a codebook cannot match in most texts, because some string that each of their matches holds is missing
(:mod:`kzsurvey.coding.rules.literals`). Most matches of plain words overlap no other, and nothing near them can deny
them: those stand without being looked at one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kzsurvey.coding.rules.deciding import Found, implied, judged, read_text, stands
from kzsurvey.coding.rules.expressions import Leaf
from kzsurvey.coding.rules.index import Index, Lines, Pieces, Windows
from kzsurvey.coding.rules.negation import may_be_denied
from kzsurvey.coding.rules.phrases import Phrases, chosen, statements, weigh
from kzsurvey.coding.rules.rules import Rules
from kzsurvey.coding.rules.scanning import Hits, Joined, chunks, join


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
    above = {rule.code: rule.ancestors for name in schemes for rule in rules.schemes[name]}
    return [found for chunk in chunks(texts) for found in _found_in(rules, schemes, chunk, above)]


def _found_in(
    rules: Rules, schemes: Sequence[str], texts: Sequence[str], above: Mapping[str, tuple[str, ...]]
) -> list[list[Found]]:
    """What is found in texts that are read together."""
    joined = join(texts)
    by_scheme = [_matched(rules, name, texts, joined) for name in schemes]
    decided = [[one for found in here for one in found] for here in zip(*by_scheme, strict=True)] if schemes else []
    decided = decided or [[] for _ in texts]
    if rules.phrases:
        decided = _weighed(texts, decided, rules.phrases, above)
    return [sorted(_finest(found, above), key=lambda one: one[:2]) if len(found) > 1 else found for found in decided]


def _finest(found: list[Found], above: Mapping[str, tuple[str, ...]]) -> list[Found]:
    """Without codes that a code below them implies."""
    over = {ancestor for one in found for ancestor in above[one.code]}
    return [one for one in found if one.code not in over]


class _Spans(NamedTuple):
    """Places where lines match: arrays of equal length; ``start`` and ``end`` in their text."""

    text: np.ndarray
    start: np.ndarray
    end: np.ndarray
    line: np.ndarray
    rank: np.ndarray  # among the strings of the line: a search takes the first that fits


class _Work(NamedTuple):
    """What has to be looked at in one text: by number of the rule its lines and excludes; and known places."""

    lines: dict[int, set[int]]
    excludes: dict[int, set[int]]
    known: dict[int, list[tuple[int, int]]]


def _matched(rules: Rules, scheme: str, texts: Sequence[str], joined: Joined) -> list[list[Found]]:
    """What the patterns of one scheme find in each text; at the end what finer codes imply."""
    index = rules.index[scheme]
    found: list[list[Found]] = [[] for _ in texts]
    if not index.rules:
        return found
    hits = index.scanner.scan(joined)
    windows = Windows(index, joined, hits)
    spans = _put_together(_words(index, joined, hits), _searched(index.patterns, windows, texts))
    rule_here = np.zeros((len(index.rules), len(texts)), dtype=bool)
    rule_here[index.patterns.rule[spans.line], spans.text] = True
    wider = _wider(index.patterns, windows)
    for line, here in wider:
        rule_here[index.patterns.rule[line], here] = True
    taken_back = _searched(index.excludes, windows, texts, only=rule_here)
    excluding = _wider(index.excludes, windows)
    unquiet = _unquiet(index, spans, taken_back, wider, excluding, len(texts))
    _add_quiet(found, index, spans, ~unquiet[spans.text], texts, joined, rules)
    work = _work(index, spans, taken_back, wider, excluding, unquiet)
    for number, one in work.items():
        found[number] = _decided(index, one, texts[number], rules)
    return found


def _words(index: Index, joined: Joined, hits: Hits) -> _Spans:
    """The places of lines that are nothing but strings."""
    first, after = index.words.indptr[hits.string], index.words.indptr[hits.string + 1]
    times = after - first
    hit = np.repeat(np.arange(len(times)), times)
    place = first[hit] + np.arange(len(hit)) - np.repeat(np.cumsum(times) - times, times)
    text = joined.text_of(hits.start[hit])
    start = hits.start[hit] - joined.starts[text]
    end = start + index.length[hits.string[hit]]
    return _Spans(text, start, end, index.words.indices[place], index.words.data[place])


def _searched(lines: Lines, windows: Windows, texts: Sequence[str], *, only: np.ndarray | None = None) -> _Spans:
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
    columns = np.array(found, dtype=np.int64).reshape(-1, 4)
    columns = columns[columns[:, 1] < columns[:, 2]]
    return _Spans(*columns.T, np.zeros(len(columns), dtype=np.int64))


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


def _put_together(words: _Spans, searched: _Spans) -> _Spans:
    """Places in the order of the texts."""
    both = _Spans(*(np.concatenate(columns) for columns in zip(words, searched, strict=True)))
    order = np.lexsort((both.rank, both.start, both.text))
    return _Spans(*(column[order] for column in both))


def _wider(lines: Lines, windows: Windows) -> list[tuple[int, np.ndarray]]:
    """Lines with operators, and the texts in which they may match."""
    several = ((line, lines.needs[line]) for line, matcher in enumerate(lines.matchers) if matcher.plain is None)
    return [(line, windows.texts(needs)) for line, needs in several]


def _unquiet(index: Index, spans: _Spans, taken_back: _Spans, wider: list, excluding: list, count: int) -> np.ndarray:
    """(texts,) bool array: where there is more than matches that overlap nothing and that nothing takes back."""
    unquiet = np.zeros(count, dtype=bool)
    unquiet[taken_back.text] = True
    for _, texts in (*wider, *excluding):
        unquiet[texts] = True
    reached = np.where(np.diff(spans.text, prepend=-1) > 0, 0, np.concatenate([[0], spans.end[:-1]]))
    # the farthest end so far within a text: ends grow by an offset from one text to the next
    offset = spans.text * (int(spans.end.max(initial=0)) + 1)
    reached = np.maximum.accumulate(reached + offset) - offset
    unquiet[spans.text[spans.start < reached]] = True
    unquiet[spans.text[index.is_general[index.patterns.rule[spans.line]]]] = True
    return unquiet


def _add_quiet(
    found: list[list[Found]],
    index: Index,
    spans: _Spans,
    quiet: np.ndarray,
    texts: Sequence[str],
    joined: Joined,
    rules: Rules,
) -> None:
    """Matches that overlap nothing: they stand where nothing near can deny them, and else where nothing does."""
    text, start, end, line, _ = (column[quiet] for column in spans)
    begins = joined.starts[text]
    doubtful = may_be_denied(joined, start + begins, end + begins)
    code = [
        (index.rules[rule].code, number + 1)
        for rule, number in zip(index.patterns.rule.tolist(), index.patterns.number, strict=True)
    ]
    last, reading = -1, None
    columns = (text, start, end, line, doubtful)
    for number, low, high, one, doubt in zip(*(column.tolist() for column in columns), strict=True):
        if doubt:
            if last != number:
                last, reading = number, read_text(texts[number], rules)
            if reading.is_denied(low, high):
                continue
        found[number].append(Found(low, high, *code[one]))


def _work(
    index: Index, spans: _Spans, taken_back: _Spans, wider: list, excluding: list, unquiet: np.ndarray
) -> dict[int, _Work]:
    """The texts that have to be looked at one by one."""
    work: dict[int, _Work] = defaultdict(lambda: _Work(defaultdict(set), defaultdict(set), defaultdict(list)))
    rule_of, number_of, matchers = index.patterns.rule.tolist(), index.patterns.number, index.patterns.matchers
    here = unquiet[spans.text]
    for number, start, end, line in zip(*(column[here].tolist() for column in spans[:4]), strict=True):
        one = work[number]
        one.lines[rule_of[line]].add(number_of[line])
        known = one.known[id(matchers[line].plain)]
        if not known or start >= known[-1][1]:  # a search goes on where its last match ended
            known.append((start, end))
    for line, texts in wider:
        for number in texts.tolist():
            work[number].lines[rule_of[line]].add(number_of[line])
    rule_of, number_of, matchers = index.excludes.rule.tolist(), index.excludes.number, index.excludes.matchers
    for number, start, end, line, _ in zip(*(column.tolist() for column in taken_back), strict=True):
        work[number].excludes[rule_of[line]].add(number_of[line])
        work[number].known[id(matchers[line].plain)].append((start, end))
    for line, texts in excluding:
        for number in texts.tolist():
            if number in work:
                work[number].excludes[rule_of[line]].add(number_of[line])
    return work


def _decided(index: Index, work: _Work, text: str, rules: Rules) -> list[Found]:
    """What stands in one text; at the end what finer codes imply."""
    reading = read_text(text, rules, work.known)
    found = [
        one
        for place in sorted(work.lines)
        for one in judged(index.rules[place], reading, sorted(work.lines[place]), sorted(work.excludes[place]))
        if not one.why
    ]
    if len(found) < 2:
        return [one.found for one in found]
    return [one.found for one in (*stands(found, rules.above), *implied(found, rules.above))]


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
