import { afterEach, expect, it } from "vitest";
import { matchingRows, sortedRows } from "../../../mlmagic/widgets/static/grid.js";
import { SERVICES, servicesGrid } from "../../../mlmagic/widgets/static/services_grid.js";
import { fakeStore, HOSTILE, SERVICE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});

function row(name, values = {}) {
  return {
    name, id: `id-${name}`, state: "Healthy", words: "", alerts: [], endpoint: "", models: `${name}:1`, target: "local", changed: 4000,
    traffic: ["–", null], latency: ["–", null], errors: ["–", null], cpu: ["–", null], memory: ["–", null], ...values,
  };
}
const ROWS = [
  row("wine", { traffic: ["9/s", 9] }),
  row("iris", { traffic: ["10/s", 10], state: "Failed", words: "ValueError: no" }),
  row("cars"),
];

function grid(rows = ROWS) {
  const store = fakeStore({ workspace_name: "team", rows, beat: 5000 });
  const children = [];
  store.child = async (values) => {
    const child = { ...fakeStore({ ...SERVICE, name: values.service, id: values.id }), closed: 0, close: () => child.closed++ };
    children.push(child);
    return child;
  };
  const root = document.createElement("div");
  document.body.append(root);
  const time = { now: 5000 };
  ended.push(servicesGrid(root, store, () => time.now));
  return { store, root, time, children };
}
const names = (root) => [...root.querySelectorAll("tbody > tr > th")].map((each) => each.textContent);
const press = (root, text) => [...root.querySelectorAll("button")].find((each) => each.textContent === text).click();
const settled = () => new Promise((resolve) => setTimeout(resolve));

it.each([
  ["name", false, ["cars", "iris", "wine"]],
  ["name", true, ["wine", "iris", "cars"]],
  ["traffic", false, ["wine", "iris", "cars"]],
  ["traffic", true, ["iris", "wine", "cars"]],
])("sorts by %s, unknown values last", (key, down, wanted) => {
  expect(sortedRows(ROWS, SERVICES.columns, { key, down }).map((each) => each.name)).toEqual(wanted);
});

it.each([
  ["", "", 3],
  ["WINE", "", 1],
  ["valueerror", "", 1],
  ["", "Failed", 1],
  ["wine", "Failed", 0],
])("filters by %j and %j", (search, state, found) => {
  expect(matchingRows(ROWS, SERVICES, { search, choice: state }).length).toBe(found);
});

it("says what would fill it", () => {
  const { root, store } = grid([]);
  expect(root.textContent).toContain("%deploy NAME -m MODEL");
  expect(root.querySelector("table").hidden).toBe(true);
  store.set("rows", ROWS);
  expect(root.querySelector("table").hidden).toBe(false);
  expect(root.textContent).not.toContain("No services yet");
  expect(root.querySelector("[role=status].mlmagic-note").textContent).toBe("3 services");
});

it("sorts by a press on a heading, and says so", () => {
  const { root } = grid();
  press(root, "Traffic");
  press(root, "Traffic");
  expect(names(root)).toEqual(["iris", "wine", "cars"]);
  expect(root.querySelector("[aria-sort]").textContent).toBe("Traffic");
  expect(root.querySelector("[aria-sort]").getAttribute("aria-sort")).toBe("descending");
});

it("goes from row to row by arrow keys", () => {
  const { root } = grid();
  const [first, second] = root.querySelectorAll("tbody > tr > th > button");
  first.focus();
  first.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  expect(document.activeElement).toBe(second);
});

it("opens a card in place, which stays while the rows change, and is closed with its row", async () => {
  const { root, store, children } = grid();
  press(root, "iris");
  await settled();
  const card = root.querySelector("[aria-label='Service iris']");
  expect(card.closest("tr").previousElementSibling.textContent).toContain("iris");
  store.set("rows", [row("also"), ...ROWS]);
  expect(root.querySelector("[aria-label='Service iris']")).toBe(card);
  expect(names(root)).toEqual(["also", "cars", "iris", "wine"]);
  store.set("rows", [row("wine")]);
  expect(root.querySelector("[aria-label='Service iris']")).toBe(null);
  expect(children[0].closed).toBe(1);
});

it("closes a card that is opened too late", async () => {
  const { root, children } = grid();
  press(root, "iris");
  press(root, "iris");
  await settled();
  expect(children[0].closed).toBe(1);
  expect(root.querySelector(".mlmagic-detail")).toBe(null);
});

it("says how long ago, also when nothing else changes", () => {
  const { root, time, store } = grid([row("wine", { changed: 4990 })]);
  expect(root.textContent).toContain("10 s ago");
  time.now += 5;
  store.set("beat", 5005);
  expect(root.textContent).toContain("15 s ago");
});

it("says that it is not connected", async () => {
  const { root, time, store } = grid();
  time.now += 20;
  await expect.poll(() => root.querySelector(".mlmagic-silent").textContent, { timeout: 5000 }).toContain("Not connected");
  store.set("beat", 5020);
  expect(root.querySelector(".mlmagic-silent").textContent).toBe("");
});

it("marks a service whose alert fires, and finds it by the rule's name", () => {
  const { root } = grid([row("wine", { alerts: ["slow"] }), row("iris")]);
  expect([...root.querySelectorAll(".mlmagic-alert")].map((each) => each.textContent)).toEqual(["▲ slow"]);
  const rows = [row("wine", { alerts: ["slow"] }), row("iris")];
  expect(matchingRows(rows, SERVICES, { search: "slow", choice: "" }).map((each) => each.name)).toEqual(["wine"]);
});

it("shows text as text", () => {
  const { root } = grid([row("wine", { state: "Failed", words: HOSTILE })]);
  expect(root.querySelector("script, img")).toBe(null);
  expect(root.textContent).toContain(HOSTILE);
});
