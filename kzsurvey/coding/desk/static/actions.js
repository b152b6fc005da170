/**
 * What a coder does. Every action goes to the kernel and is drawn as waiting until the kernel says that it is on disk.
 */

import { onScreen, select, selected } from "./cursor.js";
import { alert, draw, drawStatus, goTo, onDesk, openSuggestions, pendingOf, take } from "./flow.js";
import { ask } from "./link.js";
import { short } from "./page.js";

const RECENT = 9; // codes with a key of their own

/** Put a code on what is selected, or on the whole answer. */
export function applyCode(desk, code) {
  const answer = onDesk(desk);
  if (!answer) return;
  const [start, end] = selected(desk.cursor) ?? [null, null];
  keepRecent(desk, code);
  const there = [...answer.spans, ...pendingOf(desk, answer).filter((one) => one.action === "add")];
  if (there.some((one) => one.code === code && one.start === start && one.end === end))
    desk.announce(desk.say("is_there"));
  else act(desk, [{ action: "add", code, start, end }]);
}

/** Accept or reject suggestions. */
export function decide(desk, action, suggestions) {
  act(
    desk,
    suggestions.map((one) => ({ action, suggestion: one.id, code: one.code, start: one.start, end: one.end })),
  );
}

/** The suggestion that keys are about. */
export function currentSuggestion(desk) {
  return onDesk(desk)?.suggestions.find((one) => one.id === desk.current);
}

/** Accept every suggestion whose words can be seen. */
export function acceptOnScreen(desk) {
  const answer = onDesk(desk);
  const seen = answer
    ? openSuggestions(desk, answer).filter((one) => one.start === null || onScreen(desk.cursor, one.start, one.end))
    : [];
  if (seen.length) decide(desk, "accept", seen);
  else desk.announce(desk.say("no_suggestion"));
}

/** Take all that one coder said of this answer as the decision. */
export function acceptCoder(desk, place) {
  const coder = onDesk(desk)?.coders[place];
  if (coder) act(desk, [{ action: "take", coder: coder.coder }]);
}

/** Point at the next open suggestion, or at a given one; its words are selected. */
export function pointAt(desk, id) {
  const answer = onDesk(desk);
  const open = answer ? openSuggestions(desk, answer) : [];
  if (!open.length) return desk.announce(desk.say("no_suggestion"));
  const place = open.findIndex((one) => one.id === desk.current);
  const next = id ? open.find((one) => one.id === id) : open[(place + 1) % open.length];
  desk.current = next.id;
  draw(desk, { keep: true });
  if (next.start !== null) select(desk.cursor, next.start, next.end);
  desk.parts.suggestions.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

/** The answer was read, and no code applies. */
export function nothingApplies(desk) {
  const answer = onDesk(desk);
  if (!answer || answer.nothing || pendingOf(desk, answer).some((one) => one.action === "nothing")) return;
  if (answer.spans.length) alert(desk, desk.say("has_codes_already"));
  else act(desk, [{ action: "nothing" }]);
}

/** The answer was read again, and what stands may stand. */
export function confirmAnswer(desk) {
  act(desk, [{ action: "confirm" }]);
}

/** Put the first code whose place was lost on what is selected. */
export function placeLost(desk) {
  const lost = onDesk(desk)?.spans.find((one) => one.notice === "lost");
  const stretch = selected(desk.cursor);
  if (!lost) desk.announce(desk.say("no_lost"));
  else if (!stretch) desk.announce(desk.say("select_first"));
  else act(desk, [{ action: "place", of: lost.number, start: stretch[0], end: stretch[1] }]);
}

/** Remove the code at the cursor, of several the shortest; else one of the whole answer; else that nothing applies. */
export function removeAtCursor(desk) {
  const answer = onDesk(desk);
  if (!answer) return;
  const [from, to] = selected(desk.cursor) ?? [desk.cursor.focus, desk.cursor.focus];
  const touches = (one) => one.start < Math.max(to, from + 1) && one.end > Math.min(from, to - 1);
  const held = answer.spans.filter((one) => one.start !== null && touches(one));
  held.sort((one, other) => one.end - one.start - (other.end - other.start));
  const found = held[0] ?? (selected(desk.cursor) ? null : answer.spans.findLast((one) => one.start === null));
  if (found) removeCode(desk, found);
  else if (answer.nothing) act(desk, [{ action: "remove", of: "nothing" }]);
  else desk.announce(desk.say("no_code_here"));
}

export function removeCode(desk, one) {
  act(desk, [{ action: "remove", of: one.number, code: one.code, start: one.start, end: one.end }]);
}

/** Take back the last action, in whichever answer it was; or take back the taking back. */
export function undo(desk, kind = "undo") {
  if (desk.link.lost) return alert(desk, desk.say("lost"));
  whenSaved(desk, [], ask(desk.link, { kind }));
  drawStatus(desk);
}

/** Write a memo on what is selected, or on the answer. */
export function writeMemo(desk) {
  if (!onDesk(desk)) return;
  desk.memoOn = selected(desk.cursor) ?? [null, null];
  desk.parts.writing.hidden = false;
  desk.parts.note.value = "";
  desk.parts.note.focus();
}

export function endMemo(desk, keep) {
  const { note, writing } = desk.parts;
  const [start, end] = desk.memoOn;
  writing.hidden = true;
  if (keep && note.value.trim()) act(desk, [{ action: "memo", memo: note.value.trim(), start, end }]);
  desk.focusText();
}

/** The next answer of the queue that is still open. */
export function goToOpen(desk) {
  const open = [...desk.queue.open].filter((place) => place !== desk.queue.position).sort((one, other) => one - other);
  const next = open.find((place) => place > desk.queue.position) ?? open[0];
  if (next === undefined) desk.announce(desk.say("all_done"));
  else goTo(desk, next);
}

/** Another queue; the kernel says where in it to begin. */
export function openQueue(desk, name) {
  ask(desk.link, { kind: "queue", name }).then(
    (reply) => {
      take(desk, reply);
      goTo(desk, desk.queue.position);
      desk.focusText();
    },
    (fault) => alert(desk, fault.message),
  );
}

/** Send actions on the answer to the kernel; they are drawn as waiting until it says that they are on disk. */
function act(desk, actions) {
  const answer = onDesk(desk);
  if (!answer || !actions.length) return;
  if (desk.link.lost) return alert(desk, desk.say("lost"));
  const words = (one) => (Number.isInteger(one.start) ? short(answer.text.slice(one.start, one.end), 20) : "");
  const waiting = actions.map((one) => ({ ...one, key: answer.key, quote: words(one) }));
  const points = (unit) => (Number.isInteger(unit) ? answer.measured.points(unit) : null);
  const sent = actions.map((one) => ({ ...one, start: points(one.start), end: points(one.end) }));
  desk.pending.push(...waiting);
  draw(desk, { keep: true });
  whenSaved(desk, waiting, ask(desk.link, { kind: "act", key: answer.key, actions: sent }));
  drawStatus(desk);
}

/** Take the answer of the kernel to an action or an undo: on disk, or refused with a reason. */
function whenSaved(desk, waiting, answered) {
  const over = () => (desk.pending = desk.pending.filter((one) => !waiting.includes(one)));
  answered.then(
    (reply) => {
      over();
      const before = onDesk(desk)?.key;
      take(desk, reply);
      if (reply.answers) desk.savedAt = new Date().toLocaleTimeString("zh-CN", { hour12: false });
      alert(desk, "");
      if (reply.position !== undefined) desk.queue.position = reply.position;
      if (onDesk(desk)?.key === before) draw(desk, { keep: true });
      else goTo(desk, desk.queue.position);
      desk.announce(desk.say(reply.said ?? "saved_act"));
      drawStatus(desk);
    },
    (fault) => {
      over();
      draw(desk, { keep: true });
      alert(desk, fault.message);
      drawStatus(desk);
    },
  );
}

/** A code keeps its key; a new one takes the next free key, or that of the code which was used longest ago. */
function keepRecent(desk, code) {
  desk.used = [...desk.used.filter((one) => one !== code), code];
  if (desk.recent.includes(code)) return;
  const age = (one) => desk.used.indexOf(one);
  const oldest = desk.recent.reduce((found, one, place) => (age(one) < age(desk.recent[found]) ? place : found), 0);
  desk.recent[desk.recent.length < RECENT ? desk.recent.length : oldest] = code;
}
