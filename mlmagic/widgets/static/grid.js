// A table of things: sorted, filtered, columns by priority, and each row opens its detail in place.

import { button, copyButton, element, show, twinHider, withOwnKeys } from "./dom.js";
import { say, silence } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {Record<string, any>} Row has an `id` and a `name` */
/** @typedef {{root: HTMLElement, end: () => void}} Detail */

/**
 * @typedef {object} Column the first one holds the button that opens the row
 * @property {string} key
 * @property {string} title
 * @property {number} priority 1 is always shown, 4 on wide pages only
 * @property {(row: Row) => string | number | null} value what rows are sorted by
 * @property {(row: Row, now: number) => string} text
 * @property {(row: Row) => Node[]} [draw] in place of `text`, for what is more than text
 */
/**
 * @typedef {object} Kind
 * @property {string} name for the classes of its live and its static table: "services"
 * @property {[string, string]} noun one and more: ["service", "services"]
 * @property {Column[]} columns
 * @property {(row: Row) => string[]} words what the filter looks at
 * @property {{title: string, all: string, of: (row: Row) => string, values?: string[]}} choice the second filter
 * @property {{words: string, example: string}} empty what to say without any row
 * @property {(store: Store, row: Row) => Detail} detail
 */

/** @param {string} key @param {string} title @param {number} priority @returns {Column} */
export const wordColumn = (key, title, priority) =>
  ({ key, title, priority, value: (row) => row[key].toLowerCase(), text: (row) => row[key] || "–" });
/** A figure: its text and its number. @param {string} key @param {string} title @param {number} priority @returns {Column} */
export const figureColumn = (key, title, priority) =>
  ({ key, title, priority, value: (row) => row[key][1] ?? null, text: (row) => row[key][0] });

/**
 * The rows in their order. Unknown values come last, in either direction.
 * @param {Row[]} rows
 * @param {Column[]} columns
 * @param {{key: string, down: boolean}} by
 */
export function sortedRows(rows, columns, { key, down }) {
  const value = (columns.find((column) => column.key === key) || columns[0]).value;
  return [...rows].sort((one, other) => {
    const a = value(one), b = value(other);
    if (a === b) return one.id < other.id ? -1 : 1;
    if (a === null || b === null) return a === null ? 1 : -1;
    return (a < b ? -1 : 1) * (down ? -1 : 1);
  });
}

/**
 * The rows that are to be shown.
 * @param {Row[]} rows
 * @param {Kind} kind
 * @param {{search: string, choice: string}} wanted an empty choice is any
 */
export function matchingRows(rows, kind, { search, choice }) {
  const text = search.trim().toLowerCase();
  return rows.filter((row) => (!choice || kind.choice.of(row) === choice)
    && (!text || kind.words(row).some((each) => each.toLowerCase().includes(text))));
}

/**
 * Draws the table into `root`.
 * @param {HTMLElement} root
 * @param {Store} store with `rows`, `beat` and `workspace_name`
 * @param {Kind} kind
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function grid(root, store, kind, now) {
  /** @type {Array<() => void>} */
  const ends = [];
  /** @type {Map<string, Line>} */
  const shown = new Map();
  const by = { key: "name", down: false };
  let heard = now();

  const search = /** @type {HTMLInputElement} */ (element("input", {
    type: "search", class: "mlmagic-input mlmagic-grows", placeholder: say("Filter"),
    "aria-label": say("Filter the %1", say(kind.noun[1])), oninput: draw,
  }));
  const choice = /** @type {HTMLSelectElement} */ (element("select", {
    class: "mlmagic-input", "aria-label": say(kind.choice.title), onchange: draw,
  }));
  const count = element("span", { class: "mlmagic-note", role: "status" });
  const silent = element("div", { class: "mlmagic-silent", role: "status" });
  const tools = element("div", { class: "mlmagic-row mlmagic-tools" }, search, choice, count);
  const empty = element("div", { class: "mlmagic-empty" });
  const heads = kind.columns.map((column) => {
    const press = button(say(column.title), () => sortBy(column.key), { class: "mlmagic-sort" });
    return element("th", { scope: "col", class: `mlmagic-p${column.priority}` }, press);
  });
  const body = element("tbody", { onkeydown: move });
  const table = element("table", { class: "mlmagic-table" },
    element("caption", { class: "mlmagic-offscreen" }, say("The %1 of the workspace %2", say(kind.noun[1]), store.get("workspace_name"))),
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

  /** @param {Row[]} rows */
  function drawChoice(rows) {
    const values = kind.choice.values || [...new Set(rows.map(kind.choice.of))].sort();
    if (choice.options.length === values.length + 1 && values.every((each, at) => choice.options[at + 1].value === each))
      return;
    const chosen = choice.value;
    show(choice, element("option", { value: "" }, say(kind.choice.all)),
      ...values.map((each) => element("option", { value: each }, each)));
    choice.value = values.includes(chosen) ? chosen : "";
  }
  function draw() {
    const rows = /** @type {Row[]} */ (store.get("rows"));
    drawChoice(rows);
    const matching = matchingRows(rows, kind, { search: search.value, choice: choice.value });
    const found = sortedRows(matching, kind.columns, by);
    heads.forEach((head, index) => {
      if (kind.columns[index].key === by.key) head.setAttribute("aria-sort", by.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const all = `${rows.length} ${say(kind.noun[rows.length === 1 ? 0 : 1])}`;
    show(count, found.length === rows.length ? all : say("%1 of %2", found.length, all));
    tools.hidden = !rows.length;
    table.hidden = !found.length;
    if (rows.length) show(empty, found.length ? "" : say("No %1 matches.", say(kind.noun[0])));
    else if (!empty.querySelector("code"))
      show(empty, element("p", {}, say(kind.empty.words)), element("div", { class: "mlmagic-row" },
        element("code", {}, kind.empty.example), copyButton(() => kind.empty.example, say("Copy the line"))));
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
    const press = withOwnKeys(button(row.name, () => toggle(row.id), { class: "mlmagic-open", "aria-expanded": "false" }));
    const cells = kind.columns.map((column, index) => index
      ? element("td", { class: `mlmagic-p${column.priority}` })
      : element("th", { scope: "row", class: "mlmagic-p1" }, press));
    const line = { line: element("tr", {}, ...cells), cells, button: press };
    shown.set(row.id, line);
    return line;
  }
  /** @param {Line} line @param {Row} row */
  function drawRow({ cells }, row) {
    kind.columns.forEach((column, index) => {
      if (!index) return;
      if (!column.draw) return show(cells[index], column.text(row, now()));
      const mark = column.text(row, now());
      if (cells[index].dataset.mark === mark) return;
      cells[index].dataset.mark = mark;
      show(cells[index], ...column.draw(row));
    });
  }
  /** @param {string} id @param {Line} line */
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
      const detail = kind.detail(store, row);
      const place = element("td", { colspan: kind.columns.length, class: "mlmagic-detail" }, detail.root);
      line.detail = { line: element("tr", {}, place), end: () => (detail.end(), line.detail?.line.remove()) };
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
    draw(); // "12 s ago" goes on
  }));
  const timer = setInterval(drawSilence, 1000);
  ends.push(() => clearInterval(timer), () => shown.forEach((line) => line.detail?.end()));
  root.classList.add("mlmagic");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", say(`${kind.name[0].toUpperCase()}${kind.name.slice(1)}`));
  root.replaceChildren(
    twinHider(root, kind.name),
    silent, tools, empty, table);
  draw();
  return () => ends.forEach((end) => end());
}

/**
 * @typedef {object} Line
 * @property {HTMLElement} line
 * @property {HTMLElement[]} cells
 * @property {HTMLButtonElement} button
 * @property {{line: HTMLElement, end: () => void}} [detail]
 */
