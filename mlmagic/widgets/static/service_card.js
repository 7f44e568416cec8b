// The card of one service: what it is and does, what can be done, and folded: try it, log, events, keys.

import { lineChart } from "./chart.js";
import { confirmation } from "./confirmation.js";
import { button, copyButton, disclosure, element, show } from "./dom.js";
import { logView } from "./log_view.js";
import { tryIt } from "./try_it.js";
import { clock, clockWithSeconds, duration } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

const SPAN_SECONDS = 15 * 60;
export const SILENT_SECONDS = 15;
const MOST_REPLICAS = 100;
const MARKS = /** @type {Record<string, string>} */ ({
  Transitioning: "◌", Healthy: "●", Unhealthy: "▲", Unschedulable: "■", Failed: "✖", Stopped: "○", Deleted: "○",
});
const TITLES = /** @type {Record<string, string>} */ ({
  update: "Update", restart: "Restart", stop: "Stop", start: "Start", scale: "Scale",
});

/**
 * What the card says of itself when nothing was heard from the kernel.
 * @param {number} heard when its last sign arrived, in seconds since the epoch
 * @param {number} now
 * @param {number} stateTime the time that its last sign is of
 * @returns {string} empty while the kernel is there
 */
export function silence(heard, now, stateTime) {
  return now - heard < SILENT_SECONDS ? ""
    : `Not connected: the kernel has stopped or cannot be reached. State as of ${clock(stateTime)}.`;
}

/**
 * The words beside the state: since when, and which revision.
 * @param {{gone: boolean, state: string, serving: number | null, revision: number}} service
 * @param {number} seconds since the state began
 */
export function since({ gone, state, serving, revision }, seconds) {
  if (gone) return "";
  const parts = [`for ${duration(seconds)}`];
  if (serving === null) parts.push(`revision ${revision}`);
  else parts.push(`revision ${serving}`, ...(serving !== revision ? [`revision ${revision} is starting`] : []));
  return parts.join(" · ");
}

/**
 * Draws the card into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function serviceCard(root, store, now = () => Date.now() / 1000) {
  const name = store.get("name"), id = store.get("id");
  /** @type {Array<() => void>} */
  const ends = [];
  let heard = now();

  // ---- name and state, address ---------------------------------------------------------------------------
  const badge = element("span", { class: "mlmagic-badge" });
  const age = element("span", { class: "mlmagic-note" });
  const state = element("span", { role: "status", "aria-label": `State of ${name}` }, badge);
  const silent = element("div", { class: "mlmagic-silent", role: "status" });
  const address = element("div", { class: "mlmagic-row mlmagic-address" });
  const message = element("div", { class: "mlmagic-message", role: "status" });
  const traceback = element("div", {});

  // ---- actions ---------------------------------------------------------------------------------------------
  const outcome = element("div", { class: "mlmagic-message", role: "alert" });
  const replicas = /** @type {HTMLInputElement} */ (element("input", {
    type: "number", min: 1, max: MOST_REPLICAS, value: 1, class: "mlmagic-input mlmagic-number",
    "aria-label": `Number of replicas of ${name}`,
  }));
  const verbs = /** @type {Record<string, () => void>} */ ({
    update: checkForUpdate,
    restart: () => act("restart"),
    stop: () => act("stop"),
    start: () => act("start"),
    scale: () => act("scale", { replicas: replicas.valueAsNumber }),
  });
  const buttons = /** @type {Record<string, HTMLButtonElement>} */ ({});
  for (const [verb, press] of Object.entries(verbs))
    buttons[verb] = button(TITLES[verb], press, { "aria-label": `${TITLES[verb]} ${name}` });
  buttons.delete = button("Delete", askToDelete, { class: "mlmagic-destroys", "aria-label": `Delete ${name}` });
  const scaling = element("span", { class: "mlmagic-row" }, replicas, buttons.scale);
  const actions = element("div", { class: "mlmagic-row mlmagic-actions", role: "group", "aria-label": `Actions of ${name}` },
    buttons.update, buttons.restart, buttons.stop, buttons.start, scaling,
    element("span", { class: "mlmagic-spring" }), buttons.delete);
  const question = confirmation(actions);

  /** @param {string} verb @param {Record<string, any>} [values] */
  async function act(verb, values) {
    show(outcome);
    try {
      await store.call(verb, values);
    } catch (error) {
      show(outcome, /** @type {Error} */ (error).message);
    }
  }
  async function checkForUpdate() {
    show(outcome);
    try {
      const words = await store.call("find_update");
      if (!words) show(outcome, `${name} is up to date.`);
      else question.ask({ question: words, yes: "Update now", act: () => act("update") });
    } catch (error) {
      show(outcome, /** @type {Error} */ (error).message);
    }
  }
  function askToDelete() {
    question.ask({
      question: `Delete ${name}? This stops it and deletes its revisions and its log. Models are kept.`,
      yes: "Delete permanently", destroys: true, act: () => act("delete"),
    });
  }

  // ---- figures ---------------------------------------------------------------------------------------------
  const figures = element("dl", { class: "mlmagic-figures", "aria-label": `Metrics of ${name}` });
  const traffic = lineChart({ title: "Traffic", unit: "requests/s", span: SPAN_SECONDS });
  const latency = lineChart({ title: "Latency", unit: "ms", span: SPAN_SECONDS });
  const charts = element("div", { class: "mlmagic-charts" }, traffic.root, latency.root);
  ends.push(traffic.close, latency.close);

  // ---- folded: try it, log, events, keys ---------------------------------------------------------------
  const requests = tryIt(store);
  const trying = disclosure("Try it", requests.root, { opened: requests.refresh });
  const log = logView(name);
  const logSection = disclosure("Log", log.root, {
    opened: () => (store.call("follow_log", { follow: true }).catch(() => {}), log.draw(store.get("log_text"))),
    closed: () => void store.call("follow_log", { follow: false }).catch(() => {}),
  });
  const events = element("ol", { class: "mlmagic-events", "aria-label": `Events of ${name}` });
  const eventSection = disclosure("Events", events);
  const revisions = element("ol", { class: "mlmagic-events", "aria-label": `Revisions of ${name}` });
  const revisionSection = disclosure("Revisions", revisions, { opened: listRevisions });
  const keys = element("div", { class: "mlmagic-keys" });
  const keySection = disclosure("Keys", keys, { opened: showKeys, closed: () => show(keys) });
  const details = element("dl", { class: "mlmagic-figures mlmagic-details" });
  const detailSection = disclosure("Details", details);

  async function listRevisions() {
    let found = [];
    try {
      found = await store.call("revisions");
    } catch (error) {
      return show(revisions, element("li", {}, /** @type {Error} */ (error).message));
    }
    show(revisions, ...found.map((/** @type {any} */ each) => element("li", { class: "mlmagic-row" },
      element("strong", {}, String(each.number)), element("span", {}, each.status),
      each.time && element("time", { datetime: new Date(each.time * 1000).toISOString() },
        new Date(each.time * 1000).toLocaleString()),
      element("span", { class: "mlmagic-grows" }, each.change),
      each.can_return && button("Roll back", () => askToRollBack(each.number), {
        class: "mlmagic-quiet", "aria-label": `Roll ${name} back to revision ${each.number}`,
        disabled: !!(silent.textContent || store.get("doing")),
      }))));
  }
  /** @param {number} revision */
  function askToRollBack(revision) {
    question.ask({
      question: `Roll ${name} back to revision ${revision}? What serves now serves until that one is healthy, `
        + "and keeps serving if it never is.",
      yes: "Roll back", act: () => act("rollback", { revision }),
    });
  }

  function showKeys() {
    show(keys, ...["Primary", "Secondary"].map((which) => {
      const value = element("code", { class: "mlmagic-secret" }, "••••••••••••");
      const reveal = button("Show", async () => {
        if (reveal.getAttribute("aria-pressed") === "true") return conceal();
        try {
          value.textContent = await store.call("key", { which });
          reveal.setAttribute("aria-pressed", "true");
          reveal.textContent = "Hide";
        } catch (error) {
          show(outcome, /** @type {Error} */ (error).message);
        }
      }, { class: "mlmagic-quiet", "aria-label": `Show the ${which.toLowerCase()} key of ${name}`, "aria-pressed": "false" });
      function conceal() {
        value.textContent = "••••••••••••";
        reveal.setAttribute("aria-pressed", "false");
        reveal.textContent = "Show";
      }
      return element("div", { class: "mlmagic-row" }, element("span", { class: "mlmagic-label" }, which), value,
        copyButton(() => store.call("key", { which }), `Copy the ${which.toLowerCase()} key of ${name}`), reveal);
    }));
  }

  // ---- drawing ---------------------------------------------------------------------------------------------
  function drawState() {
    const gone = store.get("gone");
    const shown = gone ? "Deleted" : store.get("state");
    badge.className = `mlmagic-badge mlmagic-${shown.toLowerCase()}`;
    show(badge, element("span", { "aria-hidden": "true" }, `${MARKS[shown] || "?"} `), shown);
    show(message, store.get("words"));
    const text = store.get("traceback") || store.get("failure");
    const heading = store.get("traceback") ? "Why it failed" : "Last error of run()";
    if (!text) show(traceback);
    else if (traceback.querySelector("pre")?.textContent !== text)
      show(traceback, element("div", { class: "mlmagic-row" }, element("strong", {}, heading),
        copyButton(() => text, `Copy the error of ${name}`)),
      element("pre", { class: "mlmagic-pre", tabindex: 0, role: "group", "aria-label": `Last error of ${name}` }, text));
    drawAge();
    drawActions();
  }
  function drawAge() {
    const seconds = store.get("beat") + (now() - heard) - store.get("began");
    age.textContent = since({
      gone: store.get("gone"), state: store.get("state"), serving: store.get("serving"), revision: store.get("revision"),
    }, seconds);
    const words = silence(heard, now(), store.get("beat"));
    if (silent.textContent !== words) {
      show(silent, words);
      root.classList.toggle("mlmagic-old", !!words);
      drawActions();
      if (words) keySection.open = false;
    }
  }
  function drawAddress() {
    const endpoint = store.get("endpoint"), docs = store.get("docs");
    show(address, ...(endpoint ? [element("code", {}, endpoint),
      copyButton(() => store.get("endpoint"), `Copy the address of ${name}`),
      docs && element("a", { href: docs, target: "_blank", rel: "noopener" }, "API docs")] : []));
    trying.hidden = !endpoint;
  }
  function drawActions() {
    const offered = new Set(silent.textContent || store.get("doing") ? [] : store.get("offered"));
    const failed = store.get("state") === "Failed";
    for (const [verb, each] of Object.entries(buttons)) {
      // Hidden if the state does not allow it; disabled, and where it was, while another action runs.
      each.hidden = !store.get("offered").includes(verb);
      each.disabled = !offered.has(verb);
    }
    scaling.hidden = buttons.scale.hidden;
    buttons.start.textContent = failed ? "Retry" : "Start";
    buttons.start.setAttribute("aria-label", `${failed ? "Retry" : "Start"} ${name}`);
    if (store.get("gone")) question.end();
  }
  function drawWork() {
    const doing = store.get("doing"), told = store.get("told");
    show(outcome, doing ? `${doing} ...` : told);
    drawActions();
  }
  function drawFigures() {
    show(figures, ...pairs(store.get("figures")));
    const history = /** @type {Array<[number, number | null, number | null, number | null, number | null]>} */ (
      store.get("history"));
    charts.hidden = history.length < 2;
    if (charts.hidden) return;
    const times = history.map(([time]) => time);
    const end = Math.max(times[times.length - 1], store.get("beat"));
    const column = (/** @type {number} */ at) => history.map((point) => point[at]);
    traffic.draw({ times, lines: [
      { name: "requests", values: column(1) }, { name: "errors", values: column(4) }] }, end);
    latency.draw({ times, lines: [{ name: "p50", values: column(2) }, { name: "p99", values: column(3) }] }, end);
  }
  function drawEvents() {
    show(events, ...store.get("events").map((/** @type {any} */ each) => element("li", {},
      element("time", { datetime: new Date(each.time * 1000).toISOString() }, clockWithSeconds(each.time)),
      element("span", {}, each.message))));
  }
  function drawDetails() {
    show(details, ...pairs(store.get("details")));
    keySection.hidden = store.get("authentication") !== "key";
  }
  /** @param {Array<[string, string]>} rows */
  const pairs = (rows) =>
    rows.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value)));

  const listeners = /** @type {Array<[string[], () => void]>} */ ([
    [["state", "words", "traceback", "failure", "gone", "serving", "revision", "began", "offered"], drawState],
    [["endpoint", "docs"], drawAddress],
    [["doing", "told"], drawWork],
    [["figures", "history"], drawFigures],
    [["events"], drawEvents],
    [["details", "authentication"], drawDetails],
    [["log_text"], () => logSection.open && log.draw(store.get("log_text"))],
    [["serving", "reloads"], () => trying.open && requests.refresh()],
    [["serving", "revision", "state"], () => void (revisionSection.open && listRevisions())],
  ]);
  for (const [keys, draw] of listeners) {
    for (const key of keys) ends.push(store.on(key, draw));
    draw();
  }
  ends.push(store.on("beat", () => {
    heard = now();
    drawAge();
  }));
  const timer = setInterval(drawAge, 1000);
  ends.push(() => clearInterval(timer));

  root.classList.add("mlmagic", "mlmagic-card");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", `Service ${name}`);
  root.classList.add(`mlmagic-live-${id}`);
  root.replaceChildren(
    // The static card of the same service in the same output is for when this one cannot be drawn.
    element("style", {}, `.jp-OutputArea:has(.mlmagic-live-${id}) .jp-OutputArea-child:has(.mlmagic-static-${id})`
      + " { display: none; }"),
    element("div", { class: "mlmagic-row mlmagic-head" }, element("strong", { class: "mlmagic-name" }, name), state, age),
    silent, address, message, traceback, question.root, outcome, figures, charts,
    trying, logSection, eventSection, revisionSection, keySection, detailSection);
  // What a start prints is what one waits for.
  if (["Transitioning", "Failed"].includes(store.get("state"))) logSection.open = true;
  return () => ends.forEach((end) => end());
}
