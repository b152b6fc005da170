/**
 * The keys of the desk, in one table: what is pressed, what it is called, what it does. Keys pressed in the desk stay in
 * the desk, so that JupyterLab's command mode does not cut a cell when somebody means to code; Ctrl+S and its like go on.
 */

import { move, moveClause, narrow, widen } from "./cursor.js";
import {
  acceptCoder,
  acceptOnScreen,
  applyCode,
  confirmAnswer,
  currentSuggestion,
  decide,
  endMemo,
  goToOpen,
  nothingApplies,
  placeLost,
  pointAt,
  removeAtCursor,
  undo,
  writeMemo,
} from "./actions.js";
import { goTo } from "./flow.js";
import { make } from "./page.js";
import { keyInTree } from "./tree.js";

const onSuggestion = (action) => (desk) => {
  const span = currentSuggestion(desk);
  if (span) decide(desk, action, [span]);
  else desk.announce(desk.say("no_suggestion"));
};

/** Shown in this order; those with `tool` are buttons too. */
const KEYS = [
  { keys: ["n"], word: "key_next", tool: true, run: (desk) => goTo(desk, desk.queue.position + 1) },
  { keys: ["p"], word: "key_previous", tool: true, run: (desk) => goTo(desk, desk.queue.position - 1) },
  { keys: ["Shift+n"], word: "key_next_open", run: goToOpen },
  { keys: ["j", "Shift+j"], word: "key_clause_next", run: (desk, event) => moveClause(desk.cursor, 1, event.shiftKey) },
  {
    keys: ["k", "Shift+k"],
    word: "key_clause_previous",
    run: (desk, event) => moveClause(desk.cursor, -1, event.shiftKey),
  },
  { keys: ["e"], word: "key_widen", run: (desk) => widen(desk.cursor) },
  { keys: ["Shift+e"], word: "key_narrow", run: (desk) => narrow(desk.cursor) },
  { keys: ["f", "/", "Enter"], word: "key_find", tool: true, run: (desk) => desk.tree.box.focus() },
  { keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], shown: "1–9", word: "key_recent", run: recent },
  { keys: ["0"], word: "key_nothing", tool: true, run: nothingApplies },
  { keys: ["a"], word: "key_accept", tool: true, run: onSuggestion("accept") },
  { keys: ["r"], word: "key_reject", tool: true, run: onSuggestion("reject") },
  { keys: ["s"], word: "key_skip", tool: true, run: (desk) => pointAt(desk) },
  { keys: ["Shift+a"], word: "key_accept_all", tool: true, run: acceptOnScreen },
  { keys: ["d", "Delete", "Backspace"], word: "key_remove", tool: true, run: removeAtCursor },
  { keys: ["c"], word: "key_confirm", run: confirmAnswer },
  { keys: ["l"], word: "key_place", run: placeLost },
  { keys: ["m"], word: "key_memo", tool: true, run: writeMemo },
  { keys: ["u", "Control+z"], word: "key_undo", tool: true, run: (desk) => undo(desk) },
  { keys: ["Shift+u", "Control+Shift+z"], word: "key_redo", run: (desk) => undo(desk, "redo") },
  { keys: ["q"], word: "key_queue", run: (desk) => desk.parts.queue.focus() },
  { keys: ["?"], word: "key_help", tool: true, run: toggleHelp },
  { keys: ["Escape"], word: "key_back", run: back },
];
const SHIFTED_DIGIT = { keys: ["Shift+1", "…"], shown: "Shift+1–9", word: "key_take_coder" };
const ARROWS = {
  ArrowLeft: ["letter", -1],
  ArrowRight: ["letter", 1],
  ArrowUp: ["line", -1],
  ArrowDown: ["line", 1],
  Home: ["edge", -1],
  End: ["edge", 1],
};

/** Hear the keys pressed in the desk, before the notebook does: Notebook 7 listens at the document, on the way in. */
export function listen(desk) {
  const hear = (event) => desk.root.contains(event.target) && heard(desk, event);
  window.addEventListener("keydown", hear, true);
  return () => window.removeEventListener("keydown", hear, true);
}

/** Buttons for what keys do. */
export function toolbar(desk) {
  return shownKeys(desk)
    .filter((one) => one.tool)
    .map((one, place) =>
      make(
        "button",
        {
          type: "button",
          tabindex: place ? "-1" : "0",
          "aria-keyshortcuts": one.keys[0],
          onclick: (event) => {
            one.run(desk, event);
            if (!["key_find", "key_memo"].includes(one.word)) desk.focusText();
          },
        },
        make("kbd", {}, cap(one)),
        ` ${desk.say(one.word)}`,
      ),
    );
}

/** Every key with its meaning. */
export function helpPanel(desk) {
  const row = (key, word) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, desk.say(word)));
  return make("dl", {}, row("← → ↑ ↓", "key_arrows"), ...shownKeys(desk).map((one) => row(cap(one), one.word)));
}

function shownKeys(desk) {
  const adjudicating = desk.facts.adjudicating;
  const kept = KEYS.filter(
    (one) => !(desk.facts.blind && ["key_accept", "key_reject", "key_skip", "key_accept_all"].includes(one.word)),
  );
  return adjudicating ? [...kept, SHIFTED_DIGIT] : kept;
}

function cap(one) {
  return one.shown ?? one.keys[0].replace("Shift+", "⇧").replace(/\b[a-z]$/, (letter) => letter.toUpperCase());
}

function heard(desk, event) {
  const own = !(event.ctrlKey || event.metaKey) || event.key === "Enter";
  if (own) event.stopPropagation();
  if (!desk.facts || event.isComposing) return;
  if (event.target === desk.parts.note) return void inMemo(desk, event);
  if (event.target === desk.tree.box) return keyInTree(desk.tree, event);
  if (event.target === desk.parts.queue) return void (event.key === "Escape" && desk.focusText());
  if (event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key)) return;
  if (arrow(desk, event) || shiftedDigit(desk, event) || named(desk, event)) {
    event.preventDefault();
    event.stopPropagation();
  }
}

function named(desk, event) {
  const pressed = keyName(event);
  const found = KEYS.find((one) => one.keys.includes(pressed));
  found?.run(desk, event);
  return Boolean(found);
}

/** How the table calls what was pressed; an input method that swallowed a letter still tells which key it was. */
function keyName(event) {
  const key = event.key === "Process" ? event.code.replace(/^(Key|Digit)/, "") : event.key;
  const plain = key.length === 1 ? key.toLowerCase() : key;
  const shift = event.shiftKey && /^[a-z]$/.test(plain) ? "Shift+" : "";
  if (event.altKey) return "";
  return `${event.ctrlKey || event.metaKey ? "Control+" : ""}${shift}${plain}`;
}

/** In the text arrows move the cursor, among the buttons they go from one to the next. */
function arrow(desk, event) {
  const found = ARROWS[event.key];
  if (found && event.target.parentElement === desk.parts.tools)
    return Boolean(neighbour(event.target, found[1])?.focus() ?? true);
  if (!found || event.target !== desk.parts.text) return false;
  const word = (event.ctrlKey || event.altKey || event.metaKey) && found[0] === "letter";
  move(desk.cursor, word ? "word" : found[0], found[1], event.shiftKey);
  return true;
}

function neighbour(element, direction) {
  return direction > 0 ? element.nextElementSibling : element.previousElementSibling;
}

function shiftedDigit(desk, event) {
  const digit = /^Digit([1-9])$/.exec(event.code);
  if (!digit || !event.shiftKey || !desk.facts.adjudicating) return false;
  acceptCoder(desk, Number(digit[1]) - 1);
  return true;
}

function recent(desk, event) {
  const code = desk.recent[Number(event.key) - 1];
  const answer = code && desk.tree.rows.has(code);
  if (answer) applyCode(desk, code);
  else desk.announce(desk.say("no_recent"));
}

function inMemo(desk, event) {
  if (event.key === "Escape") endMemo(desk, false);
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) endMemo(desk, true);
  else return;
  event.preventDefault();
}

function toggleHelp(desk) {
  const { help } = desk.parts;
  help.hidden = !help.hidden;
  if (!help.hidden) help.scrollIntoView({ block: "nearest" });
}

function back(desk) {
  desk.parts.help.hidden = true;
  desk.focusText();
}
