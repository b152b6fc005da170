/**
 * Codes in a text: each span keeps one lane of stripes below the line, so that overlapping codes can be told apart; a
 * family of codes shares a colour, its members differ by pattern, and each span begins with the name of its code.
 */

import { lowerBound } from "./text.js";

const PATTERNS = ["solid", "dashed", "dotted", "double", "dashdot"];
const GOLDEN_ANGLE = 137.508;
const SIGNS = { own: "C", pending: "C…", removing: "−C…", suggested: "?C", current: "▸?C", differs: "≠C" };
const LANE = 5; // pixels from one stripe to the next

/** What each code looks like: the colour of its family and the pattern of its place among its siblings. */
export function appearance(codes) {
  const above = new Map(codes.map((one) => [one.code, one.parent]));
  const family = (code) => (above.get(code) && above.has(above.get(code)) ? family(above.get(code)) : code);
  const families = [...new Set(codes.map((one) => family(one.code)))];
  const siblings = new Map();
  const looks = new Map();
  for (const { code, parent } of codes) {
    const place = siblings.get(parent || "") ?? 0;
    siblings.set(parent || "", place + 1);
    const hue = (25 + families.indexOf(family(code)) * GOLDEN_ANGLE) % 360;
    looks.set(code, { hue: Math.round(hue), pattern: parent ? PATTERNS[place % PATTERNS.length] : "solid" });
  }
  return looks;
}

/** The lane of each span: the lowest that is free from its first to its last character; long spans come first. */
export function lanes(spans) {
  const order = spans.map((_, place) => place);
  order.sort((one, other) => spans[one].start - spans[other].start || spans[other].end - spans[one].end);
  const freeFrom = [];
  const result = new Array(spans.length);
  for (const place of order) {
    let lane = freeFrom.findIndex((free) => free <= spans[place].start);
    if (lane < 0) lane = freeFrom.length;
    freeFrom[lane] = spans[place].end;
    result[place] = lane;
  }
  return { lane: result, count: freeFrom.length };
}

/** A text cut where a span begins or ends; each piece with the places of the spans that cover it. */
export function pieces(length, spans) {
  const cuts = [...new Set([0, length, ...spans.flatMap((span) => [span.start, span.end])])];
  cuts.sort((one, other) => one - other);
  const begins = new Map();
  spans.forEach((span, place) => {
    if (span.end > span.start) begins.set(span.start, [...(begins.get(span.start) ?? []), place]);
  });
  const result = [];
  let covering = [];
  for (let cut = 0; cut < cuts.length - 1; cut += 1) {
    const [start, end] = [cuts[cut], cuts[cut + 1]];
    covering = covering.filter((place) => spans[place].end > start).concat(begins.get(start) ?? []);
    result.push({ start, end, covering, begin: begins.get(start) ?? [] });
  }
  return result;
}

/**
 * Put a text with its spans into a box; spans are `{start, end, code, kind}` in UTF-16 units, kind a key of SIGNS. Gives the map between places in the text and places in the page.
 */
export function paint(box, text, spans, looks, { first = Infinity } = {}) {
  const { lane, count } = lanes(spans);
  const painted = { box, nodes: [], starts: [], rest: pieces(text.length, spans) };
  painted.dress = (piece, node) => dressed(node, piece, spans, lane, looks);
  painted.text = text;
  box.style.setProperty("--kz-lanes", count);
  box.replaceChildren();
  paintUntil(painted, first);
  return painted;
}

/** Paint more of a text that is long: what lies below the screen can come after the first frame. */
export function paintUntil(painted, unit) {
  const { box, nodes, starts, rest, text, dress } = painted;
  const behind = rest.findIndex((piece) => piece.start >= unit);
  const fragment = document.createDocumentFragment();
  for (const piece of rest.splice(0, behind < 0 ? rest.length : behind)) {
    const node = document.createTextNode(text.slice(piece.start, piece.end));
    nodes.push(node);
    starts.push(piece.start);
    fragment.append(piece.covering.length ? dress(piece, node) : node);
  }
  box.append(fragment);
}

/** Where in the page a place of the text is. */
export function nodeAt(painted, unit) {
  if (painted.rest.length && unit >= painted.rest[0].start) paintUntil(painted, Infinity);
  const { nodes, starts } = painted;
  if (!nodes.length) return null;
  const after = lowerBound(starts, unit + 1) - 1;
  return [nodes[Math.max(0, after)], unit - starts[Math.max(0, after)]];
}

/** Where in the text a place of the page is; null when it lies outside the box. */
export function unitAt(painted, box, node, offset) {
  const known = painted.nodes.indexOf(node);
  if (known >= 0) return painted.starts[known] + offset;
  if (!box.contains(node)) return null;
  const range = document.createRange();
  range.selectNodeContents(box);
  range.setEnd(node, offset);
  return range.toString().length;
}

function dressed(node, piece, spans, lane, looks) {
  const element = document.createElement("span");
  const covering = piece.covering.map((place) => spans[place]);
  element.className = `kz-span ${[...new Set(covering.map((span) => `kz-${span.kind}`))].join(" ")}`;
  const main = covering.find((span) => span.kind === "own") ?? covering[0];
  const stripes = piece.covering.map((place) => stripe(look(spans[place], looks), spans[place].kind, lane[place]));
  const all = (name) => stripes.map((one) => one[name]).join(",");
  element.style.cssText = `--hue:${look(main, looks).hue};background-image:${all("image")};background-size:${all("size")};background-position:${all("position")}`;
  element.append(
    ...labels(
      piece.begin.map((place) => spans[place]),
      looks,
    ),
    node,
  );
  return element;
}

/** The names of the codes that begin here: empty elements whose style writes the name, so that it is no part of the text. */
function labels(beginning, looks) {
  const written = new Map(beginning.map((span) => [SIGNS[span.kind].replace("C", span.code), span]));
  return [...written].map(([text, span]) => {
    const element = document.createElement("i");
    element.className = `kz-label kz-label-${span.kind}`;
    element.dataset.label = text;
    element.style.setProperty("--hue", look(span, looks).hue);
    return element;
  });
}

function look(span, looks) {
  return looks.get(span.code) ?? { hue: 0, pattern: "solid" };
}

function stripe({ hue, pattern }, kind, lane) {
  const ink = `oklch(var(--kz-stripe) ${hue})`;
  const shown = kind === "own" ? pattern : "faint";
  const [image, width] = {
    solid: [`linear-gradient(${ink},${ink})`, 8],
    dashed: [`linear-gradient(90deg,${ink} 70%,transparent 0)`, 12],
    dotted: [`linear-gradient(90deg,${ink} 50%,transparent 0)`, 5],
    double: [`linear-gradient(${ink} 34%,transparent 0 66%,${ink} 0)`, 8],
    dashdot: [`linear-gradient(90deg,${ink} 55%,transparent 0 70%,${ink} 0 85%,transparent 0)`, 16],
    faint: [`linear-gradient(90deg,${ink} 25%,transparent 0)`, 8],
  }[shown];
  return { image, size: `${width}px 3px`, position: `0 calc(100% - ${lane * LANE}px)` };
}
