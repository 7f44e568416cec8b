import { afterEach, expect, it } from "vitest";
import { deployForm } from "../../../mlmagic/widgets/static/deploy_form.js";
import { INSERT } from "../../../mlmagic/widgets/static/equivalents.js";
import { fakeStore, HOSTILE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});

const CONTENT = {
  service: "wine-svc", overwrite: false, models: ["wine:2"], script: { kind: "captured", name: "wine", folder: "" }, environment: "",
  nearest: false, target: "local", settings: {}, dataset: "", recorded_by: "", p99: "", rps: "",
};
const VALUES = {
  form: "f1", content: CONTENT, beat: 100, blocking: [], problems: {}, remarks: {}, taken: false, file_note: "", job: "", busy: "",
  began: 0, notes: [], error: "", deployed: false, profile: {}, advice: {}, shown: ["cpu_cores", "memory_gb", "batch"],
  texts: { line: "%deploy wine-svc", python: "ws = Workspace()", file: "{}" },
  choices: {
    models: { wine: [["2 (newest)", "2"], ["1", "1"]], net: [["1 (newest)", "1"]] },
    scripts: [["wine (captured)", { kind: "captured", name: "wine" }], ["Script file", { kind: "file", name: "" }], ["No script", { kind: "none", name: "" }]],
    environments: [["None", ""], ["mine:1", "mine:1"]], targets: [["local", "local"], ["docker", "docker"]],
    requests: [["Dataset below", ""]], sizes: [["0.1 cores, 0.5 GB (default)", ["0.1", "0.5"]], ["1 cores, 2 GB", ["1", "2"]]],
  },
  rows: [
    { name: "cpu_cores", title: "CPU cores", hint: "", help: "CPU cores.", kind: "line", value: "0.1", section: "resources" },
    { name: "memory_gb", title: "Memory (GB)", hint: "", help: "Memory.", kind: "line", value: "0.5", section: "resources" },
    { name: "num_replicas", title: "Replicas", hint: "", help: "", kind: "line", value: "", section: "resources" },
    { name: "batch", title: "Dynamic batching", hint: "", help: "", kind: "flag", value: false, section: "behaviour" },
    { name: "tags", title: "Tags", hint: "KEY=VALUE", help: "", kind: "lines", value: "", section: "labels" },
  ],
  sections: [["resources", "Resources", "0.1 cores, 0.5 GB"], ["access", "Access", "none"], ["environment", "Environment", "this interpreter's packages"],
    ["behaviour", "Behaviour", "as usual"], ["labels", "Description and tags", "none"]],
};

function form(values = {}, answers = {}) {
  const store = fakeStore(structuredClone({ ...VALUES, ...values }), answers);
  const root = document.createElement("div");
  document.body.append(root);
  ended.push(deployForm(root, store, () => 100));
  return { root, store };
}
/** What a reader of labels finds. */
const labelled = (root, name) => [...root.querySelectorAll("input, select, textarea")].find((each) =>
  each.getAttribute("aria-label") === name || each.labels[0]?.textContent === name);
const press = (root, text) => [...root.querySelectorAll("button")].find((each) => each.textContent === text && !each.hidden).click();
function type(input, text) {
  input.value = text;
  input.dispatchEvent(new Event("input"));
}
function choose(select, label) {
  select.selectedIndex = [...select.options].findIndex((each) => each.textContent === label);
  select.dispatchEvent(new Event("change"));
}
const settled = () => new Promise((resolve) => setTimeout(resolve));

it("shows a model that is chosen, and chooses a model that is shown", () => {
  const { root, store } = form();
  expect(labelled(root, "Model").selectedOptions[0].textContent).toBe("wine");
  choose(labelled(root, "Model"), "net");
  expect(store.get("content").models).toEqual(["net:1"]);
  press(root, "Add another model");
  expect(store.get("content").models).toEqual(["net:1", "wine:2"]);
  choose(labelled(root, "Version of wine"), "1");
  expect(store.get("content").models).toEqual(["net:1", "wine:1"]);
  press(root, "Remove");
  choose(labelled(root, "Model"), "No model");
  expect(store.get("content").models).toEqual([]);
});

it("says how a model comes to be where there is none", () => {
  const { root } = form({ content: { ...CONTENT, models: [] }, choices: { ...VALUES.choices, models: {} } });
  expect(root.textContent).toContain("%register OBJECT_OR_PATH --name NAME");
});

it("shows the problem of a field when it has been left, not before", () => {
  const { root, store } = form();
  const name = labelled(root, "Service name");
  type(name, "No Name");
  store.set("problems", { service: HOSTILE });
  store.set("blocking", ["service"]);
  expect(root.textContent).not.toContain(HOSTILE);
  name.dispatchEvent(new Event("blur"));
  expect(root.textContent).toContain(HOSTILE);
  expect(root.textContent).toContain("To deploy, correct: Service name.");
  expect(name.getAttribute("aria-invalid")).toBe("true");
  expect(root.querySelector("script, img")).toBe(null);
  store.set("problems", {});
  store.set("blocking", []);
  expect(name.hasAttribute("aria-invalid")).toBe(false);
});

it("goes to the first problem when Deploy is pressed, and deploys nothing", () => {
  const { root, store } = form({ problems: { num_replicas: "must be above 0" }, blocking: ["num_replicas"], shown: ["num_replicas"] });
  press(root, "Deploy");
  expect(store.calls).toEqual([]);
  expect(document.activeElement).toBe(labelled(root, "Replicas"));
  expect(labelled(root, "Replicas").closest("details").open).toBe(true);
  expect(root.textContent).toContain("To deploy, correct: Replicas.");
});

it("sends each change whole, and takes what the kernel sets", () => {
  const { root, store } = form();
  type(labelled(root, "CPU cores"), "0.7");
  expect(store.get("content").settings).toEqual({ cpu_cores: "0.7" });
  choose(labelled(root, "CPU and memory"), "1 cores, 2 GB");
  expect(store.get("content").settings).toEqual({ cpu_cores: "1", memory_gb: "2" });
  expect(labelled(root, "Memory (GB)").value).toBe("2");
  choose(labelled(root, "Authentication"), "Key");
  expect(store.get("content").settings.auth_enabled).toBe(true);
  type(labelled(root, "Tags"), "a=b");
  expect(store.get("content").settings.tags).toBe("a=b");
  store.set("content", { ...CONTENT, service: "other", settings: { batch: true } });
  expect(labelled(root, "Service name").value).toBe("other");
  expect(labelled(root, "Dynamic batching").checked).toBe(true);
  expect(labelled(root, "CPU and memory").selectedOptions[0].textContent).toBe("0.1 cores, 0.5 GB (default)");
});

it("asks for the file where a file is chosen", () => {
  const { root, store } = form();
  const file = labelled(root, "Script file");
  expect(file.parentElement.hidden).toBe(true);
  choose(labelled(root, "Script"), "Script file");
  expect(file.parentElement.hidden).toBe(false);
  type(file, "score.py");
  expect(store.get("content").script).toEqual({ kind: "file", name: "score.py", folder: "" });
});

it("hides what the target does not take", () => {
  const { root, store } = form();
  expect(labelled(root, "Replicas").closest(".mlmagic-field").hidden).toBe(true);
  store.set("shown", ["num_replicas"]);
  expect(labelled(root, "Replicas").closest(".mlmagic-field").hidden).toBe(false);
});

it("offers to replace a name that is taken, at once", () => {
  const { root, store } = form();
  expect(labelled(root, "Replace it, without downtime").closest(".mlmagic-field").hidden).toBe(true);
  store.set("problems", { service: "A service 'wine-svc' exists." });
  store.set("taken", true);
  expect(root.textContent).toContain("A service 'wine-svc' exists.");
  const tick = labelled(root, "Replace it, without downtime");
  tick.click();
  expect(store.get("content").overwrite).toBe(true);
});

it("says what it waits for and for how long, and cancels", async () => {
  const { root, store } = form();
  press(root, "Deploy");
  expect(store.calls).toEqual([["deploy", {}]]);
  store.set("job", "deploy");
  store.set("began", 88);
  store.set("busy", "Deploying wine-svc");
  expect(root.textContent).toContain("Deploying wine-svc, 12 s");
  press(root, "Cancel");
  expect(store.calls[1]).toEqual(["cancel", {}]);
  store.set("busy", "");
  store.set("error", "no");
  await settled();
  expect(root.querySelector("[role=alert]").textContent).toBe("no");
});

it("folds when the service is there, and can be opened for the next", () => {
  const { root, store } = form();
  store.set("deployed", true);
  expect(root.querySelector(".mlmagic-form").open).toBe(false);
  expect(root.querySelector("summary").textContent).toBe("Change and deploy again");
});

it("inserts code where the page can, and otherwise asks the kernel", async () => {
  const { root, store } = form({}, { insert: () => null });
  const asked = [];
  root.addEventListener(INSERT, (event) => {
    asked.push(event.detail.text);
    event.preventDefault();
  }, { once: true });
  press(root, "Insert as a new cell");
  expect(asked).toEqual(["%deploy wine-svc"]);
  expect(root.textContent).toContain("Inserted below this cell.");
  choose(labelled(root, "Equivalent code as"), "Python (Azure ML SDK v1)");
  press(root, "Insert as a new cell");
  await settled();
  expect(store.calls).toEqual([["insert", { text: "ws = Workspace()" }]]);
  expect(root.textContent).toContain("below the next cell that you run");
});

it("profiles what it says, and takes the recommendation", () => {
  const { root, store } = form({ problems: { service: "Name the service", dataset: "no sample" }, blocking: ["service"] });
  press(root, "Profile");
  expect(store.calls).toEqual([]);
  expect(document.activeElement).toBe(labelled(root, "Requests to send"));
  store.set("problems", { service: "Name the service" });
  press(root, "Profile");
  expect(store.calls).toEqual([["profile", {}]]);
  store.set("job", "profile");
  store.set("busy", "Profiling");
  store.set("profile", { name: "wine", running: true, percent: 40, words: "0.5 cores: loading", seconds_left: 3 });
  expect(root.textContent).toContain("40 %, 0.5 cores: loading, about 3 s left");
  store.set("busy", "");
  store.set("advice", { words: "Profile wine: 0.7 cores", cpu_cores: "0.7", memory_gb: "0.3" });
  store.set("profile", PROFILE);
  press(root, "Use the recommendation");
  expect(store.get("content").settings).toEqual({ cpu_cores: "0.7", memory_gb: "0.3" });
  expect(root.textContent).toContain("Profile: 0.7 cores and 0.3 GB recommended");
  const charts = [...root.querySelectorAll(".mlmagic-profile svg")].map((each) => each.getAttribute("aria-label"));
  expect(charts[0]).toBe("Latency, 0.5 cores, at 200 requests/s: p50 2 ms, p90 3 ms, p99 8 ms");
  expect(charts[1]).toBe("p99 by throughput: 0.5 cores 9 ms at 210 requests/s; 1 cores 8 ms at 350 requests/s");
  expect(root.textContent).not.toContain("NaN");
});

const PROFILE = {
  name: "wine", running: false, headline: "0.7 cores and 0.3 GB recommended.", notes: [HOSTILE], headings: ["Cores"], rows: [["0.5"], ["1"]],
  chosen: "0.5 cores", goal: 200, goal_ms: 10,
  latency: { bars: [[1, 10], [2, 90], [4, 30], [8, 4]], marks: [["p50", 2], ["p90", 3], ["p99", 8]], rate: 200 },
  curves: [{ name: "0.5 cores", points: [[100, 3], [210, 9]] }, { name: "1 cores", points: [[200, 3], [350, 8]] }],
  capacity: [["0.5 cores", 210, true], ["1 cores", 350, false]], use: [[0, 0, 50], [1, 0.4, 52], [2, 0.5, 52]],
};

it("leaves choices and ticks their keys, and goes back to the cell with Escape", () => {
  const { root } = form();
  const cell = document.createElement("div");
  cell.className = "jp-Cell";
  cell.tabIndex = 0;
  document.body.append(cell);
  cell.append(root);
  for (const name of ["Script", "Dynamic batching"]) {
    const input = labelled(root, name);
    const isOwn = () => input.hasAttribute("data-lm-suppress-shortcuts");
    const seen = [];
    const look = () => seen.push(isOwn());
    document.addEventListener("keydown", look, true); // as Jupyter does
    input.closest("details").open = true;
    input.focus();
    for (const values of [{ key: "x" }, { key: "s", ctrlKey: true }, { key: "ArrowDown" }, { key: "Escape" }])
      input.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, ...values }));
    document.removeEventListener("keydown", look, true);
    expect(seen).toEqual([true, false, true, true]);
    expect(document.activeElement).toBe(cell);
  }
});
