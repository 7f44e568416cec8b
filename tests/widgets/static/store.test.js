import { describe, expect, it, vi } from "vitest";
import { kernelStore, UNANSWERED } from "../../../mlmagic/widgets/static/store.js";

function fakeModel(values = {}) {
  const listeners = {};
  return {
    sent: [],
    listeners,
    get: (key) => values[key],
    set: (key, value) => { values[key] = value; },
    save_changes: vi.fn(),
    on: (event, listener) => { (listeners[event] ??= []).push(listener); },
    off: (event, listener) => { listeners[event] = (listeners[event] || []).filter((each) => each !== listener); },
    send(message) { this.sent.push(message); },
    receive(message) { (listeners["msg:custom"] || []).forEach((listener) => listener(message)); },
  };
}

describe("a store over the kernel", () => {
  it("answers each call with its own value or error", async () => {
    const model = fakeModel();
    const store = kernelStore(model);
    const [one, other] = [store.call("sample"), store.call("stop", { now: true })];
    expect(model.sent.map(({ verb, values }) => [verb, values])).toEqual([["sample", {}], ["stop", { now: true }]]);
    model.receive({ call: model.sent[1].call, error: "not now" });
    model.receive({ call: model.sent[0].call, value: 7 });
    model.receive({ call: -1, value: 8 });
    expect(await one).toBe(7);
    await expect(other).rejects.toThrow("not now");
  });
  it("gives up on a kernel that does not answer", async () => {
    const store = kernelStore(fakeModel(), 0.01);
    await expect(store.call("sample")).rejects.toThrow(UNANSWERED);
  });
  it("leaves nothing behind", async () => {
    const model = fakeModel({ state: "Healthy" });
    const store = kernelStore(model);
    const heard = vi.fn();
    store.on("state", heard);
    const call = store.call("sample");
    store.close();
    await expect(call).rejects.toThrow(UNANSWERED);
    expect(Object.values(model.listeners).flat()).toEqual([]);
  });
});
