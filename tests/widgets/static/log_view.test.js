import { expect, it } from "vitest";
import { entries, filtered, logView } from "../../../mlmagic/widgets/static/log_view.js";
import { HOSTILE } from "./fake_store.js";

const LOG = [
  "starting",
  "[a1b2c3d4-e5f6] run() failed:",
  "[a1b2c3d4-e5f6] Traceback (most recent call last):",
  '[a1b2c3d4-e5f6]   File "score.py", line 3, in run',
  "[a1b2c3d4-e5f6] KeyError: 'x'",
  "[ffff0000-0000] 200 in 1.2 ms",
  "UserWarning: old",
].join("\n");

it("tells levels and requests", () => {
  expect(entries(LOG).map(({ level, request }) => [level, request.slice(0, 4)])).toEqual(
    [[1, ""], [3, "a1b2"], [3, "a1b2"], [3, "a1b2"], [3, "a1b2"], [1, "ffff"], [2, ""]]);
  expect(entries("")).toEqual([]);
});

it.each([
  [{ search: "keyerror" }, 1],
  [{ level: 3 }, 4],
  [{ level: 2 }, 5],
  [{ request: "ffff0000-0000" }, 1],
  [{ search: "a1b2c3d4" }, 4],
  [{ search: "none" }, 0],
])("filters by %j", (wanted, count) => {
  const all = { search: "", level: 1, request: "", ...wanted };
  expect(filtered(entries(LOG), all).length).toBe(count);
});

it("shows one request when its id is pressed, and all again", () => {
  const view = logView("wine");
  document.body.append(view.root);
  view.draw(LOG);
  const lines = view.root.querySelector("[role=log]");
  expect(lines.children.length).toBe(7);
  lines.querySelector("[aria-label='Show only request ffff0000-0000']").click();
  expect(lines.textContent).toBe("ffff0000200 in 1.2 ms");
  view.root.querySelector("[aria-label^='Show all requests']").click();
  expect(lines.children.length).toBe(7);
});

it("says why it is empty, and shows text as text", () => {
  const view = logView("wine");
  view.draw("");
  const lines = view.root.querySelector("[role=log]");
  expect(lines.textContent).toBe("The log is empty.");
  view.draw(HOSTILE);
  expect(lines.textContent).toBe(HOSTILE);
  expect(lines.querySelector("script, img")).toBeNull();
  const search = view.root.querySelector("input");
  search.value = "no such text";
  search.dispatchEvent(new Event("input"));
  expect(lines.textContent).toBe("None of the last 1 lines matches.");
});
