// The table of runs; each row opens its metrics, child runs and log in place.

import { grid, wordColumn } from "./grid.js";
import { runView } from "./run_view.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./grid.js").Row} Row */

/** @type {import("./grid.js").Kind} */
export const RUNS = {
  name: "runs",
  noun: ["run", "runs"],
  columns: [
    wordColumn("name", "Run", 1),
    wordColumn("status", "Status", 1),
    wordColumn("metrics", "Metrics", 3),
    { key: "started", title: "Started", priority: 2, value: (row) => row.started, text: (row, now) => say("%1 ago", duration(now - row.started)) },
  ],
  words: (row) => [row.name, row.id, row.metrics],
  choice: { title: "Experiment", all: "All experiments", of: (row) => row.experiment },
  empty: { words: "No runs. Start one in a cell:", example: "run = Experiment(ws, 'NAME').submit(config)" },
  detail: detailOfRun,
};

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function runsGrid(root, store, now = () => Date.now() / 1000) {
  return grid(root, store, RUNS, now);
}

/**
 * @param {Store} store
 * @param {Row} row
 * @returns {import("./grid.js").Detail}
 */
function detailOfRun(store, row) {
  const view = runView();
  const read = async () => {
    try {
      view.draw(await store.call("details", { experiment: row.experiment, run: row.id }));
    } catch (error) {
      view.draw({ error: /** @type {Error} */ (error).message });
    }
  };
  read();
  const leave = store.on("rows", () => view.isRunning() && read());
  return { root: view.root, end: leave };
}
