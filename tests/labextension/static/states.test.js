import { expect, it } from "vitest";
import { summary, turnedWorse } from "../../../labextension/src/states";

const trans = {
  __: (text, ...values) => text.replace(/%(\d)/g, (_, at) => values[at - 1]),
  _n: (one, more, count) => (count === 1 ? one : more).replace("%1", count),
};
const row = (state, name = "wine") => ({ id: name, name, state, words: "" });

it.each([
  [["Healthy", "Unhealthy"], [0, 1]],
  [["Healthy", "Unhealthy", "Unhealthy", "Failed"], [0, 1, 0, 1]],
  [["Healthy", "Transitioning", "Failed"], [0, 0, 1]],
  [["Unhealthy", "Healthy", "Unhealthy"], [0, 0, 1]],
  [["Transitioning", "Failed"], [0, 0]],
  [["Healthy", "Stopped", "Transitioning", "Healthy"], [0, 0, 0, 0]],
])("%j turns worse", (states, told) => {
  const settled = new Map();
  expect(states.map((state) => turnedWorse(settled, [row(state)]).length)).toEqual(told);
});

it.each([
  [[], ""],
  [["Healthy"], "mlmagic: 1 of 1 healthy"],
  [["Healthy", "Failed", "Stopped"], "mlmagic: 1 of 3 healthy, 1 needs attention"],
  [["Unhealthy", "Failed"], "mlmagic: 0 of 2 healthy, 2 need attention"],
])("%j in a line", (states, text) => {
  expect(summary(states.map((state, at) => row(state, String(at))), trans)).toBe(text);
});
