// The table of services; each row opens its service's card in place.

import { alertBadge } from "./alerts.js";
import { element, show } from "./dom.js";
import { figureColumn, grid, wordColumn } from "./grid.js";
import { MARKS, serviceCard } from "./service_card.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./grid.js").Row} Row */

/** @type {import("./grid.js").Kind} */
export const SERVICES = {
  name: "services",
  noun: ["service", "services"],
  columns: [
    wordColumn("name", "Name", 1),
    {
      key: "state", title: "State", priority: 1,
      value: (row) => row.state,
      text: (row) => [row.state, ...row.alerts, row.words].join(" "),
      draw: (row) => [
        element("span", { class: `mlmagic-badge mlmagic-${row.state.toLowerCase()}` },
          element("span", { "aria-hidden": "true" }, `${MARKS[row.state] || "?"} `), say(row.state)),
        ...row.alerts.map(alertBadge),
        element("span", { class: "mlmagic-why", title: row.words }, row.words),
      ],
    },
    figureColumn("traffic", "Traffic", 2),
    figureColumn("latency", "p50 / p99", 2),
    figureColumn("errors", "Errors", 2),
    wordColumn("models", "Models", 3),
    wordColumn("target", "Target", 4),
    figureColumn("cpu", "CPU", 4),
    figureColumn("memory", "Memory", 4),
    {
      key: "changed", title: "Changed", priority: 3,
      value: (row) => row.changed, text: (row, now) => say("%1 ago", duration(now - row.changed)),
    },
  ],
  words: (row) => [row.name, row.models, row.target, row.words, ...row.alerts],
  choice: {
    title: "State of the services", all: "All states", of: (row) => row.state,
    values: Object.keys(MARKS).filter((each) => each !== "Deleted"),
  },
  empty: { words: "No services yet. Deploy one in a cell:", example: "%deploy NAME -m MODEL" },
  detail: cardOf,
};

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function servicesGrid(root, store, now = () => Date.now() / 1000) {
  return grid(root, store, SERVICES, now);
}

/**
 * The card of a service.
 * @param {Store} store
 * @param {Row} row
 * @returns {import("./grid.js").Detail}
 */
function cardOf(store, row) {
  const root = element("div", {}, "Opening …");
  let end = () => {};
  let isOver = false;
  store.child({ service: row.name, id: row.id }).then((card) => {
    if (isOver) return card.close();
    const leave = serviceCard(root, card);
    end = () => (leave(), card.close());
  }).catch((error) => show(root, error.message));
  return { root, end: () => (isOver = true, end()) };
}
