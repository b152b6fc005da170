/** The answer on the desk: its question and speaker, the text with its spans, what is coded and what is suggested. */

import { make, short } from "./page.js";
import { paint, paintUntil } from "./spans.js";
import { measured } from "./text.js";

const QUOTE = 40;
const FIRST_ROWS = 30; // rows and characters that can be on the screen at once; the rest is drawn later
const FIRST_CHARACTERS = 3000;

/** An answer as the kernel sent it, its places counted as the browser counts; null stays null: the whole answer. */
export function received(answer) {
  const text = measured(answer.text);
  const units = (point) => (point === null ? null : text.units(point));
  const placed = (span) => ({ ...span, start: units(span.start), end: units(span.end) });
  return {
    ...answer,
    measured: text,
    spans: answer.spans.map(placed),
    memos: answer.memos.map(placed),
    suggestions: answer.suggestions.map(placed),
    coders: answer.coders.map((coder) => ({ ...coder, spans: coder.spans.map(placed) })),
  };
}

/** All codes to be seen: what is on disk, what waits to be, what is suggested; each with its kind. */
export function codesOf(answer, pending, current) {
  const removed = new Set(pending.filter((one) => one.action === "remove").map((one) => one.of));
  const decided = new Set(pending.map((one) => one.suggestion));
  const open = answer.suggestions.filter((one) => !decided.has(one.id));
  return [
    ...answer.spans.map((span) => ({ ...span, kind: removed.has(span.number) ? "removing" : "own" })),
    ...pending.filter((one) => ["add", "accept"].includes(one.action)).map((span) => ({ ...span, kind: "pending" })),
    ...open.map((span) => ({ ...span, kind: span.id === current ? "current" : "suggested" })),
  ];
}

/** Show the answer; gives the map between text and page for the cursor. */
export function drawAnswer(desk, answer, pending, keep) {
  const { parts } = desk;
  const codes = codesOf(answer, pending, desk.current);
  const [open, coded] = [codes.filter(isSuggestion), codes.filter((one) => !isSuggestion(one))];
  const spans = codes.filter((one) => one.start !== null);
  const painted = paint(parts.words, answer.text, spans, desk.looks, { first: keep ? Infinity : FIRST_CHARACTERS });
  parts.question.textContent = desk.pick(desk.facts.labels[answer.question]);
  parts.speaker.textContent = desk.pick(answer.speaker);
  drawDecision(desk, answer, pending);
  drawWhole(
    desk,
    codes.filter((one) => one.start === null && one.notice !== "lost"),
  );
  drawCoders(desk, answer);
  fill(parts.suggestions, open, (one) => suggestionRow(desk, answer, one));
  fill(parts.codings, [...memos(answer, pending), ...coded], (one) =>
    (one.kind === "memo" ? memoRow : codingRow)(desk, answer, one),
  );
  desk.later = () => paintUntil(painted, Infinity);
  parts.suggested.parentElement.hidden = parts.suggestions.childElementCount === 0;
  parts.coded.parentElement.hidden = parts.codings.childElementCount === 0;
  return painted;
}

/** Put rows into a list; those that cannot be seen yet come when somebody scrolls. */
function fill(list, items, row) {
  list.replaceChildren(...items.slice(0, FIRST_ROWS).map(row));
  list.scrollTop = 0;
  const rest = items.slice(FIRST_ROWS);
  list.onscroll = () => rest.length && list.append(...rest.splice(0).map(row));
}

function isSuggestion(one) {
  return one.kind === "suggested" || one.kind === "current";
}

/** Nothing applies, coded, or still open. */
function drawDecision(desk, answer, pending) {
  const asked = pending.some((one) => one.action === "nothing");
  const said = answer.nothing
    ? "nothing_applies"
    : answer.done
      ? "has_codes"
      : answer.spans.length
        ? "to_recode"
        : "undecided";
  desk.parts.decision.textContent = desk.say(asked ? "nothing_waits" : said);
  desk.parts.decision.dataset.state = asked ? "waiting" : answer.done ? "done" : "open";
}

/** Codes of the whole answer stand above it: painted on every character they would hide the others. */
function drawWhole(desk, codes) {
  const { whole } = desk.parts;
  whole.hidden = codes.length === 0;
  const chips = codes.map((one) =>
    make("span", { class: `kz-mark kz-${one.kind}` }, isSuggestion(one) ? "?" : "", desk.chip(one.code)),
  );
  whole.replaceChildren(`${desk.say("on_whole")}: `, ...chips);
}

/** Side by side what each coder did, where they are to be reconciled or shown. */
function drawCoders(desk, answer) {
  const { columns } = desk.parts;
  columns.hidden = answer.coders.length === 0;
  desk.parts.ours.hidden = columns.hidden || !desk.facts.adjudicating;
  const shown = answer.coders.map((coder, place) => {
    const words = make("div", { class: "kz-words", tabindex: "0", role: "group", "aria-label": coder.coder });
    const marked = coder.spans.map((span) => ({ ...span, kind: span.agreed ? "own" : "differs" }));
    paint(
      words,
      answer.text,
      marked.filter((span) => span.start !== null),
      desk.looks,
    );
    const whole = marked.filter((span) => span.start === null && span.notice !== "lost").map((span) => desk.chip(span.code));
    const said = coder.spans.length ? [] : [`: ${desk.say(coder.nothing ? "nothing_applies" : "undecided")}`];
    const key = desk.facts.adjudicating ? [make("kbd", {}, `⇧${place + 1}`), " "] : [];
    return make(
      "section",
      { class: "kz-coder" },
      make("div", { class: "kz-caption" }, ...key, coder.coder, ...said, " ", ...whole),
      words,
    );
  });
  columns.replaceChildren(...shown);
}

function codingRow(desk, answer, one) {
  const waits = one.kind !== "own";
  const remove = () =>
    make(
      "button",
      {
        type: "button",
        class: "kz-small",
        tabindex: "-1",
        "aria-label": `${desk.say("remove")} ${one.code}`,
        onclick: () => desk.remove(one),
      },
      "✕",
    );
  return make(
    "li",
    { class: waits ? "kz-waits" : null },
    desk.chip(one.code),
    make("div", { class: "kz-row" }, nameOf(desk, one), " ", quote(desk, answer, one)),
    one.memo ? make("span", { class: "kz-note" }, `✎ ${one.memo}`) : "",
    one.notice ? make("span", { class: "kz-note" }, `⚠ ${desk.say(`notice_${one.notice}`)}`) : "",
    waits ? make("span", { class: "kz-note" }, desk.say("waits")) : remove(),
  );
}

function memos(answer, pending) {
  const waiting = pending.filter((one) => one.action === "memo").map((one) => ({ ...one, waits: true }));
  return [...answer.memos, ...waiting].map((one) => ({ ...one, kind: "memo" }));
}

function memoRow(desk, answer, one) {
  return make(
    "li",
    { class: one.waits ? "kz-waits" : null },
    make("span", { class: "kz-note" }, `✎ ${one.memo}`),
    one.start === null ? "" : quote(desk, answer, one),
    one.notice ? make("span", { class: "kz-note" }, `⚠ ${desk.say(`notice_${one.notice}`)}`) : "",
    one.waits ? make("span", { class: "kz-note" }, desk.say("waits")) : "",
  );
}

function suggestionRow(desk, answer, one) {
  const button = (word, key, run) =>
    make(
      "button",
      {
        type: "button",
        class: "kz-small",
        tabindex: "-1",
        "aria-label": `${desk.say(word)} ${one.code}`,
        onclick: (event) => {
          event.stopPropagation();
          run();
        },
      },
      key,
    );
  return make(
    "li",
    { "aria-current": one.kind === "current" ? "true" : null, onclick: () => desk.point(one.id) },
    desk.chip(one.code),
    make(
      "div",
      { class: "kz-row" },
      nameOf(desk, one),
      " ",
      quote(desk, answer, one),
      " ",
      make("span", { class: "kz-why" }, why(desk, one)),
    ),
    button("accept", "✓ A", () => desk.accept(one)),
    button("reject", "✕ R", () => desk.reject(one)),
  );
}

/** Where a suggestion comes from: rules, models with their score, coders. */
function why(desk, one) {
  const said = ({ source, coder, score }) => {
    const from = desk.say(`from_${source}`, { who: coder });
    return source === "model" && score !== null ? `${from} ${score.toFixed(2)}` : from;
  };
  return one.voices.map(said).join(" + ");
}

function nameOf(desk, one) {
  return make("span", { class: "kz-name" }, desk.pick(desk.codes.get(one.code)?.name));
}

function quote(desk, answer, one) {
  if (one.start === null) return make("span", { class: "kz-quote-whole" }, desk.say("on_whole"));
  return make("span", { class: "kz-quote" }, `“${short(answer.text.slice(one.start, one.end), QUOTE)}”`);
}
