import { afterEach, expect, it } from "vitest";
import { runsGrid } from "../../../mlmagic/widgets/static/runs_grid.js";
import { say, translateWith } from "../../../mlmagic/widgets/static/words.js";
import { fakeStore } from "./fake_store.js";

afterEach(() => translateWith((text) => text));

it("fills in the values after the translation, which may put them elsewhere", () => {
  expect(say("%1 of %2", 3, "10 runs")).toBe("3 of 10 runs");
  translateWith((text) => ({ "%1 of %2": "de %2, %1" })[text] || text);
  expect(say("%1 of %2", 3, "10 %1")).toBe("de 10 %1, 3");
  expect(say("100 %")).toBe("100 %");
  expect(say("%1 and %3", "a")).toBe("a and %3");
});

it("draws a table in the reader's language", () => {
  translateWith((text) => `<${text}>`);
  const root = document.createElement("div");
  const end = runsGrid(root, fakeStore({ rows: [], beat: 1, workspace_name: "w" }), () => 1);
  end();
  expect(root.textContent).toContain("<No runs. Start one in a cell:>");
  expect(root.textContent).toContain("<Status>");
  expect(root.querySelector("input").getAttribute("placeholder")).toBe("<Filter>");
});
