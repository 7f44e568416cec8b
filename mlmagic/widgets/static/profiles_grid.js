// The table of profiles; each row opens its result in place.

import { element } from "./dom.js";
import { figureColumn, grid, wordColumn } from "./grid.js";
import { profileView } from "./profile_view.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./grid.js").Row} Row */

/** @type {import("./grid.js").Kind} */
export const PROFILES = {
  name: "profiles",
  noun: ["profile", "profiles"],
  columns: [
    wordColumn("name", "Name", 1),
    {
      key: "state", title: "State", priority: 1, value: (row) => row.state, text: (row) => `${row.state} ${row.words}`,
      draw: (row) => [element("span", {}, row.state), element("span", { class: "mlmagic-why", title: row.words }, row.words)],
    },
    wordColumn("recommended", "Recommended", 2),
    figureColumn("capacity", "Requests/s", 3),
    figureColumn("p99", "p99", 3),
    wordColumn("models", "Models", 3),
    { key: "created", title: "Created", priority: 2, value: (row) => row.created, text: (row, now) => say("%1 ago", duration(now - row.created)) },
  ],
  words: (row) => [row.name, row.models, row.recommended],
  choice: { title: "State of the profiles", all: "All states", of: (row) => row.state },
  empty: { words: "No profiles. Measure a service in a cell:", example: "%profile MODEL -d DATASET" },
  detail: resultOfProfile,
};

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function profilesGrid(root, store, now = () => Date.now() / 1000) {
  return grid(root, store, PROFILES, now);
}

/**
 * @param {Store} store
 * @param {Row} row
 * @returns {import("./grid.js").Detail}
 */
function resultOfProfile(store, row) {
  const view = profileView(null);
  const read = async () => {
    try {
      view.draw(await store.call("details", { profile: row.name }));
    } catch (error) {
      view.draw({ error: /** @type {Error} */ (error).message });
    }
  };
  let state = row.state;
  read();
  // One that is running has its result when it has ended.
  const leave = store.on("rows", () => {
    const now = store.get("rows").find((/** @type {Row} */ each) => each.id === row.id);
    if (!now || now.state === state) return;
    state = now.state;
    read();
  });
  return { root: view.root, end: leave };
}
