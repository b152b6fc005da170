/** Pieces of a page. What people said and wrote goes in as text, never as HTML. */

/** An element with its attributes (`on…` are listeners, null is left out) and what is in it. */
export function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.filter((one) => one !== null && one !== ""));
  return element;
}

/** The text with `{name}` filled in. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A text cut in its middle to some length, in characters as people see them. */
export function short(text, length) {
  if (text.length <= length) return text;
  const half = Math.floor((length - 1) / 2);
  const [begin, end] = [[...text.slice(0, 2 * half)], [...text.slice(-2 * half)]];
  return `${begin.slice(0, half).join("")}…${end.slice(-half).join("")}`;
}

/** The theme of the notebook around us: light or dark. */
export function theme() {
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Whether this machine can draw Chinese: without a font, one character looks like another. */
export function drawsChinese() {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.font = "24px system-ui, sans-serif";
  const drawn = (character) => {
    pen.clearRect(0, 0, 40, 40);
    pen.fillText(character, 4, 30);
    return pen.getImageData(0, 0, 40, 40).data.join();
  };
  return drawn("工") !== drawn("资");
}

/** Load a font from bytes under the name that the style sheet asks for first. */
export function loadFont(bytes) {
  new FontFace("Kz Han", bytes).load().then((font) => document.fonts.add(font));
}
