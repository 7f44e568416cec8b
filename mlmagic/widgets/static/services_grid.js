// The table of services: sorted, filtered, and each row opens its service's card in place.

import { button, copyButton, element, show } from "./dom.js";
import { MARKS, serviceCard, silence } from "./service_card.js";
import { duration } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {Record<string, any>} Row */

const EXAMPLE = "%deploy NAME -m MODEL";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {number} priority 1 is always shown, 4 on wide pages only
 * @property {(row: Row) => string | number | null} value what rows are sorted by
 * @property {(row: Row, now: number) => string} text
 */

/** @param {string} key @param {string} title @param {number} priority @returns {Column} */
const wordColumn = (key, title, priority) =>
  ({ key, title, priority, value: (row) => row[key].toLowerCase(), text: (row) => row[key] || "–" });
/** @param {string} key @param {string} title @param {number} priority @returns {Column} */
const figureColumn = (key, title, priority) =>
  ({ key, title, priority, value: (row) => row[key][1] ?? null, text: (row) => row[key][0] });

/** @type {Column[]} */
export const COLUMNS = [
  wordColumn("name", "Name", 1),
  wordColumn("state", "State", 1),
  figureColumn("traffic", "Traffic", 2),
  figureColumn("latency", "p50 / p99", 2),
  figureColumn("errors", "Errors", 2),
  wordColumn("models", "Models", 3),
  wordColumn("target", "Target", 4),
  figureColumn("cpu", "CPU", 4),
  figureColumn("memory", "Memory", 4),
  {
    key: "changed", title: "Changed", priority: 3,
    value: (row) => row.changed, text: (row, now) => `${duration(now - row.changed)} ago`,
  },
];

/**
 * The rows in their order. Unknown values come last, in either direction.
 * @param {Row[]} rows
 * @param {{key: string, down: boolean}} by
 */
export function sortedRows(rows, { key, down }) {
  const value = (COLUMNS.find((column) => column.key === key) || COLUMNS[0]).value;
  return [...rows].sort((one, other) => {
    const a = value(one), b = value(other);
    if (a === b) return one.name < other.name ? -1 : 1;
    if (a === null || b === null) return a === null ? 1 : -1;
    return (a < b ? -1 : 1) * (down ? -1 : 1);
  });
}

/**
 * The rows that are to be shown.
 * @param {Row[]} rows
 * @param {{search: string, state: string}} wanted an empty state is any
 */
export function matchingRows(rows, { search, state }) {
  const text = search.trim().toLowerCase();
  return rows.filter((row) => (!state || row.state === state)
    && (!text || [row.name, row.models, row.target, row.words].some((each) => each.toLowerCase().includes(text))));
}

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function servicesGrid(root, store, now = () => Date.now() / 1000) {
  /** @type {Array<() => void>} */
  const ends = [];
  /** @type {Map<string, Line>} */
  const shown = new Map();
  const by = { key: "name", down: false };
  let heard = now();

  const search = /** @type {HTMLInputElement} */ (element("input", {
    type: "search", class: "mlmagic-input mlmagic-grows", placeholder: "Filter", "aria-label": "Filter the services",
    oninput: draw,
  }));
  const state = /** @type {HTMLSelectElement} */ (element("select", {
    class: "mlmagic-input", "aria-label": "State of the services", onchange: draw,
  }, element("option", { value: "" }, "All states"),
    ...Object.keys(MARKS).filter((each) => each !== "Deleted").map((each) => element("option", { value: each }, each))));
  const count = element("span", { class: "mlmagic-note", role: "status" });
  const silent = element("div", { class: "mlmagic-silent", role: "status" });
  const tools = element("div", { class: "mlmagic-row mlmagic-tools" }, search, state, count);
  const empty = element("div", { class: "mlmagic-empty" });
  const heads = COLUMNS.map((column) => {
    const press = button(column.title, () => sortBy(column.key), { class: "mlmagic-sort" });
    return element("th", { scope: "col", class: `mlmagic-p${column.priority}` }, press);
  });
  const body = element("tbody", { onkeydown: move });
  const table = element("table", { class: "mlmagic-table" },
    element("caption", { class: "mlmagic-offscreen" }, `Services of the workspace ${store.get("workspace_name")}`),
    element("thead", {}, element("tr", {}, ...heads)), body);

  /** @param {string} key */
  function sortBy(key) {
    by.down = by.key === key && !by.down;
    by.key = key;
    draw();
  }
  /** Arrow keys go from row to row. @param {KeyboardEvent} event */
  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = /** @type {HTMLElement[]} */ ([...body.querySelectorAll(":scope > tr > th > button")]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (!step || at < 0) return;
    event.preventDefault();
    buttons[at + step]?.focus();
  }

  function draw() {
    const rows = /** @type {Row[]} */ (store.get("rows"));
    const found = sortedRows(matchingRows(rows, { search: search.value, state: state.value }), by);
    heads.forEach((head, index) => {
      if (COLUMNS[index].key === by.key) head.setAttribute("aria-sort", by.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const all = rows.length === 1 ? "1 service" : `${rows.length} services`;
    show(count, found.length === rows.length ? all : `${found.length} of ${all}`);
    tools.hidden = !rows.length;
    table.hidden = !found.length;
    if (rows.length) show(empty, found.length ? "" : "No service matches.");
    else if (!empty.querySelector("code"))
      show(empty, element("p", {}, "No services yet. Deploy one in a cell:"), element("div", { class: "mlmagic-row" },
        element("code", {}, EXAMPLE), copyButton(() => EXAMPLE, "Copy the line that deploys a service")));
    const wanted = new Set(found.map((row) => row.id));
    for (const [id, line] of shown) if (!wanted.has(id)) remove(id, line);
    /** @type {Node | null} */
    let place = body.firstChild;
    for (const row of found) {
      const line = shown.get(row.id) || add(row);
      drawRow(line, row);
      for (const node of [line.line, line.detail?.line]) {
        if (!node) continue;
        if (node === place) place = node.nextSibling;
        else body.insertBefore(node, place);
      }
    }
  }
  /** @param {Row} row @returns {Line} */
  function add(row) {
    const press = button(row.name, () => toggle(row.id), { class: "mlmagic-open", "aria-expanded": "false" });
    const cells = COLUMNS.map((column, index) => index
      ? element("td", { class: `mlmagic-p${column.priority}` })
      : element("th", { scope: "row", class: "mlmagic-p1" }, press));
    const line = { line: element("tr", {}, ...cells), cells, button: press };
    shown.set(row.id, line);
    return line;
  }
  /** @param {{cells: HTMLElement[]}} line @param {Row} row */
  function drawRow({ cells }, row) {
    COLUMNS.forEach((column, index) => {
      if (!index) return;
      const text = column.text(row, now());
      if (column.key !== "state") return show(cells[index], text);
      if (cells[index].dataset.state === row.state + row.words) return;
      cells[index].dataset.state = row.state + row.words;
      show(cells[index], element("span", { class: `mlmagic-badge mlmagic-${row.state.toLowerCase()}` },
        element("span", { "aria-hidden": "true" }, `${MARKS[row.state] || "?"} `), row.state),
      row.words && element("span", { class: "mlmagic-why", title: row.words }, row.words));
    });
  }
  /** @param {string} id @param {{line: HTMLElement, detail?: Detail}} line */
  function remove(id, line) {
    line.detail?.end();
    line.line.remove();
    shown.delete(id);
  }
  /** @param {string} id */
  function toggle(id) {
    const line = shown.get(id);
    const row = store.get("rows").find((/** @type {Row} */ each) => each.id === id);
    if (!line || !row) return;
    if (line.detail) {
      line.detail.end();
      delete line.detail;
    } else {
      line.detail = detailOf(store, row);
      line.line.after(line.detail.line);
    }
    line.button.setAttribute("aria-expanded", String(!!line.detail));
  }
  function drawSilence() {
    const text = silence(heard, now(), store.get("beat"), store.lost);
    show(silent, text);
    root.classList.toggle("mlmagic-old", !!text);
  }

  ends.push(store.on("rows", draw), store.on("beat", () => {
    heard = now();
    drawSilence();
  }));
  const timer = setInterval(drawSilence, 1000);
  ends.push(() => clearInterval(timer), () => shown.forEach((line) => line.detail?.end()));
  root.classList.add("mlmagic", "mlmagic-services", "mlmagic-live-services");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Services");
  root.replaceChildren(
    element("style", {}, ".jp-OutputArea:has(.mlmagic-live-services) "
      + ".jp-OutputArea-child:has(.mlmagic-static-services) { display: none; }"),
    silent, tools, empty, table);
  draw();
  return () => ends.forEach((end) => end());
}

/** @typedef {{line: HTMLElement, end: () => void}} Detail */
/** @typedef {{line: HTMLElement, cells: HTMLElement[], button: HTMLButtonElement, detail?: Detail}} Line */

/**
 * The card of a service, as a row below the service's own.
 * @param {Store} store
 * @param {Row} row
 * @returns {Detail}
 */
function detailOf(store, row) {
  const place = element("td", { colspan: COLUMNS.length, class: "mlmagic-detail" }, "Opening …");
  let end = () => {};
  let isOver = false;
  store.child({ service: row.name, id: row.id }).then((card) => {
    if (isOver) return card.close();
    const inside = element("div", {});
    place.replaceChildren(inside);
    const leave = serviceCard(inside, card);
    end = () => (leave(), card.close());
  }).catch((error) => show(place, error.message));
  const line = element("tr", {}, place);
  return {
    line,
    end() {
      isOver = true;
      end();
      line.remove();
    },
  };
}
