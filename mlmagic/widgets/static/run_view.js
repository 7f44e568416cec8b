// A run: its status, metrics, child runs and the end of its log.

import { drawCard, element, pairs, show, twinHider } from "./dom.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

export function runView() {
  const head = element("div", { role: "status" });
  const problem = element("div", { class: "mlmagic-message mlmagic-bad" });
  const metrics = element("dl", { class: "mlmagic-figures", "aria-label": say("Metrics") });
  const children = element("ul", { class: "mlmagic-events", "aria-label": say("Child runs") });
  const log = element("pre", { class: "mlmagic-pre", tabindex: 0, role: "region", "aria-label": say("Log") });
  /** @type {any} */
  let run = {};
  let from = "";

  return {
    root: element("div", {}, head, problem, metrics, children, log),
    isRunning: () => !!run.running,
    /** How long it has been running. @param {number} now */
    age(now) {
      if (run.running) show(head, say("%1 for %2", from, duration(now - run.started)));
    },
    /** @param {any} shown the run, or only its `error` */
    draw(shown) {
      run = shown;
      from = run.id ? say("Run %1 of experiment %2: %3", run.id, run.experiment, run.status) : "";
      show(head, from);
      show(problem, run.error || "");
      show(metrics, ...pairs(run.metrics || []));
      show(children, ...(run.children || []).map((/** @type {[string, string, any]} */ [name, status, progress]) =>
        element("li", {}, element("strong", {}, name), ` ${status} `, ...progressOf(name, progress))));
      log.hidden = !run.log?.length || !!run.error;
      show(log, (run.log || []).join("\n"));
    },
  };
}

/**
 * Draws a run, as data, into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function runCard(root, store, now = () => Date.now() / 1000) {
  const view = runView();
  const draw = () => view.draw(store.get("run"));
  drawCard(root, say("Run"), twinHider(root, store.get("twin")), view.root);
  draw();
  const leave = store.on("run", draw);
  const timer = setInterval(() => view.age(now()), 1000);
  return () => (leave(), clearInterval(timer));
}

/**
 * How far a batch job is, as a bar and in words; nothing for other runs.
 * @param {string} name
 * @param {{done: number, items: number, failed: number, rate: number, seconds_left: number} | Record<string, never>} progress
 */
function progressOf(name, progress) {
  if (!progress?.items) return [];
  const { done, items, failed, rate, seconds_left: left } = progress;
  const words = [say("%1 of %2 items", done, items)];
  if (failed) words.push(say("%1 failed", failed));
  if (rate) words.push(say("%1 per second", rate));
  if (left) words.push(say("about %1 left", duration(left)));
  return [element("progress", { max: items, value: done, "aria-label": say("Progress of %1", name) }), ` ${words.join(", ")}`];
}
