/**
 * A cursor in a text that cannot be edited, so that no input method wakes up while one codes: moved and stretched by
 * keys, or by the mouse through the selection of the page. Places are UTF-16 units of the text.
 */

import { nodeAt, unitAt } from "./spans.js";
import { clauses, lowerBound, stops, trimmed, wider } from "./text.js";

/** A cursor for the text box; `changed` is called when the selection is another one. */
export function cursorIn(box, caret, changed) {
  const cursor = { box, caret, changed, text: "", painted: null, anchor: 0, focus: 0, known: new Map(), narrower: [] };
  cursor.read = () => readSelection(cursor);
  document.addEventListener("selectionchange", cursor.read);
  box.addEventListener("focus", () => show(cursor));
  box.addEventListener("blur", () => (caret.hidden = true));
  return cursor;
}

/** Another text, or the same one painted anew (then the cursor stays where it is). */
export function setText(cursor, text, painted, { keep }) {
  cursor.painted = painted;
  if (!keep) Object.assign(cursor, { text, anchor: 0, focus: 0, known: new Map(), narrower: [] });
  if (document.activeElement === cursor.box) show(cursor);
}

/** The selected stretch without white space at its ends; null when nothing is selected. */
export function selected(cursor) {
  const [start, end] = trimmed(
    cursor.text,
    Math.min(cursor.anchor, cursor.focus),
    Math.max(cursor.anchor, cursor.focus),
  );
  return start < end ? [start, end] : null;
}

/** Select a stretch, as a key does. */
export function select(cursor, start, end) {
  Object.assign(cursor, { anchor: start, focus: end });
  show(cursor);
  cursor.changed();
}

/** Move by letter, word or line, or to an end of the text; `extend` stretches the selection. */
export function move(cursor, by, direction, extend) {
  const place = {
    letter: () => nextStop(cursor, "grapheme", direction),
    word: () => nextStop(cursor, "word", direction),
    line: () => nextLine(cursor, direction),
    edge: () => (direction < 0 ? 0 : cursor.text.length),
  }[by]();
  cursor.narrower = [];
  select(cursor, extend ? cursor.anchor : place, place);
}

/** Select the next or the previous clause; `extend` adds it to what is selected. */
export function moveClause(cursor, direction, extend) {
  const list = once(cursor, "clauses", clauses);
  if (!list.length) return;
  const [from, to] = selected(cursor) ?? [cursor.focus, cursor.focus];
  const edge = extend ? cursor.focus : direction > 0 ? from : to;
  const ahead = (one) => (extend ? one[1] > edge : selected(cursor) ? one[0] > from : one[1] > from);
  const behind = (one) => (extend ? one[0] < edge : one[1] < to || (one[0] < from && one[1] <= from));
  const found = direction > 0 ? list.find(ahead) : list.findLast(behind);
  if (!found) return;
  cursor.narrower = [];
  if (!extend) select(cursor, found[0], found[1]);
  else
    select(
      cursor,
      direction > 0 ? Math.min(from, cursor.anchor) : Math.max(to, cursor.anchor),
      found[direction > 0 ? 1 : 0],
    );
}

/** Widen the selection from word to clause, sentence and whole answer; narrow it back the same way. */
export function widen(cursor) {
  const [start, end] = [Math.min(cursor.anchor, cursor.focus), Math.max(cursor.anchor, cursor.focus)];
  const before = cursor.narrower.concat([[start, end]]);
  const [from, to] = wider(cursor.text, start, end);
  if (from === start && to === end) return;
  cursor.narrower = before;
  select(cursor, from, to);
}

export function narrow(cursor) {
  const back = cursor.narrower.pop();
  if (back) select(cursor, back[0], back[1]);
}

/** Whether the first or the last character of a stretch can be seen without scrolling. */
export function onScreen(cursor, start, end) {
  const bounds = cursor.box.getBoundingClientRect();
  return [start, end - 1].some((unit) => {
    const place = rectangle(cursor, unit);
    return place && place.bottom > bounds.top && place.top < bounds.bottom;
  });
}

/** Stop listening, when the view goes. */
export function release(cursor) {
  document.removeEventListener("selectionchange", cursor.read);
}

function nextStop(cursor, granularity, direction) {
  const list = once(cursor, granularity, (text) => stops(text, granularity));
  const here = lowerBound(list, cursor.focus);
  const next = direction > 0 ? (list[here] === cursor.focus ? here + 1 : here) : here - 1;
  return list[Math.max(0, Math.min(next, list.length - 1))];
}

/** The place one line further that lies below or above the cursor. */
function nextLine(cursor, direction) {
  const here = rectangle(cursor);
  if (!here) return cursor.focus;
  const bounds = cursor.box.getBoundingClientRect();
  const step = parseFloat(getComputedStyle(cursor.box).lineHeight) || here.height;
  const y = here.top + here.height / 2 + direction * step;
  if (y < bounds.top || y > bounds.bottom) scrollBy(cursor.box, direction * step);
  const moved = rectangle(cursor);
  const found = pointed(cursor, here.left + 1, moved.top + moved.height / 2 + direction * step);
  if (found === null || found === cursor.focus) return direction < 0 ? 0 : cursor.text.length;
  return found;
}

function scrollBy(box, pixels) {
  box.scrollTop += pixels;
}

function pointed(cursor, x, y) {
  const place = document.caretPositionFromPoint?.(x, y);
  const range = place ? null : document.caretRangeFromPoint?.(x, y);
  const [node, offset] = place ? [place.offsetNode, place.offset] : [range?.startContainer, range?.startOffset];
  return node ? unitAt(cursor.painted, cursor.box, node, offset) : null;
}

/** What is found once in a text and needed at every key. */
function once(cursor, name, make) {
  if (!cursor.known.has(name)) cursor.known.set(name, make(cursor.text));
  return cursor.known.get(name);
}

/** Draw selection and caret, and keep the caret in view. */
function show(cursor) {
  const anchor = cursor.painted && nodeAt(cursor.painted, cursor.anchor);
  const focus = cursor.painted && nodeAt(cursor.painted, cursor.focus);
  if (!anchor || !focus) return;
  document.getSelection().setBaseAndExtent(anchor[0], anchor[1], focus[0], focus[1]);
  drawCaret(cursor);
}

function drawCaret(cursor) {
  const { caret, box } = cursor;
  const place = rectangle(cursor);
  caret.hidden = !place || document.activeElement !== box;
  if (caret.hidden) return;
  const bounds = box.getBoundingClientRect();
  if (place.bottom > bounds.bottom) box.scrollTop += place.bottom - bounds.bottom + 8;
  if (place.top < bounds.top) box.scrollTop -= bounds.top - place.top + 8;
  const now = rectangle(cursor);
  caret.style.height = `${now.height}px`;
  caret.style.left = `${now.left - bounds.left + box.scrollLeft}px`;
  caret.style.top = `${now.top - bounds.top + box.scrollTop}px`;
}

function rectangle(cursor, unit = cursor.focus) {
  const [node, offset] = nodeAt(cursor.painted, unit) ?? [];
  if (!node) return null;
  const range = document.createRange();
  const last = offset === node.length && offset > 0; // after the last letter of a line
  range.setStart(node, last ? offset - 1 : offset);
  range.setEnd(node, last ? offset : Math.min(offset + 1, node.length));
  const rectangles = range.getClientRects();
  const letter = rectangles[last ? rectangles.length - 1 : 0];
  return (
    letter && { top: letter.top, bottom: letter.bottom, height: letter.height, left: last ? letter.right : letter.left }
  );
}

/** What the mouse, or a screen reader, selected in the page. */
function readSelection(cursor) {
  const { anchorNode, anchorOffset, focusNode, focusOffset } = document.getSelection();
  if (!cursor.painted || !anchorNode || !cursor.box.contains(anchorNode) || !cursor.box.contains(focusNode)) return;
  const anchor = unitAt(cursor.painted, cursor.box, anchorNode, anchorOffset);
  const focus = unitAt(cursor.painted, cursor.box, focusNode, focusOffset);
  if (anchor === cursor.anchor && focus === cursor.focus) return;
  Object.assign(cursor, { anchor, focus, narrower: [] });
  drawCaret(cursor);
  cursor.changed();
}
