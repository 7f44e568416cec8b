// The table of registered model versions; each row opens its description, files and tags in place.

import { button, copyButton, element, pairs, show } from "./dom.js";
import { figureColumn, grid, wordColumn } from "./grid.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./grid.js").Row} Row */

/** @param {Row} row */
const tagsOf = (row) => row.tags.map((/** @type {[string, string]} */ [key, value]) => (value ? `${key}=${value}` : key));

/** @type {import("./grid.js").Kind} */
export const MODELS = {
  name: "models",
  noun: ["model version", "model versions"],
  columns: [
    { ...wordColumn("name", "Model", 1), value: (row) => `${row.model.toLowerCase()} ${String(row.version).padStart(9, "0")}` },
    { ...wordColumn("users", "Used by", 1), text: (row) => row.users || "–" },
    wordColumn("framework", "Framework", 2),
    { key: "tags", title: "Tags", priority: 3, value: (row) => tagsOf(row).join(), text: (row) => tagsOf(row).join(", ") || "–" },
    figureColumn("size", "Size", 2),
    {
      key: "registered", title: "Registered", priority: 2,
      value: (row) => row.registered, text: (row, now) => say("%1 ago", duration(now - row.registered)),
    },
  ],
  words: (row) => [row.name, row.framework, row.users, ...tagsOf(row)],
  choice: { title: "Model", all: "All models", of: (row) => row.model },
  empty: { words: "No model versions. Register one in a cell:", example: "%register OBJECT_OR_PATH --name NAME" },
  detail: versionOf,
};

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function modelsGrid(root, store, now = () => Date.now() / 1000) {
  return grid(root, store, MODELS, now);
}

/**
 * A version: what is known of it, a line that deploys it, its tags.
 * @param {Store} store
 * @param {Row} row
 * @returns {import("./grid.js").Detail}
 */
function versionOf(store, row) {
  const line = `%deploy NAME -m ${row.id}`;
  const known = element("dl", { class: "mlmagic-figures mlmagic-details" });
  const files = element("ul", { class: "mlmagic-events", "aria-label": say("Files of %1", row.id) });
  const tags = element("div", { class: "mlmagic-row", role: "group", "aria-label": say("Tags of %1", row.id) });
  const said = element("div", { class: "mlmagic-bad", role: "status" });
  const input = /** @type {HTMLInputElement} */ (element("input", {
    class: "mlmagic-input", placeholder: "KEY=VALUE", "aria-label": say("New tag of %1", row.id),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && add(),
  }));
  const adding = button(say("Add tag"), add, { class: "mlmagic-quiet", "aria-label": say("Add the tag to %1", row.id) });

  /** @param {string} verb @param {string} tag */
  async function change(verb, tag) {
    try {
      await store.call(verb, { model: row.id, tag });
      show(said);
      return true;
    } catch (error) {
      show(said, /** @type {Error} */ (error).message);
      return false;
    }
  }
  async function add() {
    if (await change("add_tag", input.value)) input.value = "";
  }
  function drawTags() {
    const now = store.get("rows").find((/** @type {Row} */ each) => each.id === row.id);
    if (!now) return;
    const focused = tags.contains(document.activeElement) && document.activeElement !== input;
    show(tags, element("strong", {}, say("Tags")), ...tagsOf(now).map((/** @type {string} */ tag) => element("span", { class: "mlmagic-tag" }, tag,
      button("✕", () => change("remove_tag", tag), { class: "mlmagic-quiet", "aria-label": say("Remove the tag %1 of %2", tag, row.id) }))),
    input, adding);
    if (focused) input.focus(); // its button has gone with its tag
  }
  async function read() {
    try {
      const found = await store.call("details", { model: row.id });
      show(known, ...pairs(found.pairs));
      show(files, ...found.files.map((/** @type {[string, string]} */ [path, size]) => element("li", {}, element("code", {}, path), ` ${size}`)),
        found.more_files > 0 && element("li", {}, `and ${found.more_files} more`));
    } catch (error) {
      show(said, /** @type {Error} */ (error).message);
    }
  }

  const leave = store.on("rows", drawTags);
  drawTags();
  read();
  const deploy = element("div", { class: "mlmagic-row" }, element("code", {}, line),
    copyButton(() => line, say("Copy the line that deploys %1", row.id)));
  return { root: element("div", { class: "mlmagic-version" }, deploy, known, files, tags, said), end: leave };
}
