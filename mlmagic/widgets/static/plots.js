// Charts of measurements: bars over a logarithmic axis, and lines over numbers. Each has its figures as text.

import { ticks } from "./chart.js";
import { element, show, svg } from "./dom.js";
import { figure } from "./words.js";

const PLOT_HEIGHT = 150, PLOT_WIDTH = 380, LEAST_PLOT_WIDTH = 140;
const PLOT = { left: 46, right: 10, top: 10, bottom: 30 };
const LABEL_LINE = 13;
const TICK_WIDTH = 34;

/** @param {number} low @param {number} high @returns {number[]} 1, 2, 5, 10, 20 ... from `low` to `high` */
export function logTicks(low, high) {
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const step of [1, 2, 5]) {
      const value = Number((step * power).toPrecision(6));
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  return found;
}

/**
 * @typedef {object} Drawing what a chart shows at some width
 * @property {SVGElement[]} parts
 * @property {(x: number) => string} at what to say of a place in the picture
 */

/**
 * A chart, drawn anew at each width: a caption, a picture with its text alternative, and what the pointer is at.
 * @param {string} title
 * @param {string} unit
 * @param {string} words
 * @param {(width: number) => Drawing} draw
 * @param {Array<Node | string | false>} [legend]
 */
function chart(title, unit, words, draw, legend = []) {
  const picture = svg("svg", { class: "mlmagic-plot", role: "img", height: PLOT_HEIGHT, "aria-label": words });
  const readout = element("div", { class: "mlmagic-readout", "aria-hidden": "true" });
  const root = element("figure", { class: "mlmagic-chart" },
    element("figcaption", {}, element("strong", {}, title), ` ${unit} `, ...legend), picture, readout);
  let width = 0;
  /** @type {Drawing} */
  let drawn;
  /** @param {number} wanted */
  function fit(wanted) {
    if (wanted === width) return;
    width = wanted;
    drawn = draw(width);
    picture.setAttribute("viewBox", `0 0 ${width} ${PLOT_HEIGHT}`);
    picture.setAttribute("width", String(width));
    picture.replaceChildren(...drawn.parts);
  }
  fit(PLOT_WIDTH);
  if (typeof ResizeObserver !== "undefined")
    new ResizeObserver(([entry]) => fit(Math.max(LEAST_PLOT_WIDTH, Math.floor(entry.contentRect.width)))).observe(root);
  picture.addEventListener("pointermove", (event) => {
    show(readout, drawn.at(/** @type {PointerEvent} */ (event).clientX - picture.getBoundingClientRect().left));
  });
  picture.addEventListener("pointerleave", () => show(readout));
  return root;
}

/** @param {number} value a share of the height @param {number} [top] */
const high = (value, top = PLOT.top) => top + (1 - value) * (PLOT_HEIGHT - top - PLOT.bottom);
/** @param {number} value a share of the width @param {number} width */
const wide = (value, width) => PLOT.left + value * (width - PLOT.left - PLOT.right);

/** @param {number[]} marks @param {(value: number) => number} y @param {number} width */
function gridLines(marks, y, width) {
  return marks.flatMap((mark) => [
    svg("line", { class: "mlmagic-grid", x1: PLOT.left, x2: width - PLOT.right, y1: y(mark), y2: y(mark) }),
    svg("text", { x: PLOT.left - 6, y: y(mark) + 3.5, "text-anchor": "end" }, figure(mark)),
  ]);
}

/** @param {number[]} marks @param {(value: number) => number} x @param {string} unit @param {number} width */
function axis(marks, x, unit, width) {
  const line = PLOT_HEIGHT - PLOT.bottom + 12;
  /** @type {number[]} */
  const shown = [];
  for (const mark of marks) {
    const needed = Math.max(TICK_WIDTH, 7 * figure(mark).length + 6);
    if (!shown.length || x(mark) - x(shown[shown.length - 1]) >= needed) shown.push(mark);
  }
  return [
    ...shown.map((mark) => {
      const isLast = x(mark) > width - PLOT.right - 12; // in the middle, half of it would be cut off
      return svg("text", { x: isLast ? width - 1 : x(mark), y: line, "text-anchor": isLast ? "end" : "middle" }, figure(mark));
    }),
    svg("text", { x: width - PLOT.right, y: PLOT_HEIGHT - 4, "text-anchor": "end" }, unit),
  ];
}

/**
 * How many answers took how long, over a logarithmic axis, with the percentiles as lines.
 * @param {{title: string, unit: string, bars: Array<[number, number]>, marks: Array<[string, number]>, note: string}} data
 *   `bars` are the upper bound of each and its count
 */
export function barChart({ title, unit, bars, marks, note }) {
  const ratio = bars.length > 1 ? bars[1][0] / bars[0][0] : 1.1;
  const low = Math.min(bars[0][0] / ratio, ...marks.map(([, value]) => value));
  const most = Math.max(bars[bars.length - 1][0], ...marks.map(([, value]) => value)) * 1.02;
  const counts = ticks(Math.max(...bars.map(([, count]) => count)));
  const labels = marks.map(([name, value]) => `${name} ${figure(value)} ${unit}`);
  // The names of the percentiles stand above the bars, each on a line of its own.
  const top = PLOT.top + LABEL_LINE * marks.length;
  const y = (/** @type {number} */ value) => high(value / counts[counts.length - 1], top);
  return chart(title, note, `${title}, ${note}: ${labels.join(", ")}`, (width) => {
    const x = (/** @type {number} */ value) => wide(Math.log(Math.max(value, low) / low) / Math.log(most / low), width);
    const isRight = (/** @type {number} */ value) => x(value) > width / 2;
    return {
      parts: [
        ...gridLines(counts, y, width),
        ...axis(logTicks(low, most), x, unit, width),
        ...bars.map(([bound, count]) => svg("rect", {
          class: "mlmagic-column", x: x(bound / ratio), y: y(count), width: Math.max(1, x(bound) - x(bound / ratio) - 0.5), height: y(0) - y(count),
        })),
        ...marks.flatMap(([, value], number) => {
          const line = PLOT.top + LABEL_LINE * number;
          return [
            svg("line", { class: "mlmagic-line mlmagic-line-1", x1: x(value), x2: x(value), y1: line - 4, y2: y(0) }),
            svg("text", { x: x(value) + (isRight(value) ? -5 : 5), y: line + 5, "text-anchor": isRight(value) ? "end" : "start" }, labels[number]),
          ];
        }),
      ],
      at(place) {
        const bar = bars.find(([bound]) => x(bound) >= place);
        return bar ? `up to ${figure(bar[0])} ${unit}: ${figure(bar[1])} answers` : "";
      },
    };
  });
}

/**
 * Lines over numbers.
 * @param {{title: string, x: string, y: string, lines: Array<{name: string, points: number[][]}>, limit: number | null, limitName: string}} data
 */
export function curveChart({ title, x: xUnit, y: yUnit, lines, limit, limitName }) {
  const all = lines.flatMap(({ points }) => points);
  const right = ticks(Math.max(...all.map(([value]) => value)), 5), up = ticks(Math.max(...all.map(([, value]) => value), limit || 0));
  const y = (/** @type {number} */ value) => high(value / up[up.length - 1]);
  const said = lines.filter(({ points }) => points.length).map(({ name, points }) => {
    const [lastX, lastY] = points[points.length - 1];
    return `${name} ${figure(lastY)} ${yUnit} at ${figure(lastX)} ${xUnit}`;
  });
  const dots = all.length <= 40;
  const legend = lines.map(({ name }, number) => element("span", { class: `mlmagic-key mlmagic-key-${number % 4}` }, name));
  return chart(title, yUnit, `${title}: ${said.join("; ")}`, (width) => {
    const x = (/** @type {number} */ value) => wide(value / right[right.length - 1], width);
    return {
      parts: [
        ...gridLines(up, y, width),
        ...axis(right, x, xUnit, width),
        ...(limit ? [
          svg("line", { class: "mlmagic-pointer", "stroke-dasharray": "2 3", x1: PLOT.left, x2: width - PLOT.right, y1: y(limit), y2: y(limit) }),
          svg("text", { x: width - PLOT.right, y: y(limit) - 3, "text-anchor": "end" }, `${limitName} ${figure(limit)} ${yUnit}`),
        ] : []),
        ...lines.flatMap(({ points }, number) => [
          svg("path", {
            class: `mlmagic-line mlmagic-line-${number % 4}`,
            d: points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(""),
          }),
          ...(dots ? points.map(([a, b]) => svg("circle", { class: `mlmagic-dot-${number % 4}`, cx: x(a), cy: y(b), r: 2.5 })) : []),
        ]),
      ],
      at(place) {
        let best = "", distance = Infinity;
        for (const { name, points } of lines)
          for (const [a, b] of points)
            if (Math.abs(x(a) - place) < distance) {
              distance = Math.abs(x(a) - place);
              best = `${name}: ${figure(b)} ${yUnit} at ${figure(a)} ${xUnit}`;
            }
        return best;
      },
    };
  }, lines.length > 1 ? legend : []);
}
