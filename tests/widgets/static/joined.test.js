// The module that a notebook gets: a component joined with all that it imports.

import { expect, it, vi } from "vitest";
import component from "./joined_service_card.js";
import models from "./joined_models_grid.js";
import services from "./joined_services_grid.js";
import { SERVICE } from "./fake_store.js";

it("draws a card over a kernel, and ends with nothing behind", () => {
  const listeners = [];
  const model = {
    get: (key) => SERVICE[key],
    set: vi.fn(),
    save_changes: vi.fn(),
    send: vi.fn(),
    on: (event, listener) => listeners.push([event, listener]),
    off: (event, listener) =>
      listeners.splice(listeners.findIndex(([one, other]) => one === event && other === listener), 1),
  };
  const el = document.createElement("div");
  const end = component.render({ model, el });
  expect(el.querySelector("[aria-label='State of wine']").textContent).toBe("● Healthy");
  el.querySelector("[aria-label='Stop wine']").click();
  expect(model.send.mock.calls[0][0]).toMatchObject({ verb: "stop", values: {} });
  expect(listeners.length).toBeGreaterThan(10);
  end();
  expect(listeners).toEqual([]);
});

it.each([["services", services], ["model versions", models]])("draws a table of %s over a kernel", (noun, table) => {
  const values = { rows: [], workspace_name: "team", beat: Date.now() / 1000 };
  const model = { get: (key) => values[key], on: vi.fn(), off: vi.fn(), send: vi.fn() };
  const el = document.createElement("div");
  table.render({ model, el })();
  expect(el.textContent).toContain(`No ${noun}`);
});
