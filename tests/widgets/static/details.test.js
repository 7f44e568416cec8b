import { afterEach, expect, it, vi } from "vitest";
import { batchCard } from "../../../mlmagic/widgets/static/batch_view.js";
import { profileCard } from "../../../mlmagic/widgets/static/profile_view.js";
import { profilesGrid } from "../../../mlmagic/widgets/static/profiles_grid.js";
import { logTicks } from "../../../mlmagic/widgets/static/plots.js";
import { runCard } from "../../../mlmagic/widgets/static/run_view.js";
import { runsGrid } from "../../../mlmagic/widgets/static/runs_grid.js";
import { fakeStore, HOSTILE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
  vi.useRealTimers();
});
const settled = () => new Promise((resolve) => setTimeout(resolve));
function drawn(component, values, answers = {}) {
  const store = fakeStore({ workspace_name: "team", beat: 5000, ...values }, answers);
  const root = document.createElement("div");
  document.body.append(root);
  ended.push(component(root, store, () => 5000));
  return { root, store };
}
const PROFILE_ROW = {
  id: "p", name: "p", state: "Running", words: "0.5 cores: loading", models: "wine:1", recommended: "", capacity: ["–", null], p99: ["–", null], created: 4000,
};
const RESULT = {
  name: "p", running: false, headline: "1 core recommended.", notes: [], headings: [], rows: [], chosen: "", goal: null, goal_ms: null,
  latency: {}, curves: [], capacity: [], use: [],
};
const RUN_ROW = { id: "abc123", name: "wine abc123", experiment: "wine", status: "Running", metrics: "auc 0.9", started: 4990 };
const RUN = {
  id: "abc123", experiment: "wine", status: "Running", running: true, started: 4990, error: "", metrics: [["auc", "0.9"]],
  children: [["train", "Completed", {}], ["batch", "Running", { done: 24, items: 60, failed: 2, rate: 4, seconds_left: 9 }]], log: [HOSTILE],
};

it("opens a profile in place, and reads it again when it has ended", async () => {
  const { root, store } = drawn(profilesGrid, { rows: [PROFILE_ROW] }, { details: () => RESULT });
  root.querySelector("tbody button").click();
  await settled();
  expect(root.textContent).toContain("1 core recommended.");
  store.set("rows", [PROFILE_ROW]);
  store.set("rows", [{ ...PROFILE_ROW, state: "Succeeded" }]);
  await settled();
  expect(store.calls.length).toBe(2);
});

it("says what fills an empty table", () => {
  expect(drawn(profilesGrid, { rows: [] }).root.textContent).toContain("%profile MODEL -d DATASET");
  expect(drawn(runsGrid, { rows: [] }).root.textContent).toContain("submit(config)");
});

it("opens a run in place, and follows it while it is running", async () => {
  let run = RUN;
  const { root, store } = drawn(runsGrid, { rows: [RUN_ROW] }, { details: () => run });
  root.querySelector("tbody button").click();
  await settled();
  expect(root.querySelector("[aria-label='Log']").textContent).toBe(HOSTILE);
  expect(root.querySelector("script, img")).toBe(null);
  expect(root.querySelector("[aria-label='Child runs']").textContent).toBe("train Completed batch Running  24 of 60 items, 2 failed, 4 per second, about 9 s left");
  expect(root.querySelector("progress[aria-label='Progress of batch']").value).toBe(24);
  run = { ...RUN, status: "Failed", running: false, error: "it broke" };
  store.set("rows", [{ ...RUN_ROW, status: "Failed" }]);
  await settled();
  expect(root.textContent).toContain("it broke");
  store.set("rows", [{ ...RUN_ROW, status: "Failed" }]);
  expect(store.calls.length).toBe(2);
});

it("draws a batch job, and each change of it", () => {
  const job = {
    name: "prices", headline: "◌ Running: prices:1 over rows.csv", running: true, items: 60, done: 24,
    figures: [["Done", "24 of 60"]], seconds_left: 90, dashboard: "http://127.0.0.1:8787/status", error: "",
  };
  const { root, store } = drawn(batchCard, { job });
  expect(root.textContent).toContain("prices ◌ Running: prices:1 over rows.csv");
  expect(root.querySelector("progress[aria-label='Progress of prices']").value).toBe(24);
  expect(root.querySelector("dl").textContent).toBe("Done24 of 60Time left1 min");
  expect(root.querySelector("a").href).toBe("http://127.0.0.1:8787/status");
  store.set("job", { ...job, running: false, seconds_left: null, dashboard: "", error: HOSTILE });
  expect(root.querySelector("progress").hidden).toBe(true);
  expect(root.querySelector("a").hidden).toBe(true);
  expect(root.querySelector("[role='alert']").textContent).toBe(HOSTILE);
  expect(root.querySelector("script, img")).toBe(null);
});

it("draws a run and a profile from their data, and each change of it", () => {
  vi.useFakeTimers();
  const run = drawn(runCard, { run: RUN });
  vi.advanceTimersByTime(1000);
  expect(run.root.textContent).toContain("Run abc123 of experiment wine: Running for 10 s");
  run.store.set("run", { ...RUN, status: "Completed", running: false });
  expect(run.root.textContent).toContain("Completed");
  const profile = drawn(profileCard, { profile: { name: "p", running: true, percent: 5, words: "loading", seconds_left: 90 } });
  expect(profile.root.textContent).toContain("5 %, loading, about 1 min left");
  expect(profile.root.querySelector("button")).toBe(null);
  profile.store.set("profile", RESULT);
  expect(profile.root.textContent).toContain("1 core recommended.");
});

it("marks a logarithmic axis with 1, 2 and 5", () => {
  expect(logTicks(0.4, 12)).toEqual([0.5, 1, 2, 5, 10]);
});
