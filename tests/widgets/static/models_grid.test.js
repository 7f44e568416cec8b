import { afterEach, expect, it } from "vitest";
import { sortedRows } from "../../../mlmagic/widgets/static/grid.js";
import { MODELS, modelsGrid } from "../../../mlmagic/widgets/static/models_grid.js";
import { fakeStore, HOSTILE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});

function version(model, number, values = {}) {
  return {
    id: `${model}:${number}`, name: `${model}:${number}`, model, version: number, framework: "", tags: [], size: ["1 kB", 1000],
    registered: 4000, users: "", ...values,
  };
}
const ROWS = [version("wine", 10), version("wine", 2, { tags: [["area", "shop"]], users: "wine-svc" }), version("iris", 1)];
const DETAILS = { pairs: [["Python", "3.11"]], files: [["model.pkl", "1 kB"]], more_files: 0 };

function grid(answers = {}) {
  const store = fakeStore({ workspace_name: "team", rows: ROWS, beat: 5000 }, { details: () => DETAILS, ...answers });
  const root = document.createElement("div");
  document.body.append(root);
  ended.push(modelsGrid(root, store, () => 5000));
  return { store, root };
}
const named = (root, label) => root.querySelector(`[aria-label="${label}"]`);
const press = (root, text) => [...root.querySelectorAll("button")].find((each) => each.textContent === text).click();
const settled = () => new Promise((resolve) => setTimeout(resolve));

it("sorts versions as numbers", () => {
  const ids = sortedRows(ROWS, MODELS.columns, { key: "name", down: true }).map((row) => row.id);
  expect(ids).toEqual(["wine:10", "wine:2", "iris:1"]);
});

it("filters by model and by words", () => {
  const { root } = grid();
  const choice = named(root, "Model");
  expect([...choice.options].map((each) => each.textContent)).toEqual(["All models", "iris", "wine"]);
  choice.value = "wine";
  choice.dispatchEvent(new Event("change"));
  const search = named(root, "Filter the model versions");
  search.value = "shop";
  search.dispatchEvent(new Event("input"));
  expect(root.textContent).toContain("1 of 3 model versions");
});

it("opens a version: what is known, a line to copy, its tags", async () => {
  const sent = [];
  const { root, store } = grid({ add_tag: (values) => void sent.push(values), remove_tag: (values) => void sent.push(values) });
  press(root, "wine:2");
  await settled();
  const opened = root.querySelector(".mlmagic-version");
  expect(opened.textContent).toContain("%deploy NAME -m wine:2");
  expect(named(root, "Files of wine:2").textContent).toBe("model.pkl 1 kB");
  named(root, "New tag of wine:2").value = "stage=prod";
  named(root, "Add the tag to wine:2").click();
  named(root, "Remove the tag area=shop of wine:2").click();
  await settled();
  expect(sent).toEqual([{ model: "wine:2", tag: "stage=prod" }, { model: "wine:2", tag: "area=shop" }]);
  store.set("rows", [version("wine", 2, { tags: [["note", HOSTILE]] })]);
  expect(named(root, "Tags of wine:2").textContent).toContain(HOSTILE);
  expect(root.querySelector("script, img")).toBe(null);
});

it("says what was refused", async () => {
  const { root } = grid({ add_tag: () => { throw new Error("tag must be KEY=VALUE"); } });
  press(root, "wine:2");
  await settled();
  const input = named(root, "New tag of wine:2");
  input.value = "x";
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  await settled();
  expect(root.querySelector(".mlmagic-version .mlmagic-bad").textContent).toBe("tag must be KEY=VALUE");
  expect(input.value).toBe("x");
});
