// A profile: its progress, and then what it recommends, a table of what was measured, and charts.

import { button, drawCard, element, show, twinHider } from "./dom.js";
import { barChart, curveChart } from "./plots.js";
import { duration, figure, say } from "./words.js";

/** How much of a row the longest bar takes; its figure stands beside it. */
const BARS_PERCENT = 65;

/** @param {(() => void) | null} cancel how to end a running profile */
export function profileView(cancel) {
  const bar = /** @type {HTMLProgressElement} */ (element("progress", { max: 100, value: 0 }));
  const words = element("span", {});
  const running = element("div", { class: "mlmagic-row", role: "status", hidden: true }, bar, words,
    cancel && button(say("Cancel"), cancel, { "aria-label": say("Cancel the profile") }));
  const result = element("div", { hidden: true });
  const problem = element("div", { class: "mlmagic-message mlmagic-bad", role: "alert" });
  let text = "", isRunning = false;

  return {
    root: element("div", { class: "mlmagic-profile" }, running, problem, result),
    /** @param {number} seconds how long it has been running */
    age(seconds) {
      if (isRunning) show(words, `${text} (${duration(seconds)})`);
    },
    /** @param {any} profile its progress, the profile, or its `error`; an empty object shows nothing */
    draw(profile) {
      isRunning = !!profile.running;
      running.hidden = !isRunning;
      result.hidden = !profile.headline;
      show(problem, profile.error || "");
      if (isRunning) {
        const left = profile.seconds_left >= 1 ? say(", about %1 left", duration(profile.seconds_left)) : "";
        text = `${profile.percent} %, ${profile.words}${left}`;
        bar.value = profile.percent;
        bar.setAttribute("aria-label", say("Profile %1", profile.name));
        show(words, text);
      }
      if (profile.headline) show(result, ...resultOf(profile));
    },
  };
}

/**
 * Draws a profile, as data, into `root`.
 * @param {HTMLElement} root
 * @param {import("./store.js").Store} store
 * @returns {() => void} how to end it
 */
export function profileCard(root, store) {
  const view = profileView(null);
  const draw = () => view.draw(store.get("profile"));
  drawCard(root, say("Profile"), twinHider(root, store.get("twin")), view.root);
  draw();
  return store.on("profile", draw);
}

/** @param {any} profile */
function resultOf(profile) {
  const { latency, curves, capacity, use, goal, goal_ms: goalMs } = profile;
  return [
    element("div", { role: "status", class: "mlmagic-message" }, element("strong", {}, profile.name), ` ${profile.headline}`),
    ...profile.notes.map((/** @type {string} */ note) => element("div", { class: "mlmagic-note" }, note)),
    profile.rows.length > 0 && element("div", { class: "mlmagic-wide", tabindex: 0, role: "group", "aria-label": say("Sizes measured by %1", profile.name) },
      element("table", { class: "mlmagic-table" },
        element("thead", {}, element("tr", {}, ...profile.headings.map((/** @type {string} */ each) => element("th", { scope: "col" }, each)))),
        element("tbody", {}, ...profile.rows.map((/** @type {string[]} */ row) =>
          element("tr", {}, ...row.map((each) => element("td", {}, each))))))),
    element("div", { class: "mlmagic-charts" },
      latency.bars?.length > 0 && barChart({
        title: say("Latency"), unit: "ms", bars: latency.bars, marks: latency.marks,
        note: say("%1, at %2 requests/s", profile.chosen, figure(latency.rate)),
      }),
      curves.some((/** @type {any} */ each) => each.points.length) && curveChart({
        title: say("p99 by throughput"), x: "requests/s", y: "ms", lines: curves, limit: goalMs, limitName: say("goal"),
      }),
      capacity.length > 1 && capacityChart(capacity, goal),
      use.length > 1 && curveChart({
        title: say("CPU in use"), x: "s", y: "cores", limit: null, limitName: "",
        lines: [{ name: profile.chosen, points: use.map((/** @type {number[]} */ [at, cores]) => [at, cores]) }],
      }),
      use.length > 1 && curveChart({
        title: say("Memory in use"), x: "s", y: "MB", limit: null, limitName: "",
        lines: [{ name: profile.chosen, points: use.map((/** @type {number[]} */ [at, , memory]) => [at, memory]) }],
      })),
  ];
}

/**
 * The capacity of each size, as bars of text: their names are too long for an axis.
 * @param {Array<[string, number, boolean]>} rows
 * @param {number | null} goal
 */
function capacityChart(rows, goal) {
  const most = Math.max(...rows.map(([, value]) => value), goal || 0, 1);
  return element("figure", { class: "mlmagic-chart" },
    element("figcaption", {}, element("strong", {}, say("Capacity")),  " requests/s", goal ? say(" (goal %1)", figure(goal)) : ""),
    element("dl", { class: "mlmagic-bars" }, ...rows.map(([name, value, chosen]) => element("div", {},
      element("dt", {}, name),
      element("dd", {},
        element("span", { class: `mlmagic-bar${chosen ? " mlmagic-bar-chosen" : ""}`, style: `width:${((BARS_PERCENT * value) / most).toFixed(1)}%` }),
        element("span", {}, `${figure(value)}${chosen ? say(" (chosen)") : ""}`))))));
}
