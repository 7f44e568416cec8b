// What a form says as a magic line, as Python or as a file: to copy, or to insert into the notebook.

import { button, copyButton, element, show } from "./dom.js";
import { choiceInput } from "./fields.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

/** The event that asks the page to insert a cell: JupyterLab's extension prevents its default and does so. */
export const INSERT = "mlmagic-insert";

/** @param {Store} store */
export function equivalents(store) {
  let shown = "line";
  const choice = choiceInput((value) => {
    shown = value;
    draw();
  }, { "aria-label": say("Equivalent code as") });
  choice.offer([[say("Magic line"), "line"], [say("Python (Azure ML SDK v1)"), "python"], ["deploymentconfig.json", "file"]], shown);
  const text = element("pre", { class: "mlmagic-pre", tabindex: 0, role: "region", "aria-label": say("Equivalent code") });
  const caption = element("div", { class: "mlmagic-note" });
  const said = element("span", { role: "status" });
  const code = () => store.get("texts")[shown] || "";
  const insert = button(say("Insert as a new cell"), ask);
  const copy = copyButton(code, say("Copy the equivalent code"));
  const root = element("div", {}, element("div", { class: "mlmagic-row" }, choice.input, copy, insert, said), caption, text);

  async function ask() {
    const wanted = new CustomEvent(INSERT, { bubbles: true, cancelable: true, detail: { text: code() } });
    if (!root.dispatchEvent(wanted)) return show(said, say("Inserted below this cell."));
    try {
      await store.call("insert", { text: code() });
      show(said, say("It is inserted below the next cell that you run."));
    } catch (error) {
      show(said, /** @type {Error} */ (error).message);
    }
  }
  function draw() {
    const valid = !store.get("blocking").length;
    show(text, code());
    show(caption, shown === "file" ? store.get("file_note") : "");
    insert.hidden = shown === "file";
    insert.disabled = !valid;
    copy.disabled = !valid;
    show(said);
  }

  return { root, draw };
}
