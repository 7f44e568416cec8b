// The versions of an endpoint side by side: what share of the traffic each gets, and how each does.

import { button, drawCard, element, show } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

/**
 * @typedef {object} Version
 * @property {string} name
 * @property {number} percent of the traffic, from 0 to 100
 * @property {string} role "control", "treatment" or ""
 * @property {boolean} isDefault whether it gets what no version is given
 * @property {[string, number | null]} rate
 * @property {[string, number | null]} latency p50 and p99
 * @property {[string, number | null]} errors
 * @property {string} shadow what came of its copies of others' requests; empty if it gets none
 */

/**
 * What is said of the shares; `isValid` if they can be applied.
 * @param {number[]} percents NaN for what is no number
 * @param {string} fallback the default version
 * @returns {{words: string, isValid: boolean}}
 */
export function sharesInWords(percents, fallback) {
  if (percents.some((each) => !(each >= 0 && each <= 100))) return { words: say("Each share must be between 0 and 100 %."), isValid: false };
  const sum = Number(percents.reduce((all, each) => all + each, 0).toFixed(6));
  if (sum > 100) return { words: say("Together %1 %: at most 100 % can be given.", sum), isValid: false };
  if (sum === 100) return { words: say("Together 100 %."), isValid: true };
  return { words: say("Together %1 %: the default version %2 gets the remaining %3 %.", sum, fallback, Number((100 - sum).toFixed(6))), isValid: true };
}

/**
 * The share that each version gets: the default one gets what is left.
 * @param {number[]} percents
 * @param {number} fallback the place of the default version
 */
export function effectiveShares(percents, fallback) {
  const rest = Math.max(0, 100 - percents.reduce((all, each) => all + each, 0));
  return percents.map((each, at) => (at === fallback ? each + rest : each));
}

/**
 * Draws the versions into `root`. The store has `name`, `versions`, in `comparison` whether they differ by more than
 * chance, and in `rollout` how far a rollout is; it answers `set_traffic` with the percents by version.
 * @param {HTMLElement} root
 * @param {Store} store
 * @returns {() => void} how to end it
 */
export function endpointTraffic(root, store) {
  const name = store.get("name");
  /** @type {Map<string, HTMLInputElement>} */
  const inputs = new Map();
  /** @type {Map<string, number>} what was typed and not applied */
  const edited = new Map();
  const body = element("tbody");
  const table = element("div", { class: "mlmagic-wide" }, element("table", { class: "mlmagic-table" },
    element("caption", { class: "mlmagic-offscreen" }, say("The versions of %1", name)),
    element("thead", {}, element("tr", {}, ...[say("Version"), say("Share (%)"), say("Traffic"), "p50 / p99", say("Errors")].map((title) =>
      element("th", { scope: "col" }, title)))), body));
  const bar = element("div", { class: "mlmagic-shares", "aria-hidden": "true" });
  const words = element("span", { role: "status" });
  const problem = element("div", { class: "mlmagic-message mlmagic-bad", role: "alert" });
  const comparison = element("div", { class: "mlmagic-message" });
  const rollout = element("div", { class: "mlmagic-message", role: "status" });
  const apply = button(say("Apply"), change, { class: "mlmagic-first", "aria-label": say("Apply the shares of %1", name) });
  const undo = button(say("Undo"), () => {
    edited.clear();
    draw();
  });

  /** @returns {Version[]} */
  const versions = () => store.get("versions");
  const percents = () => versions().map((each) => edited.get(each.name) ?? each.percent);

  async function change() {
    const wanted = Object.fromEntries(versions().map((each, at) => [each.name, percents()[at]]));
    apply.disabled = true;
    show(problem);
    try {
      await store.call("set_traffic", { percents: wanted });
      edited.clear();
    } catch (error) {
      show(problem, /** @type {Error} */ (error).message);
    }
    draw();
  }
  function drawShares() {
    const shares = percents();
    const fallback = versions().findIndex((each) => each.isDefault);
    const { words: said, isValid } = sharesInWords(shares, versions()[fallback]?.name || "");
    show(words, said);
    words.classList.toggle("mlmagic-bad", !isValid);
    apply.disabled = !isValid || !edited.size;
    undo.hidden = !edited.size;
    show(bar, ...effectiveShares(shares, fallback).map((each, at) =>
      element("span", { class: `mlmagic-share mlmagic-share-${at % 4}`, style: `flex-grow:${isValid ? each : 0}` })));
  }
  /** @param {Version} version */
  function inputOf(version) {
    const known = inputs.get(version.name);
    if (known) return known;
    const made = /** @type {HTMLInputElement} */ (element("input", {
      type: "number", min: 0, max: 100, step: "any", class: "mlmagic-input mlmagic-number", "aria-label": say("Share of %1 in percent", version.name),
      oninput: () => {
        edited.set(version.name, made.value === "" ? NaN : Number(made.value));
        drawShares();
      },
    }));
    inputs.set(version.name, made);
    return made;
  }
  function draw() {
    for (const version of versions()) {
      const input = inputOf(version);
      if (!edited.has(version.name)) input.value = String(version.percent); // not under the hands of who types
    }
    // The inputs go into new rows.
    const focus = /** @type {HTMLElement | null} */ (body.contains(document.activeElement) ? document.activeElement : null);
    const rows = versions().map((version, at) => {
      const roles = [version.role && say(version.role), version.isDefault && say("default")].filter(Boolean).join(", ");
      return element("tr", {},
        element("th", { scope: "row" }, element("span", { class: `mlmagic-share-key mlmagic-share-${at % 4}`, "aria-hidden": "true" }),
          version.name, roles && element("span", { class: "mlmagic-note" }, ` (${roles})`),
          version.shadow && element("div", { class: "mlmagic-note" }, say("As a shadow: %1", version.shadow))),
        element("td", {}, inputOf(version)), ...[version.rate, version.latency, version.errors].map(([text]) => element("td", {}, text)));
    });
    body.replaceChildren(...rows);
    focus?.focus();
    show(comparison, store.get("comparison"));
    show(rollout, store.get("rollout"));
    drawShares();
  }

  const ends = ["versions", "comparison", "rollout"].map((key) => store.on(key, draw));
  drawCard(root, say("Traffic of %1", name), bar, table, element("div", { class: "mlmagic-row mlmagic-actions" }, apply, undo, words), problem, rollout, comparison);
  draw();
  return () => ends.forEach((end) => end());
}
