// The metrics of a service, and charts of its last 15 minutes.

import { lineChart } from "./chart.js";
import { element, pairs, show } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

const SPAN_SECONDS = 15 * 60;

/** @param {Store} store */
export function serviceFigures(store) {
  const name = store.get("name");
  const figures = element("dl", { class: "mlmagic-figures", "aria-label": say("Metrics of %1", name) });
  const traffic = lineChart({ title: say("Traffic"), unit: "requests/s", span: SPAN_SECONDS });
  const latency = lineChart({ title: say("Latency"), unit: "ms", span: SPAN_SECONDS });
  const charts = element("div", { class: "mlmagic-charts" }, traffic.root, latency.root);

  function draw() {
    show(figures, ...pairs(store.get("figures")));
    const history = /** @type {Array<[number, number | null, number | null, number | null, number | null]>} */ (
      store.get("history"));
    charts.hidden = history.length < 2;
    if (charts.hidden) return;
    const times = history.map(([time]) => time);
    const end = Math.max(times[times.length - 1], store.get("beat"));
    const column = (/** @type {number} */ at) => history.map((point) => point[at]);
    traffic.draw({ times, lines: [
      { name: say("requests"), values: column(1) }, { name: say("errors"), values: column(4) }] }, end);
    latency.draw({ times, lines: [{ name: "p50", values: column(2) }, { name: "p99", values: column(3) }] }, end);
  }

  return {
    root: element("div", {}, figures, charts),
    draw,
    close: () => (traffic.close(), latency.close()),
  };
}
