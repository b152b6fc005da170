/**
 * The line to the kernel: one question, one answer. Nothing that the kernel has not acknowledged counts as saved, and
 * a kernel that is busy, silent or gone is told apart.
 */

const SILENT_AFTER = 4000; // milliseconds without an answer, then we say so
const SAVING = ["act", "undo", "redo"]; // questions that write
const GONE = ["restarting", "autorestarting", "dead", "terminating", "unknown"];

/** Open the line. `changed` is called whenever its state may be another. */
export function connect(model, changed) {
  const link = { model, waiting: new Map(), name: Math.random().toString(36).slice(2), next: 1, lost: false, changed };
  link.hear = (message, buffers) => settle(link, message, buffers);
  link.watch = (_, status) => {
    if (GONE.includes(status)) lose(link);
    changed();
  };
  model.on("msg:custom", link.hear);
  link.kernel = kernel(link);
  link.kernel?.statusChanged?.connect(link.watch);
  link.timer = setInterval(changed, 1000);
  return link;
}

/** Ask the kernel. The promise fails when the kernel refuses; it stays open while the kernel is silent. */
export function ask(link, question) {
  const id = `${link.name}-${link.next}`; // every view of the desk hears every answer
  link.next += 1;
  const saves = SAVING.includes(question.kind);
  const answer = new Promise((resolve, reject) => link.waiting.set(id, { resolve, reject, since: Date.now(), saves }));
  link.model.send({ ...question, id });
  return answer;
}

/** `{name, unsaved}`; name: ready, saving, busy, silent, lost. */
export function state(link) {
  const waiting = [...link.waiting.values()];
  const unsaved = waiting.filter((one) => one.saves).length;
  if (link.lost) return { name: "lost", unsaved };
  const since = Math.min(...waiting.map((one) => one.since));
  const late = waiting.length > 0 && Date.now() - since > SILENT_AFTER;
  if (late) return { name: kernel(link)?.status === "busy" ? "busy" : "silent", unsaved };
  return { name: unsaved ? "saving" : "ready", unsaved };
}

/** Leave the line alone, when the view goes. */
export function disconnect(link) {
  clearInterval(link.timer);
  link.model.off("msg:custom", link.hear);
  link.kernel?.statusChanged?.disconnect(link.watch);
}

function kernel(link) {
  return link.model.widget_manager?.kernel ?? null;
}

/** The kernel that this desk spoke to is no more: what it did not acknowledge is not saved. */
function lose(link) {
  link.lost = true;
}

function settle(link, message, buffers) {
  const open = link.waiting.get(message.id);
  if (!open) return;
  link.waiting.delete(message.id);
  if (message.error) open.reject(new Error(message.error));
  else open.resolve({ ...message, buffers });
  link.changed();
}
