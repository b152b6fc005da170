/** From answer to answer: what lies on the desk is drawn, what comes next is asked for before it is needed. */

import { drawAnswer, received } from "./answer.js";
import { selected, setText } from "./cursor.js";
import { ask, state } from "./link.js";
import { short } from "./page.js";
import { layOut, mark } from "./tree.js";

const AHEAD = 6; // answers asked for before they are needed
const SPOKEN = 300; // characters read out when an answer comes; the rest is read in the text
const KEPT = 40; // answers kept on either side

/** Keep what an answer of the kernel brings: a queue, answers. */
export function take(desk, reply) {
  if (reply.queue) {
    desk.queue = { ...reply.queue, open: new Set(reply.queue.open) };
    desk.answers = new Map();
    desk.asked = new Set();
  }
  for (const answer of reply.answers ?? []) {
    desk.answers.set(answer.position, received(answer));
    if (answer.done) desk.queue.open.delete(answer.position);
    else desk.queue.open.add(answer.position);
  }
}

/** The answer that lies on the desk; undefined while it is still asked for. */
export function onDesk(desk) {
  return desk.answers.get(desk.queue?.position);
}

/** Lay another answer on the desk; with `keep` it is the same one. */
export function goTo(desk, position, { keep = false } = {}) {
  if (desk.queue.size && (position < 0 || position >= desk.queue.size)) return desk.announce(desk.say("queue_ends"));
  desk.queue.position = position;
  if (!keep) desk.current = null;
  if (onDesk(desk)) draw(desk, { keep });
  else drawNothing(desk);
  setTimeout(() => lookAhead(desk), 0);
}

/** Ask for what comes next, before it is needed; let go of what lies far behind. */
function lookAhead(desk) {
  const { position, size, name } = desk.queue;
  const wanted = [position];
  for (let step = 1; step <= AHEAD; step += 1) wanted.push(position + step, ...(step < 3 ? [position - step] : []));
  const missing = wanted.filter(
    (place) => place >= 0 && place < size && !desk.answers.has(place) && !desk.asked.has(place),
  );
  for (const place of desk.answers.keys()) if (Math.abs(place - position) > KEPT) desk.answers.delete(place);
  if (!missing.length || desk.link.lost) return;
  missing.forEach((place) => desk.asked.add(place));
  ask(desk.link, { kind: "look", positions: missing }).then(
    (reply) => {
      if (desk.queue.name !== name) return;
      missing.forEach((place) => desk.asked.delete(place));
      take(desk, reply);
      if (missing.includes(desk.queue.position)) draw(desk);
    },
    (fault) => alert(desk, fault.message),
  );
}

/** Draw the answer on the desk; with `keep` the cursor stays, because the text is the same. */
export function draw(desk, { keep = false } = {}) {
  const answer = onDesk(desk);
  if (!answer) return;
  const open = openSuggestions(desk, answer);
  if (!open.some((one) => one.id === desk.current)) desk.current = open[0]?.id ?? null;
  showCodes(desk, answer);
  const same = keep && desk.cursor.text === answer.text;
  const painted = drawAnswer(desk, answer, pendingOf(desk, answer), same);
  mark(desk.tree, new Set(answer.spans.map((span) => span.code)), desk.recent);
  drawProgress(desk);
  if (!same) desk.parts.text.scrollTop = 0;
  if (!keep)
    desk.announce(`${desk.parts.question.textContent} ${desk.pick(answer.speaker)} ${answer.text.slice(0, SPOKEN)}`);
  setText(desk.cursor, answer.text, painted, { keep: same });
  drawTarget(desk);
  afterFrame(desk);
}

/** What cannot be seen yet is drawn when the first frame is on the screen, unless another answer has come by then. */
function afterFrame(desk) {
  const { later } = desk;
  requestAnimationFrame(() => setTimeout(() => desk.later === later && later(), 0));
}

function drawNothing(desk) {
  const { parts, queue } = desk;
  parts.words.textContent = desk.say(queue.size ? "loading" : "queue_empty");
  for (const part of [parts.question, parts.speaker, parts.decision, parts.target]) part.textContent = "";
  for (const part of [parts.coded.parentElement, parts.suggested.parentElement, parts.columns, parts.ours, parts.whole])
    part.hidden = true;
  drawProgress(desk);
}

/** The codes of the schemes that the question of this answer is coded with. */
function showCodes(desk, answer) {
  const schemes = desk.facts.schemes.filter((scheme) => scheme.questions.includes(answer.question));
  const names = schemes.map((scheme) => scheme.name);
  const shown = `${desk.language} ${names.join(" ")}`;
  if (desk.shown === shown) return;
  desk.shown = shown;
  layOut(
    desk.tree,
    desk.facts.codes.filter((code) => names.includes(code.scheme)),
    schemes,
  );
}

/** What the next code will be put on, said in words. */
export function drawTarget(desk) {
  const answer = onDesk(desk);
  if (!answer) return;
  const stretch = selected(desk.cursor);
  const [start, end] = stretch ?? [0, answer.text.length];
  const length = answer.measured.points(end) - answer.measured.points(start);
  const text = desk.say(stretch ? "selected" : "whole_answer", {
    quote: short(answer.text.slice(start, end), 30),
    n: length,
  });
  desk.parts.target.textContent = text;
  clearTimeout(desk.saying);
  if (stretch) desk.saying = setTimeout(() => desk.announce(text), 250);
}

function drawProgress(desk) {
  const { parts, queue } = desk;
  const done = queue.size - queue.open.size;
  parts.queue.value = queue.name;
  parts.bar.value = queue.size ? done / queue.size : 0;
  parts.progress.textContent = desk.say("done_of", { done, of: queue.size });
  parts.place.textContent = queue.size ? desk.say("place", { n: queue.position + 1, of: queue.size }) : "";
}

/** Saved, or not yet, or not at all. */
export function drawStatus(desk) {
  const { name, unsaved } = state(desk.link);
  const { status, root } = desk.parts;
  const text = statusText(desk, name, unsaved);
  if (status.textContent !== text) status.textContent = text;
  status.dataset.state = name;
  root.dataset.state = name;
  if (name !== "lost" || desk.toldLost) return;
  desk.toldLost = true;
  alert(
    desk,
    desk.facts ? desk.say(unsaved ? "lost_unsaved" : "lost", { n: unsaved, what: unsavedWords(desk) }) : text,
  );
}

function statusText(desk, name, unsaved) {
  if (!desk.facts) return { lost: "✗", silent: "…", busy: "…" }[name] ?? "…";
  if (name === "ready")
    return desk.savedAt ? desk.say("status_saved", { time: desk.savedAt }) : desk.say("status_ready");
  return desk.say(unsaved ? `status_${name}` : `status_${name}_all_saved`, { n: unsaved });
}

function unsavedWords(desk) {
  return desk.pending
    .map((one) => [desk.say(`did_${one.action}`), one.code, one.quote].filter(Boolean).join(" "))
    .join("; ");
}

/** A fault is shown until the next action works. */
export function alert(desk, message) {
  desk.parts.alert.hidden = !message;
  desk.parts.alert.textContent = message;
}

/** Actions on an answer that the kernel has not acknowledged. */
export function pendingOf(desk, answer) {
  return desk.pending.filter((one) => one.key === answer.key);
}

/** Suggestions for an answer that were neither accepted nor rejected. */
export function openSuggestions(desk, answer) {
  const decided = new Set(pendingOf(desk, answer).map((one) => one.suggestion));
  return answer.suggestions.filter((one) => !decided.has(one.id));
}
