// A log: search, level, one request; follows the newest line until the reader scrolls up.

import { button, copyButton, element, show } from "./dom.js";
import { say } from "./words.js";

const ID = /^\[([0-9A-Za-z_.:-]+)\] ?/;
const SHORT_ID = 8;
const TRACEBACK = /^\s|^Traceback |^\w*(Error|Exception)\b/;
const LEVELS = /** @type {const} */ ({ error: 3, warning: 2, info: 1 });

/**
 * @typedef {object} Entry
 * @property {string} text without the request's id
 * @property {string} request the id; empty without one
 * @property {number} level of `LEVELS`
 */

/**
 * The lines of a log. A line of a traceback has the level of the error above it.
 * @param {string} log
 * @returns {Entry[]}
 */
export function entries(log) {
  /** @type {Entry[]} */
  const found = [];
  for (const line of log.split("\n")) {
    const request = ID.exec(line)?.[1] || "";
    const text = request ? line.replace(ID, "") : line;
    const before = found[found.length - 1];
    let level = levelOf(text);
    if (level < LEVELS.error && before && before.level === LEVELS.error && before.request === request
        && TRACEBACK.test(text)) level = LEVELS.error;
    if (text || request) found.push({ text, request, level });
  }
  return found;
}

/** @param {string} text */
function levelOf(text) {
  if (/\b(ERROR|CRITICAL|FATAL)\b|failed:|^Traceback |^\w+(Error|Exception):/.test(text)) return LEVELS.error;
  return /\bWARN(ING)?\b|Warning:/.test(text) ? LEVELS.warning : LEVELS.info;
}

/**
 * The entries that are to be shown.
 * @param {Entry[]} all
 * @param {{search: string, level: number, request: string}} wanted
 */
export function filtered(all, { search, level, request }) {
  const text = search.trim().toLowerCase();
  return all.filter((each) =>
    each.level >= level
    && (!request || each.request === request)
    && (!text || each.text.toLowerCase().includes(text) || each.request.toLowerCase().includes(text)));
}

/**
 * A log view; `draw` gives it the whole log again.
 * @param {string} name the service's, for screen readers
 */
export function logView(name) {
  let log = "", request = "";
  const search = /** @type {HTMLInputElement} */ (element("input", {
    type: "search", class: "mlmagic-input", placeholder: say("Search"), "aria-label": say("Search the log of %1", name),
    oninput: redraw,
  }));
  const level = /** @type {HTMLSelectElement} */ (element("select", {
    class: "mlmagic-input", "aria-label": say("Level of the log of %1", name), onchange: redraw,
  }, element("option", { value: LEVELS.info }, say("All levels")),
    element("option", { value: LEVELS.warning }, say("Warnings and errors")),
    element("option", { value: LEVELS.error }, say("Errors"))));
  const chosen = button("", () => choose(""), { class: "mlmagic-quiet", hidden: true });
  const lines = element("div", {
    class: "mlmagic-log", role: "log", "aria-live": "off", "aria-label": say("Log of %1", name), tabindex: 0,
  });
  const root = element("div", {},
    element("div", { class: "mlmagic-row" }, search, level, chosen, copyButton(() => log, say("Copy the log of %1", name))),
    lines);

  /** @param {string} id */
  function choose(id) {
    request = id;
    chosen.hidden = !id;
    chosen.textContent = id ? say("Request %1 ✕", id.slice(0, SHORT_ID)) : "";
    chosen.setAttribute("aria-label", say("Show all requests again, not only %1", id));
    redraw();
  }

  function redraw() {
    if (isSelecting(lines)) return; // else what the reader is about to copy would vanish
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 24;
    const all = entries(log);
    const shown = filtered(all, { search: search.value, level: Number(level.value), request });
    if (!shown.length)
      return show(lines, all.length ? say("None of the last %1 lines matches.", all.length) : say("The log is empty."));
    lines.replaceChildren(...shown.map((each) => element("div",
      { class: each.level === LEVELS.error ? "mlmagic-bad" : each.level === LEVELS.warning ? "mlmagic-odd" : null },
      each.request && button(each.request.slice(0, SHORT_ID), () => choose(each.request),
        { class: "mlmagic-id", title: each.request, "aria-label": say("Show only request %1", each.request) }),
      each.text || " ")));
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  return {
    root,
    /** @param {string} text */
    draw(text) {
      log = text;
      redraw();
    },
  };
}

/** @param {HTMLElement} within */
function isSelecting(within) {
  const selection = document.getSelection();
  return !!selection && !selection.isCollapsed && within.contains(selection.anchorNode);
}
