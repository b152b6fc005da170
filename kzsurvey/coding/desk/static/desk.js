/**
 * The coding desk: one answer at a time, coded by keyboard or mouse. What the kernel has not acknowledged as written to
 * disk is drawn as waiting, and the status line says "saved" only when nothing waits.
 */

import { applyCode, decide, openQueue, pointAt, removeCode } from "./actions.js";
import { cursorIn, release } from "./cursor.js";
import { alert, drawStatus, drawTarget, goTo, take } from "./flow.js";
import { helpPanel, listen, toolbar } from "./keys.js";
import { ask, connect, disconnect } from "./link.js";
import { drawsChinese, filled, loadFont, make, theme } from "./page.js";
import { appearance } from "./spans.js";
import { codeTree } from "./tree.js";

const NARROW = 680; // pixels; below it the codebook goes under the answer

function render({ model, el }) {
  const desk = newDesk(el);
  desk.link = connect(model, () => drawStatus(desk));
  desk.cursor = cursorIn(desk.parts.text, desk.parts.caret, () => drawTarget(desk));
  const themes = new MutationObserver(() => (desk.root.dataset.theme = theme()));
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const widths = new ResizeObserver(
    ([{ contentRect }]) => (desk.root.dataset.width = contentRect.width < NARROW ? "narrow" : "wide"),
  );
  widths.observe(desk.root);
  const deaf = listen(desk);
  drawStatus(desk);
  ask(desk.link, { kind: "open" }).then(
    (facts) => start(desk, facts),
    (fault) => alert(desk, fault.message),
  );
  return () => {
    themes.disconnect();
    widths.disconnect();
    deaf();
    release(desk.cursor);
    disconnect(desk.link);
  };
}

/** The page without an answer, and what the other parts may ask of the desk. */
function newDesk(el) {
  const desk = {
    language: "en",
    answers: new Map(),
    asked: new Set(),
    pending: [],
    recent: [],
    used: [],
    codes: new Map(),
    looks: new Map(),
    current: null,
  };
  desk.say = (key, values = {}) => filled(desk.facts?.words[desk.language]?.[key] ?? "", values);
  desk.pick = (texts) => (texts && (texts[desk.language] || Object.values(texts).find(Boolean))) || "";
  desk.chip = (code) => chip(desk, code);
  desk.announce = (text) => (desk.parts.live.textContent = text);
  desk.focusText = () => desk.parts.text.focus({ preventScroll: true });
  desk.tree = codeTree(desk, (code) => applyCode(desk, code));
  Object.assign(desk, {
    accept: (span) => decide(desk, "accept", [span]),
    reject: (span) => decide(desk, "reject", [span]),
    remove: (span) => removeCode(desk, span),
    point: (id) => pointAt(desk, id),
  });
  desk.parts = lay(desk);
  desk.root = desk.parts.root;
  el.append(desk.root);
  return desk;
}

function lay(desk) {
  const parts = {
    title: make("strong", { class: "kz-desk-title" }),
    queue: make("select", { class: "kz-queue" }),
    progress: make("span", { class: "kz-progress" }),
    bar: make("progress", { class: "kz-bar", max: "1", value: "0" }),
    who: make("span", { class: "kz-who" }),
    blind: make("span", { class: "kz-blind", hidden: true }),
    status: make("span", { class: "kz-status", role: "status" }),
    language: make("button", { type: "button", class: "kz-language" }),
    alert: make("div", { class: "kz-alert", role: "alert", hidden: true }),
    live: make("div", { class: "kz-live", "aria-live": "polite" }),
    question: make("div", { class: "kz-question" }),
    speaker: make("span", { class: "kz-speaker" }),
    place: make("span", { class: "kz-place" }),
    decision: make("span", { class: "kz-decision" }),
    columns: make("div", { class: "kz-columns", hidden: true }),
    ours: make("div", { class: "kz-caption" }),
    words: make("div", { class: "kz-words" }),
    caret: make("div", { class: "kz-caret", hidden: true, "aria-hidden": "true" }),
    target: make("div", { class: "kz-target" }),
    whole: make("div", { class: "kz-whole", hidden: true }),
    codings: make("ul", { class: "kz-list", tabindex: "0" }),
    suggestions: make("ul", { class: "kz-list", tabindex: "0" }),
    coded: make("div", { class: "kz-caption" }),
    suggested: make("div", { class: "kz-caption" }),
    tools: make("div", { class: "kz-tools", role: "toolbar" }),
    help: make("div", { class: "kz-help", hidden: true, tabindex: "-1" }),
    note: make("textarea", { class: "kz-write", rows: "3" }),
    writing: make("div", { class: "kz-writing", hidden: true }),
    hint: make("div", { class: "kz-target" }),
  };
  parts.text = make(
    "div",
    { class: "kz-text", tabindex: "0", role: "textbox", "aria-readonly": "true", "aria-multiline": "true" },
    parts.words,
    parts.caret,
  );
  parts.writing.append(parts.note, parts.hint);
  parts.answer = make(
    "section",
    { class: "kz-answer" },
    make(
      "div",
      { class: "kz-about" },
      parts.question,
      make("div", { class: "kz-facts" }, parts.speaker, parts.place, parts.decision),
    ),
    parts.columns,
    parts.ours,
    parts.whole,
    parts.text,
    parts.target,
    parts.writing,
    make(
      "div",
      { class: "kz-lists" },
      make("div", {}, parts.suggested, parts.suggestions),
      make("div", {}, parts.coded, parts.codings),
    ),
  );
  parts.side = make("section", { class: "kz-side" }, desk.tree.box, desk.tree.list, desk.tree.about);
  parts.root = make(
    "div",
    { class: "kz-desk", role: "application", "data-theme": theme() },
    make(
      "div",
      { class: "kz-head" },
      parts.title,
      parts.queue,
      parts.bar,
      parts.progress,
      parts.blind,
      parts.who,
      parts.language,
      parts.status,
    ),
    parts.alert,
    parts.live,
    make("div", { class: "kz-body" }, parts.answer, parts.side),
    parts.tools,
    parts.help,
  );
  parts.queue.addEventListener("change", () => openQueue(desk, parts.queue.value));
  parts.language.addEventListener("click", () => speak(desk, otherLanguage(desk)));
  return parts;
}

/** What the kernel said when the desk was opened: the codebook, the words, the queue and its first answers. */
function start(desk, facts) {
  desk.facts = facts;
  desk.codes = new Map(facts.codes.map((code) => [code.code, code]));
  desk.looks = appearance(facts.codes);
  desk.recent = [...facts.recent];
  desk.used = [...facts.used];
  desk.root.toggleAttribute("data-adjudicating", facts.adjudicating);
  take(desk, facts);
  speak(desk, facts.language);
  if (desk.root.closest(".jp-Cell")?.contains(document.activeElement)) desk.focusText(); // whoever ran the cell goes on with keys
  if (!drawsChinese())
    ask(desk.link, { kind: "font" }).then(({ buffers }) => buffers[0].byteLength && loadFont(buffers[0]));
}

function otherLanguage(desk) {
  const languages = Object.keys(desk.facts.words);
  return languages[(languages.indexOf(desk.language) + 1) % languages.length];
}

/** Everything in one language. */
function speak(desk, language) {
  const { parts, facts } = desk;
  desk.language = language;
  desk.root.lang = language;
  parts.root.setAttribute("aria-label", desk.say("desk"));
  parts.title.textContent = desk.pick(facts.title);
  parts.who.textContent = filled(desk.say("coder"), { who: facts.coder });
  parts.blind.hidden = !facts.blind;
  parts.blind.textContent = desk.say("blind");
  parts.text.setAttribute("aria-label", desk.say("answer"));
  parts.answer.setAttribute("aria-label", desk.say("answer"));
  parts.side.setAttribute("aria-label", desk.say("codes"));
  parts.tools.setAttribute("aria-label", desk.say("keys"));
  parts.bar.setAttribute("aria-label", desk.say("progress"));
  parts.queue.setAttribute("aria-label", desk.say("queue"));
  parts.note.setAttribute("aria-label", desk.say("memo"));
  parts.ours.textContent = desk.say("decided_here");
  parts.coded.textContent = desk.say("coded");
  parts.suggested.textContent = desk.say(facts.adjudicating ? "to_reconcile" : "suggested");
  parts.codings.setAttribute("aria-label", parts.coded.textContent);
  parts.suggestions.setAttribute("aria-label", parts.suggested.textContent);
  parts.language.hidden = Object.keys(facts.words).length < 2;
  parts.language.textContent = desk.facts.words[otherLanguage(desk)].language_name;
  parts.hint.textContent = desk.say("memo_hint");
  parts.queue.replaceChildren(
    ...Object.entries(facts.queues).map(([name, size]) =>
      make("option", { value: name }, `${desk.say(`queue_${name}`)} (${size})`),
    ),
  );
  parts.tools.replaceChildren(...toolbar(desk));
  parts.help.replaceChildren(helpPanel(desk));
  drawStatus(desk);
  goTo(desk, desk.queue.position, { keep: true });
}

function chip(desk, code) {
  const { hue, pattern } = desk.looks.get(code) ?? { hue: 0, pattern: "solid" };
  return make("span", { class: `kz-chip kz-pattern-${pattern}`, style: `--hue:${hue}` }, code);
}

export default { render };
