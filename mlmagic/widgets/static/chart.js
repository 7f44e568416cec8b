// A small line chart over time: axis, unit, grid, the values under the pointer, and a text alternative.

import { element, show, svg } from "./dom.js";
import { clock, clockWithSeconds, figure, say } from "./words.js";

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {Array<number | null>} values one for each time; null where there is none
 */
/**
 * @typedef {object} Data
 * @property {number[]} times seconds since the epoch, rising
 * @property {Line[]} lines
 */

const HEIGHT = 96;
const LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 18;
const LEAST_WIDTH = 160;
const GAP_FACTOR = 3.5;

/**
 * Round steps from 0 to at least `most`: 0, 0.5, 1 or 0, 20, 40, 60.
 * @param {number} most
 * @param {number} [count] how many steps there may be
 * @returns {number[]}
 */
export function ticks(most, count = 3) {
  if (!(most > 0)) return [0, 1];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (/** @type {number} */ ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999))) * power;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, number) => Number((number * step).toPrecision(12)));
}

/**
 * The path of a line; it is broken where a value is missing, and where the times are far apart.
 * @param {number[]} times
 * @param {Array<number | null>} values
 * @param {(time: number) => number} x
 * @param {(value: number) => number} y
 * @returns {string}
 */
export function linePath(times, values, x, y) {
  const usual = median(times.slice(1).map((time, i) => time - times[i]));
  let path = "", before = -Infinity;
  times.forEach((time, i) => {
    const value = values[i];
    if (value === null || value === undefined) return;
    const goesOn = time - before <= usual * GAP_FACTOR;
    path += `${goesOn ? "L" : "M"}${x(time).toFixed(1)},${y(value).toFixed(1)}`;
    before = time;
  });
  return path;
}

/**
 * The points of a path that no line leads to or from: they are drawn as dots.
 * @param {string} path
 * @returns {string[][]}
 */
export function alone(path) {
  return path.split("M").filter((part) => part && !part.includes("L")).map((part) => part.split(","));
}

/** @param {number[]} values */
function median(values) {
  return values.length ? [...values].sort((a, b) => a - b)[values.length >> 1] : 0;
}

/**
 * The chart in words.
 * @param {string} title
 * @param {string} unit
 * @param {Data} data
 */
export function summary(title, unit, { times, lines }) {
  if (!times.length) return say("%1: no data yet", title);
  const parts = lines.map(({ name, values }) => {
    const known = /** @type {number[]} */ (values.filter((value) => value !== null && value !== undefined));
    if (!known.length) return say("%1 unknown", name);
    const now = values[values.length - 1];
    return say("%1 %2 now, at most %3", name, now === null || now === undefined ? say("unknown") : figure(now), figure(Math.max(...known)));
  });
  return say("%1 (%2), %3 to %4: %5", title, unit, clock(times[0]), clock(times[times.length - 1]), parts.join("; "));
}

/**
 * A chart; `draw` gives it other data, `close` ends it.
 * @param {{title: string, unit: string, span: number}} options `span` is the time that it covers, in seconds
 */
export function lineChart({ title, unit, span }) {
  const legend = element("span", { class: "mlmagic-legend" });
  const picture = svg("svg", { class: "mlmagic-plot", role: "img", height: HEIGHT });
  const readout = element("div", { class: "mlmagic-readout", "aria-hidden": "true" });
  const root = element("figure", { class: "mlmagic-chart" },
    element("figcaption", {}, element("strong", {}, title), ` ${unit} `, legend), picture, readout);
  /** @type {Data} */
  let data = { times: [], lines: [] };
  let width = 320, ends = 0, marks = [0, 1];

  const x = (/** @type {number} */ time) => LEFT + ((time - (ends - span)) / span) * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ value) =>
    TOP + (1 - value / marks[marks.length - 1]) * (HEIGHT - TOP - BOTTOM);

  function redraw() {
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("width", String(width));
    picture.setAttribute("aria-label", summary(title, unit, data));
    const known = data.lines.flatMap(({ values }) => values).filter((value) => value !== null);
    marks = ticks(Math.max(0, .../** @type {number[]} */ (known)));
    const minutes = width < 260 ? [span] : width < 400 ? [span, span / 3] : [span, (2 * span) / 3, span / 3];
    picture.replaceChildren(
      ...marks.flatMap((mark) => [
        svg("line", { class: "mlmagic-grid", x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark) }),
        svg("text", { x: LEFT - 6, y: y(mark) + 3.5, "text-anchor": "end" }, figure(mark)),
      ]),
      ...minutes.map((ago) =>
        svg("text", { x: x(ends - ago), y: HEIGHT - 4, "text-anchor": ago === span ? "start" : "middle" },
          `−${Math.round(ago / 60)} min`)),
      svg("text", { x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, say("now")),
      ...data.lines.flatMap(({ values }, number) => {
        const path = linePath(data.times, values, x, y);
        return [svg("path", { class: `mlmagic-line mlmagic-line-${number}`, d: path }),
          ...alone(path).map(([cx, cy]) => svg("circle", { class: `mlmagic-dot mlmagic-dot-${number}`, cx, cy, r: 2.5 }))];
      }),
      svg("line", { class: "mlmagic-pointer", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" }),
    );
    show(legend, ...data.lines.map(({ name }, number) =>
      element("span", { class: `mlmagic-key mlmagic-key-${number}` }, name)));
  }

  /** @param {PointerEvent | MouseEvent} event */
  function point(event) {
    const within = picture.getBoundingClientRect();
    const time = ends - span + ((event.clientX - within.left - LEFT) / (width - LEFT - RIGHT)) * span;
    const at = nearest(data.times, time);
    const pointer = picture.querySelector(".mlmagic-pointer");
    if (at < 0 || !pointer) return;
    const place = x(data.times[at]);
    pointer.setAttribute("x1", String(place));
    pointer.setAttribute("x2", String(place));
    pointer.setAttribute("visibility", "visible");
    const values = data.lines.map(({ name, values }) => `${name} ${figure(values[at] ?? NaN)} ${unit}`);
    show(readout, `${clockWithSeconds(data.times[at])}  ${values.join("  ")}`);
  }
  function unpoint() {
    picture.querySelector(".mlmagic-pointer")?.setAttribute("visibility", "hidden");
    show(readout);
  }
  picture.addEventListener("pointermove", (event) => point(/** @type {PointerEvent} */ (event)));
  picture.addEventListener("pointerleave", unpoint);

  const sizes = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(([entry]) => {
    const found = Math.max(LEAST_WIDTH, Math.floor(entry.contentRect.width));
    if (found !== width) {
      width = found;
      redraw();
    }
  });
  sizes?.observe(root);

  return {
    root,
    /** @param {Data} shown @param {number} now seconds since the epoch */
    draw(shown, now) {
      data = shown;
      ends = now;
      redraw();
    },
    close: () => sizes?.disconnect(),
  };
}

/**
 * Which of the rising `times` is nearest to `time`; -1 of none.
 * @param {number[]} times
 * @param {number} time
 */
export function nearest(times, time) {
  let best = -1;
  times.forEach((each, i) => {
    if (best < 0 || Math.abs(each - time) < Math.abs(times[best] - time)) best = i;
  });
  return best;
}
