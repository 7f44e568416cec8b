import { describe, expect, it } from "vitest";
import { alone, lineChart, linePath, nearest, summary, ticks } from "../../../mlmagic/widgets/static/chart.js";

describe("the steps of an axis", () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 0.5, 1]],
    [0.9, [0, 0.5, 1]],
    [7, [0, 2.5, 5, 7.5]],
    [30, [0, 10, 20, 30]],
    [31, [0, 20, 40]],
    [1234, [0, 500, 1000, 1500]],
    [0.03, [0, 0.01, 0.02, 0.03]],
  ])("up to %s", (most, expected) => expect(ticks(most)).toEqual(expected));
});

describe("the path of a line", () => {
  const same = (value) => value;
  it("connects neighbours", () => expect(linePath([0, 5, 10], [1, 2, 3], same, same)).toBe("M0.0,1.0L5.0,2.0L10.0,3.0"));
  it("is broken where a value is missing and where the times are far apart", () => {
    expect(linePath([0, 5, 10, 15], [1, null, 3, 4], same, same)).toBe("M0.0,1.0L10.0,3.0L15.0,4.0");
    expect(linePath([0, 5, 10, 90], [1, 2, 3, 4], same, same)).toContain("M90.0,4.0");
  });
  it("has points of its own", () => {
    expect(alone("M0,1L5,2M90,4M95,3")).toEqual([["90", "4"], ["95", "3"]]);
    expect(alone("")).toEqual([]);
  });
  it("is empty without points", () => expect(linePath([], [], same, same)).toBe(""));
});

it("finds the nearest time", () => {
  expect(nearest([0, 10, 20], 14)).toBe(1);
  expect(nearest([], 14)).toBe(-1);
});

it("says in words what it shows", () => {
  const data = { times: [0, 60], lines: [{ name: "p50", values: [1, 2] }, { name: "p99", values: [null, null] }] };
  expect(summary("Latency", "ms", data)).toMatch(/^Latency \(ms\), \d\d:\d\d to \d\d:\d\d: p50 2 now, at most 2; p99 unknown$/);
  expect(summary("Latency", "ms", { times: [], lines: [] })).toBe("Latency: no data yet");
});

it("is drawn with axis, unit, legend, and the value under the pointer", () => {
  const chart = lineChart({ title: "Traffic", unit: "requests/s", span: 900 });
  document.body.append(chart.root);
  chart.draw({ times: [100, 105, 110], lines: [{ name: "requests", values: [1, 2, 30] }, { name: "errors", values: [0, 0, 0] }] }, 110);
  const picture = chart.root.querySelector("svg");
  expect([...picture.querySelectorAll("text")].map((each) => each.textContent)).toEqual(
    ["0", "10", "20", "30", "−15 min", "−5 min", "now"]);
  expect(picture.getAttribute("aria-label")).toContain("requests 30 now, at most 30; errors 0 now");
  expect(chart.root.querySelectorAll(".mlmagic-key").length).toBe(2);
  picture.dispatchEvent(new MouseEvent("pointermove", { clientX: 10000 }));
  expect(chart.root.querySelector(".mlmagic-readout").textContent).toContain("requests 30 requests/s");
  picture.dispatchEvent(new MouseEvent("pointerleave"));
  expect(chart.root.querySelector(".mlmagic-readout").textContent).toBe("");
  chart.close();
});
