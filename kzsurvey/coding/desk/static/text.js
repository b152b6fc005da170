/**
 * Places in an answer. Python counts code points, the browser counts UTF-16 units: here, and only here, one becomes
 * the other. Where words, clauses and sentences begin and end is found here too, in a way that fits Chinese.
 */

const SURROGATE = /[\uD800-\uDBFF]/;
// A full stop between digits ends nothing, and an enumeration comma (、) holds together what one verb governs.
const CLAUSE = /(?:[^\s。！？!?；;，,：:…—.]|(?<=\d)[.:,：](?=\d)|[^\S\n](?=\S))+/gu;
const SENTENCE = /(?:[^。！？!?；;…\n.]|\.(?=\d))+[。！？!?；;….]*/gu;

/** A text with the way between code points and UTF-16 units; the two are the same but where a character takes two. */
export function measured(text) {
  if (!SURROGATE.test(text)) {
    return { text, units: (point) => point, points: (unit) => unit, length: text.length };
  }
  const starts = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) starts.push(unit);
  starts.push(text.length);
  return {
    text,
    units: (point) => starts[Math.max(0, Math.min(point, starts.length - 1))],
    points: (unit) => lowerBound(starts, unit),
    length: starts.length - 1,
  };
}

/** The first place in a sorted list that is not below a value. */
export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where a cursor can stop in a text: before each letter as people see it, or before each word, and at the end. */
export function stops(text, granularity) {
  const found = [];
  for (const piece of new Intl.Segmenter("zh", { granularity }).segment(text)) found.push(piece.index);
  found.push(text.length);
  return found;
}

/** Clauses of a text, without the punctuation between them. */
export function clauses(text) {
  return stretches(text, CLAUSE);
}

/** Sentences of a text, with the mark that ends them. */
export function sentences(text) {
  return stretches(text, SENTENCE);
}

/** Words of a text; for Chinese by the dictionary that the browser brings. */
export function words(text) {
  const found = [];
  for (const piece of new Intl.Segmenter("zh", { granularity: "word" }).segment(text)) {
    if (piece.isWordLike) found.push([piece.index, piece.index + piece.segment.length]);
  }
  return found;
}

/** The smallest of word, clause, sentence, whole text that holds a stretch and is wider than it. */
export function wider(text, start, end) {
  for (const list of [words(text), clauses(text), sentences(text), [[0, text.length]]]) {
    const held = list.find(([from, to]) => from <= start && end <= to && to > from && to - from > end - start);
    if (held) return held;
  }
  return [start, end];
}

/** A stretch without the white space at its ends. */
export function trimmed(text, start, end) {
  while (start < end && /\s/.test(text[start])) start += 1;
  while (end > start && /\s/.test(text[end - 1])) end -= 1;
  return [start, end];
}

function stretches(text, pattern) {
  const found = [];
  for (const match of text.matchAll(pattern)) {
    const [start, end] = trimmed(text, match.index, match.index + match[0].length);
    if (start < end) found.push([start, end]);
  }
  return found;
}
