import { afterEach, describe, expect, it } from "vitest";
import { serviceCard, since } from "../../../mlmagic/widgets/static/service_card.js";
import { SILENT_SECONDS, silence } from "../../../mlmagic/widgets/static/words.js";
import { asCurl, asPython } from "../../../mlmagic/widgets/static/try_it.js";
import { fakeStore, HOSTILE, SERVICE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});

function card(values = {}, answers = {}) {
  const store = fakeStore({ ...SERVICE, ...values }, answers);
  const root = document.createElement("div");
  document.body.append(root);
  const time = { now: 5000 };
  ended.push(serviceCard(root, store, () => time.now));
  return { store, root, time };
}
const named = (root, label) => root.querySelector(`[aria-label="${label}"]`);
const pressable = (root) => [...root.querySelectorAll("[role=group] > button, .mlmagic-row button")]
  .filter((each) => !each.closest("[hidden], details") && !each.disabled).map((each) => each.textContent);
const settled = () => new Promise((resolve) => setTimeout(resolve));

it("shows the most important first", () => {
  const { root } = card();
  expect(root.getAttribute("aria-label")).toBe("Service wine");
  expect(named(root, "State of wine").textContent).toBe("● Healthy");
  expect(root.textContent).toContain("for 1 min · revision 2");
  expect(root.querySelector(".mlmagic-address code").textContent).toBe(SERVICE.endpoint);
  expect(root.querySelector("a").getAttribute("href")).toBe(SERVICE.docs);
  expect([...root.querySelectorAll("summary")].map((each) => each.textContent)).toEqual(
    ["Try it", "Log", "Events", "Revisions", "Keys", "Details"]);
  expect(root.querySelectorAll("details[open]").length).toBe(0);
});

it.each([
  [{ gone: true }, ""],
  [{ serving: 2, revision: 3 }, "for 5 min · revision 2 · revision 3 is starting"],
  [{ serving: null, revision: 1 }, "for 5 min · revision 1"],
])("says since when and which revision: %j", (service, words) => {
  expect(since({ gone: false, state: "Healthy", serving: 2, revision: 2, ...service }, 312)).toBe(words);
});

describe("a kernel that is gone", () => {
  it("is silent for a while first", () => {
    expect(silence(100, 100 + SILENT_SECONDS - 1, 50, "it is gone")).toBe("");
    expect(silence(100, 100 + SILENT_SECONDS, 50, "it is gone")).toMatch(/^Not connected: it is gone. State as of \d\d:\d\d\.$/);
  });
  it("takes the buttons and the keys away until it is back", async () => {
    const { root, store, time } = card({ authentication: "key" }, { key: () => "secret-key" });
    const keys = [...root.querySelectorAll("details")].find((each) => each.textContent.startsWith("Keys"));
    keys.open = true;
    await settled();
    named(root, "Show the primary key of wine").click();
    await settled();
    expect(root.textContent).toContain("secret-key");
    time.now += SILENT_SECONDS;
    await expect.poll(() => root.querySelector(".mlmagic-silent").textContent, { timeout: 5000 }).toContain("Not connected");
    await settled();
    expect(root.textContent).not.toContain("secret-key");
    expect(pressable(root)).toEqual(["Copy"]);
    store.set("beat", 1200);
    expect(root.querySelector(".mlmagic-silent").textContent).toBe("");
    expect(pressable(root)).toContain("Restart");
  });
});

describe("actions", () => {
  it("are those that the state allows, and none while one runs", () => {
    const { root, store } = card();
    expect(pressable(root)).toEqual(["Copy", "Update", "Restart", "Stop", "Scale", "Delete"]);
    store.set("doing", "Restart of wine");
    expect(pressable(root)).toEqual(["Copy"]);
    expect(root.textContent).toContain("Restart of wine ...");
    store.set("doing", "");
    store.set("offered", ["update", "start", "delete"]);
    store.set("state", "Failed");
    expect(pressable(root)).toEqual(["Copy", "Update", "Retry", "Delete"]);
  });
  it("asks in place before it deletes, and Escape takes the question back", async () => {
    const { root, store } = card();
    named(root, "Delete wine").click();
    const asked = root.querySelector("[role=alertdialog]");
    expect(document.activeElement.textContent).toBe("Cancel");
    expect(named(root, "Actions of wine").hidden).toBe(true);
    asked.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect([asked.hidden, named(root, "Actions of wine").hidden]).toEqual([true, false]);
    named(root, "Delete wine").click();
    asked.querySelector(".mlmagic-destroys").click();
    await settled();
    expect(store.calls).toEqual([["delete", {}]]);
  });
  it("says what an update changes before it is carried out", async () => {
    const { root, store } = card({}, { find_update: () => "Update wine: wine:1 becomes wine:2." });
    named(root, "Update wine").click();
    await settled();
    expect(root.querySelector("[role=alertdialog] p").textContent).toBe("Update wine: wine:1 becomes wine:2.");
    root.querySelector("[role=alertdialog] .mlmagic-first").click();
    await settled();
    expect(store.calls.map(([verb]) => verb)).toEqual(["find_update", "update"]);
  });
  it("lists the revisions, and asks before it goes back to one", async () => {
    const listed = [
      { number: 2, status: "Serving", time: 1000, change: "cpu 0.2", models: "wine:1", can_return: false },
      { number: 1, status: "Was Healthy", time: null, change: HOSTILE, models: "wine:1", can_return: true },
    ];
    const { root, store } = card({}, { revisions: () => listed });
    [...root.querySelectorAll("details")].find((each) => each.textContent.startsWith("Revisions")).open = true;
    await settled();
    const shown = named(root, "Revisions of wine");
    expect(shown.children.length).toBe(2);
    expect(shown.textContent).toContain(HOSTILE);
    expect(shown.querySelectorAll("button").length).toBe(1);
    named(root, "Roll wine back to revision 1").click();
    expect(root.querySelector("[role=alertdialog] p").textContent).toContain("Roll wine back to revision 1?");
    root.querySelector("[role=alertdialog] .mlmagic-first").click();
    await settled();
    expect(store.calls.at(-1)).toEqual(["rollback", { revision: 1 }]);
  });
  it("shows what the engine refuses", async () => {
    const { root } = card({}, { scale: () => { throw new Error("'wine' cannot be scaled."); } });
    named(root, "Scale wine").click();
    await settled();
    expect(root.querySelector("[role=alert]").textContent).toBe("'wine' cannot be scaled.");
  });
});

it("shows alerts that are pending or firing", () => {
  const { root, store } = card();
  expect(named(root, "Alerts of wine").textContent).toBe("");
  store.set("alerts", [
    { rule: "slow", state: "firing", severity: "error", since: 0, words: "p99 > 200ms: p99 is 312 ms" },
    { rule: "errors", state: "pending", severity: "warning", since: 0, words: "error_rate > 5%: error_rate is 9 %" },
  ]);
  const [firing, pending] = [...named(root, "Alerts of wine").children].map((each) => each.textContent);
  expect(firing).toMatch(/^▲ Firingslowerror, since\d\d:\d\d:\d\dp99 > 200ms: p99 is 312 ms$/);
  expect(pending).toMatch(/^◌ Pendingerrorswarning, since/);
  store.set("alerts", []);
  expect(named(root, "Alerts of wine").textContent).toBe("");
});

it("opens the log of a service that starts or has failed", async () => {
  const { root, store } = card({ state: "Transitioning", serving: null, endpoint: "" });
  await settled();
  expect(store.calls).toContainEqual(["follow_log", { follow: true }]);
  store.set("log_text", "loading the model");
  expect(named(root, "Log of wine").textContent).toBe("loading the model");
});

it("tries the service with its sample, and never with an empty object", async () => {
  const answer = { status: 200, milliseconds: 1.234, body: "[2.0]" };
  const { root, store } = card({}, { sample: () => '{"data": [1]}', send: () => answer });
  root.querySelector("details").open = true;
  await settled();
  await settled();
  const body = root.querySelector("textarea");
  expect(body.value).toBe('{"data": [1]}');
  body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
  await settled();
  expect(store.calls).toContainEqual(["send", { body: '{"data": [1]}' }]);
  expect(named(root, "Response of wine").textContent).toBe("200 in 1.23 ms[2.0]");
  body.value = "my own";
  store.set("serving", 3);
  await settled();
  expect(body.value).toBe("my own");
});

it("sends no request before its sample has arrived", async () => {
  let arrive = (_sample) => {};
  const { root, store } = card({}, { sample: () => new Promise((resolve) => { arrive = resolve; }) });
  root.querySelector("details").open = true;
  await settled();
  [...root.querySelectorAll("button")].find((each) => each.textContent === "Send").click();
  await settled();
  expect(store.calls.map(([verb]) => verb)).toEqual(["sample"]);
  arrive("[1]");
  await settled();
  expect(store.calls.at(-1)).toEqual(["send", { body: "[1]" }]);
});

it("reads the sample before it sends, where a browser has not yet told that the section is open", async () => {
  const { root, store } = card({}, { sample: () => "[1]", send: () => ({ status: 200, milliseconds: 1, body: "" }) });
  root.querySelector("details").open = true; // the event comes later, and the reader may be faster
  [...root.querySelectorAll("button")].find((each) => each.textContent === "Send").click();
  await settled();
  await settled();
  expect(store.calls.find(([verb]) => verb === "send")).toEqual(["send", { body: "[1]" }]);
});

it("writes the request as curl and as Python", () => {
  expect(asCurl("http://h/score", `{"a": "it's"}`, "")).toBe(
    `curl 'http://h/score' -H 'Content-Type: application/json' -d '{"a": "it'\\''s"}'`);
  expect(asCurl("http://h/score", "1", "key")).toContain('-H "Authorization: Bearer $KEY"');
  expect(asPython("http://h/score", "1", "token")).toContain('"Authorization": f"Bearer {token}"');
});

it("draws traffic and latency of the last 15 minutes", () => {
  const { root } = card({ history: [[1000, 3, 1, 2, 0], [1005, 4, 1.5, 2.5, 1]] });
  expect([...root.querySelectorAll("svg")].map((each) => each.getAttribute("aria-label").replace(/\d\d:\d\d/g, "T"))).toEqual([
    "Traffic (requests/s), T to T: requests 4 now, at most 4; errors 1 now, at most 1",
    "Latency (ms), T to T: p50 1.5 now, at most 1.5; p99 2.5 now, at most 2.5",
  ]);
});

it("shows everything that a service says as text", async () => {
  const { root } = card({
    words: HOSTILE, traceback: HOSTILE, log_text: HOSTILE, details: [["Models", HOSTILE]], state: "Failed",
    alerts: [{ rule: "slow", state: "firing", severity: "error", since: 0, words: HOSTILE }],
    events: [{ time: 0, message: HOSTILE }], figures: [["Requests", HOSTILE]],
  });
  await settled();
  expect(root.textContent.split(HOSTILE).length - 1).toBe(7);
  expect(root.querySelector("script, img")).toBeNull();
});

it("gives every control a name of its own, and ends with nothing behind", () => {
  const { root, store } = card();
  const names = [...root.querySelectorAll("button:not([hidden]), input, select, textarea")]
    .map((each) => each.getAttribute("aria-label") || each.textContent);
  expect(names.every(Boolean)).toBe(true);
  expect(new Set(names).size).toBe(names.length);
  ended.splice(0).forEach((end) => end());
  expect(store.listening()).toBe(0);
});
