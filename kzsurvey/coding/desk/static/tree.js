/** The codebook beside the answer: a tree that shrinks to what one types; Enter puts the code on the selection. */

import { find } from "./find.js";
import { make } from "./page.js";

/** The panel; `choose` is called with a code. */
export function codeTree(desk, choose) {
  const id = `kz-tree-${Math.random().toString(36).slice(2)}`;
  const list = make("ul", { id, role: "tree", class: "kz-tree" });
  const box = make("input", {
    class: "kz-find",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-autocomplete": "list",
    "aria-haspopup": "tree",
    "aria-controls": id,
    "aria-expanded": "true",
  });
  const about = make("div", { class: "kz-definition", tabindex: "0", role: "group" });
  const tree = { desk, list, box, about, choose, rows: [], shown: [], active: null, folded: new Set() };
  box.addEventListener("input", () => filter(tree));
  box.addEventListener("focus", () => activate(tree, tree.active ?? tree.shown[0] ?? null));
  return tree;
}

/** Lay the codes out anew: another question has other schemes, another language other names. */
export function layOut(tree, codes, schemes) {
  const { desk } = tree;
  tree.codes = codes;
  tree.children = new Map();
  for (const code of codes) tree.children.set(code.parent, [...(tree.children.get(code.parent) ?? []), code]);
  tree.rows = new Map();
  const groups = schemes.map((scheme) => {
    const own = codes.filter((code) => code.scheme === scheme.name);
    const rows = own.map((code) => row(tree, code, codes));
    const title = make("span", { class: "kz-scheme" }, desk.pick(scheme.title) || scheme.name);
    return make(
      "li",
      { role: "treeitem", "aria-expanded": "true", "aria-level": 1, "aria-selected": "false" },
      title,
      make("ul", { role: "group", class: "kz-group" }, ...rows),
    );
  });
  tree.list.replaceChildren(...groups);
  tree.list.setAttribute("aria-label", desk.say("codes"));
  tree.box.setAttribute("aria-label", desk.say("find_code"));
  tree.about.setAttribute("aria-label", desk.say("definition"));
  tree.box.placeholder = desk.say("find_hint");
  tree.box.value = "";
  tree.active = null;
  filter(tree);
}

/** Mark the codes that the answer has, and the keys of the recent ones. */
export function mark(tree, used, recent) {
  for (const [code, element] of tree.rows) {
    element.classList.toggle("kz-used", used.has(code));
    const key = recent.indexOf(code);
    const [shown, text] = [element.lastChild, key >= 0 && key < 9 ? String(key + 1) : ""];
    if (shown.textContent !== text) shown.textContent = text;
  }
}

function row(tree, code, codes) {
  const { desk } = tree;
  const parents = new Map(codes.map((one) => [one.code, one.parent]));
  let level = 2;
  for (let above = code.parent; parents.has(above); above = parents.get(above)) level += 1;
  const element = make(
    "li",
    {
      id: `${tree.list.id}-${tree.rows.size}`,
      role: "treeitem",
      "aria-level": level,
      "aria-selected": "false",
      class: "kz-code",
      style: `--depth:${level - 2}`,
      "aria-expanded": tree.children.has(code.code) ? "true" : null,
      onclick: () => {
        activate(tree, code);
        tree.choose(code.code);
      },
      onmouseenter: () => explain(tree, code),
    },
    desk.chip(code.code),
    make("span", { class: "kz-name" }, desk.pick(code.name)),
    make("kbd", { class: "kz-key" }),
  );
  tree.rows.set(code.code, element);
  return element;
}

function filter(tree) {
  const query = tree.box.value;
  const found = find(tree.codes, query);
  const kept = new Set(found.map((code) => code.code));
  const hidden = (code) => (query ? !kept.has(code.code) : underFolded(tree, code));
  for (const code of tree.codes) tree.rows.get(code.code).hidden = hidden(code);
  tree.shown = query ? found : tree.codes.filter((code) => !hidden(code));
  // while one searches the best comes first: order by CSS, so that the tree itself stays as it is
  tree.list.classList.toggle("kz-searching", query !== "");
  found.forEach((code, place) => (tree.rows.get(code.code).style.order = place));
  for (const group of tree.list.children) group.hidden = query !== "" && !group.querySelector(".kz-code:not([hidden])");
  activate(tree, query || tree.shown.includes(tree.active) ? (query ? tree.shown[0] : tree.active) : null);
  tree.desk.announce(query ? tree.desk.say("found_codes", { n: found.length }) : "");
}

function underFolded(tree, code) {
  const parents = new Map(tree.codes.map((one) => [one.code, one]));
  for (let above = parents.get(code.parent); above; above = parents.get(above.parent)) {
    if (tree.folded.has(above.code)) return true;
  }
  return false;
}

function activate(tree, code) {
  const before = tree.active && tree.rows.get(tree.active.code);
  before?.setAttribute("aria-selected", "false");
  tree.active = code ?? null;
  const element = code && tree.rows.get(code.code);
  if (element) tree.box.setAttribute("aria-activedescendant", element.id);
  else tree.box.removeAttribute("aria-activedescendant");
  if (!element) return;
  element.setAttribute("aria-selected", "true");
  if (document.activeElement === tree.box) element.scrollIntoView({ block: "nearest" });
  explain(tree, code);
}

function explain(tree, code) {
  const { desk } = tree;
  const line = (key, text) => (text ? make("p", {}, make("b", {}, desk.say(key)), " ", text) : null);
  tree.about.replaceChildren(
    ...[
      make("p", { class: "kz-title" }, desk.chip(code.code), " ", desk.pick(code.name)),
      make("p", {}, desk.pick(code.definition)),
      line("use_when", code.use_when),
      line("not_when", code.not_when),
      line("example", code.example.split("\n")[0]),
    ].filter(Boolean),
  );
}

/** Arrows walk through the tree and fold it, Enter puts the code on the selection, Escape goes back to the answer. */
export function keyInTree(tree, event) {
  if (event.isComposing) return;
  const place = tree.shown.indexOf(tree.active);
  const run = {
    ArrowDown: () => activate(tree, tree.shown[Math.min(place + 1, tree.shown.length - 1)]),
    ArrowUp: () => activate(tree, tree.shown[Math.max(place - 1, 0)]),
    ArrowLeft: () => fold(tree, true),
    ArrowRight: () => fold(tree, false),
    Enter: () => tree.active && applyActive(tree),
    Escape: () => leave(tree),
  }[event.key];
  const arrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (!run || (arrow && tree.box.value)) return;
  event.preventDefault();
  run();
}

function fold(tree, closed) {
  const code = tree.active;
  if (!code || !tree.children.has(code.code)) return;
  if (closed) tree.folded.add(code.code);
  else tree.folded.delete(code.code);
  tree.rows.get(code.code).setAttribute("aria-expanded", closed ? "false" : "true");
  filter(tree);
}

function applyActive(tree) {
  const { code } = tree.active;
  leave(tree);
  tree.choose(code);
}

function leave(tree) {
  tree.box.value = "";
  filter(tree);
  tree.desk.focusText();
}
