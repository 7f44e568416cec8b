// The deploy form: what is served and where, with Deploy beside it, and folded: all that has a usual value.

import { button, disclosure, drawCard, element, show, twinHider } from "./dom.js";
import { equivalents } from "./equivalents.js";
import { choiceInput, field, lineInput, linesInput, tickInput } from "./fields.js";
import { modelChoice } from "./model_choice.js";
import { profileView } from "./profile_view.js";
import { follow } from "./store.js";
import { duration, say, silence } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./fields.js").Field} Field */

const ACCESS = /** @type {Array<[string, string]>} */ (
  [["No authentication", ""], ["Key", "auth_enabled"], ["Token", "token_auth_enabled"]]);
const OTHER = "Other";
const FIELD_TITLES = /** @type {Record<string, string>} */ ({
  service: "Service name", models: "Model", script: "Script", environment: "Environment", target: "Compute target",
});

/**
 * Draws the form into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function deployForm(root, store, now = () => Date.now() / 1000) {
  const id = store.get("form");
  /** @type {Array<() => void>} */
  const ends = [];
  /** @type {Set<string>} the fields that have been left, whose problems are shown */
  const left = new Set();
  /** @type {Map<string, Field>} */
  const fields = new Map();
  let content = { ...store.get("content") };
  let heard = now();

  /** @param {Record<string, any>} changes */
  function change(changes) {
    content = { ...content, ...changes };
    store.set("content", content);
  }
  /** @param {Record<string, any>} changes */
  function changeSettings(changes) {
    change({ settings: { ...content.settings, ...changes } });
    drawSize();
  }
  /** @param {Record<string, any>} changes */
  const changeScript = (changes) => change({ script: { ...content.script, ...changes } });
  /** @param {Field} made */
  function keep(made) {
    fields.set(made.name, made);
    // A choice is complete as soon as it is made; what is typed, when its field is left.
    made.input.addEventListener(made.input instanceof HTMLSelectElement ? "change" : "blur", () => leave(made.name));
    return made.root;
  }
  /** @param {string} name */
  function leave(name) {
    left.add(name);
    drawProblems();
  }

  // What is served, and where.
  const models = modelChoice((chosen) => {
    left.add("models");
    change({ models: chosen });
  });
  const script = choiceInput((chosen) => {
    change({ script: chosen.kind === "file" ? { kind: "file", name: file.value, folder: folder.value } : { ...chosen, folder: "" } });
    drawScript();
  });
  const file = lineInput((name) => changeScript({ name }), { placeholder: "score.py", "aria-label": say("Script file") });
  const folder = lineInput((value) => changeScript({ folder: value }), { placeholder: say("source folder; empty: only the file"), "aria-label": say("Source folder") });
  const fileInputs = element("div", { class: "mlmagic-row mlmagic-grows" }, file, folder);
  const target = choiceInput((chosen) => change({ target: chosen }));
  const service = lineInput((value) => change({ service: value }), { placeholder: "my-service" });
  const overwrite = tickInput((value) => change({ overwrite: value }));
  const replacing = field("overwrite", say("Replace it, without downtime"), overwrite);
  for (const input of [file, folder]) input.addEventListener("blur", () => leave("script"));
  const main = element("div", {}, models.root,
    keep(field("script", say("Script"), script.input, { beside: [fileInputs] })),
    keep(field("target", say("Compute target"), target.input)),
    keep(field("service", say("Service name"), service)), replacing.root);

  // Deploy beside it.
  const deploy = button(say("Deploy"), submit, { class: "mlmagic-first" });
  const cancel = button(say("Cancel"), stop);
  const status = element("span", { role: "status", class: "mlmagic-message" });
  const error = element("div", { role: "alert", class: "mlmagic-message mlmagic-bad" });
  const bar = element("div", { class: "mlmagic-row mlmagic-actions" }, deploy, cancel, status);

  // What has a usual value.
  const environment = choiceInput((chosen) => change({ environment: chosen }));
  const nearest = tickInput((value) => change({ nearest: value }));
  const nearestField = field("nearest", say("Accept the nearest Python and versions where they cannot be installed"), nearest);
  const size = choiceInput((chosen) => {
    if (chosen === OTHER) return;
    changeSettings({ cpu_cores: chosen[0], memory_gb: chosen[1] });
    fill();
  });
  const access = choiceInput((chosen) => changeSettings({ auth_enabled: chosen === "auth_enabled", token_auth_enabled: chosen === "token_auth_enabled" }));
  const parts = /** @type {Record<string, HTMLElement[]>} */ ({
    resources: [keep(field("size", say("CPU and memory"), size.input))],
    access: [keep(field("auth_enabled", say("Authentication"), access.input))],
    environment: [keep(field("environment", say("Environment"), environment.input)), nearestField.root],
    behaviour: [], labels: [],
  });
  for (const row of store.get("rows")) parts[row.section].push(keep(settingField(row)));
  /** @type {Map<string, {part: HTMLDetailsElement, summary: Element}>} */
  const sections = new Map();
  for (const [name] of store.get("sections")) {
    const part = disclosure("", element("div", { class: "mlmagic-fields" }, ...parts[name]));
    sections.set(name, { part, summary: /** @type {Element} */ (part.querySelector("summary")) });
  }

  // Its profile.
  const requests = choiceInput((chosen) => change({ recorded_by: chosen }));
  const wishes = /** @type {const} */ ([
    ["dataset", say("Requests to send"), say("a variable, an expression or a file; empty: the model's sample")],
    ["p99", say("Goal: p99 latency"), say("for example 50ms; empty: none")], ["rps", say("Goal: requests per second"), say("for example 200; empty: none")],
  ]);
  const inputs = Object.fromEntries(wishes.map(([name, , hint]) =>
    [name, lineInput((value) => change({ [name]: value }), { placeholder: hint })]));
  const measure = button(say("Profile"), profile);
  const take = button(say("Use the recommendation"), () => {
    const { cpu_cores, memory_gb } = store.get("advice");
    changeSettings({ cpu_cores, memory_gb });
    fill();
  });
  const view = profileView(stop);
  const advice = element("div", { class: "mlmagic-message" });
  const requestsRoot = keep(field("recorded_by", say("Requests"), requests.input));
  const profiling = disclosure("", element("div", { class: "mlmagic-fields" }, requestsRoot,
    ...wishes.map(([name, title]) => keep(field(name, title, inputs[name]))),
    element("div", { class: "mlmagic-row mlmagic-actions" }, measure, take), advice, view.root));
  const code = equivalents(store);
  const coding = disclosure(say("Equivalent code"), code.root);

  /** @param {Record<string, any>} row */
  function settingField(row) {
    const set = (/** @type {any} */ value) => changeSettings({ [row.name]: value });
    const attributes = { placeholder: row.hint && say(row.hint) };
    const input = row.kind === "flag" ? tickInput(set) : row.kind === "lines" ? linesInput(set, attributes) : lineInput(set, attributes);
    return field(row.name, say(row.title), input, { help: say(row.help) });
  }

  async function submit() {
    const blocking = /** @type {string[]} */ (store.get("blocking"));
    if (blocking.length) return pointTo(blocking);
    await ask("deploy");
  }
  async function profile() {
    const wrong = [...store.get("blocking").filter((/** @type {string} */ name) => name !== "service"),
      ...["recorded_by", "dataset", "p99", "rps"].filter((name) => store.get("problems")[name])];
    if (wrong.length) return pointTo(wrong);
    await ask("profile");
  }
  function stop() {
    ask("cancel");
  }
  /** @param {string} verb */
  async function ask(verb) {
    show(error);
    try {
      await store.call(verb);
    } catch (problem) {
      show(error, /** @type {Error} */ (problem).message);
    }
  }
  /** Show what is wrong, and go to the first of it. @param {string[]} names */
  function pointTo(names) {
    names.forEach((name) => left.add(name));
    drawProblems();
    const first = names[0];
    const input = fields.get(first === "token_auth_enabled" ? "auth_enabled" : first)?.input;
    const around = /** @type {HTMLDetailsElement | null} */ (input?.closest("details.mlmagic-section"));
    if (around) around.open = true;
    if (first === "models") models.focus();
    else input?.focus();
  }

  /** Show the content in its inputs. */
  function fill() {
    const { settings } = content;
    const choices = store.get("choices");
    models.offer(choices.models, content.models);
    if (content.script.kind === "file") {
      put(file, content.script.name);
      put(folder, content.script.folder || "");
    }
    drawScript();
    target.offer(choices.targets, content.target);
    environment.offer(choices.environments, content.environment);
    requests.offer(choices.requests, content.recorded_by);
    requestsRoot.hidden = choices.requests.length < 2;
    put(service, content.service);
    overwrite.checked = content.overwrite;
    nearest.checked = content.nearest;
    for (const row of store.get("rows")) {
      const input = /** @type {HTMLInputElement} */ (fields.get(row.name)?.input);
      const value = settings[row.name] ?? row.value;
      if (row.kind === "flag") input.checked = !!value;
      else put(input, value);
    }
    for (const [name] of wishes) put(inputs[name], content[name]);
    drawSize();
    access.offer(ACCESS.map(([label, value]) => [say(label), value]), ["token_auth_enabled", "auth_enabled"].find((name) => settings[name]) || "");
  }
  function drawSize() {
    const { sizes } = store.get("choices");
    const shown = ["cpu_cores", "memory_gb"].map((name) => String(Number(fields.get(name)?.input.value)));
    const known = sizes.some((/** @type {any} */ each) => each[1].join() === shown.join());
    size.offer([...sizes, [say(OTHER), OTHER]], known ? shown : OTHER);
  }
  function drawScript() {
    const { kind, name } = content.script;
    script.offer(store.get("choices").scripts, { kind, name: kind === "captured" ? name : "" });
    fileInputs.hidden = kind !== "file";
  }
  function drawProblems() {
    const problems = store.get("problems"), remarks = store.get("remarks");
    models.tell(left.has("models") ? problems.models || "" : "");
    for (const each of fields.values())
      each.tell(left.has(each.name) ? problems[each.name] || "" : "", remarks[each.name]);
    // A name that is taken is said at once: the answer to it stands below.
    if (store.get("taken") && problems.service) fields.get("service")?.tell(problems.service);
    replacing.root.hidden = !store.get("taken");
    nearestField.root.hidden = !content.environment;
    const wrong = /** @type {string[]} */ (store.get("blocking")).filter((name) => left.has(name));
    if (!store.get("busy")) show(status, wrong.length ? say("To deploy, correct: %1.", wrong.map(titleOf).join(", ")) : "");
    for (const [name, title, value] of store.get("sections"))
      show(/** @type {Element} */ (sections.get(name)?.summary), `${say(title)}: ${value}`);
    const there = new Set(store.get("shown"));
    for (const row of store.get("rows")) {
      const around = fields.get(row.name)?.root;
      if (around) around.hidden = !there.has(row.name);
    }
  }
  /** @param {string} name */
  function titleOf(name) {
    return (name in FIELD_TITLES && say(FIELD_TITLES[name])) || store.get("rows").find((/** @type {any} */ row) => row.name === name)?.title
      || (name.endsWith("auth_enabled") ? say("Authentication") : name);
  }
  function drawWork() {
    const busy = store.get("busy"), isDeploying = store.get("job") === "deploy";
    const hadFocus = [deploy, cancel].includes(/** @type {any} */ (document.activeElement));
    deploy.hidden = !!busy && isDeploying;
    deploy.disabled = !!busy && !isDeploying;
    cancel.hidden = !(busy && isDeploying);
    measure.disabled = !!busy;
    take.hidden = !store.get("advice").words;
    if (hadFocus) (cancel.hidden ? deploy : cancel).focus();
    show(error, busy ? "" : store.get("error"));
    drawAge();
    if (!busy) drawProblems();
  }
  function drawAge() {
    const text = silence(heard, now(), store.get("beat"), store.lost);
    show(silent, text);
    root.classList.toggle("mlmagic-old", !!text);
    const busy = store.get("busy");
    if (busy && store.get("job") === "deploy")
      show(status, [`${busy}, ${duration(now() - store.get("began"))}`, ...store.get("notes")].join(". "));
    view.age(now() - store.get("began"));
  }
  function drawDeployed() {
    const deployed = store.get("deployed");
    show(heading, deployed ? say("Change and deploy again") : say("Deploy a service"));
    if (!deployed) return;
    const hadFocus = form.contains(document.activeElement);
    form.open = false;
    if (hadFocus) heading.focus();
    // The card of the service has appeared above: it is what one wants to see now.
    root.closest(".jp-OutputArea, .jp-Cell-outputArea, .output")?.scrollIntoView?.({ block: "nearest" });
  }
  function drawProfile() {
    const profiled = store.get("profile");
    view.draw(profiled);
    const words = store.get("advice").words || "";
    take.hidden = !words;
    show(advice, profiled.headline || profiled.running || profiled.error ? "" : words);
    show(/** @type {Element} */ (profiling.querySelector("summary")),
      say("Profile: %1", profiled.running ? `${profiled.percent} %` : words ? sizeOf(store.get("advice")) : say("not measured")));
  }
  const sizeOf = (/** @type {any} */ found) => say("%1 cores and %2 GB recommended", found.cpu_cores, found.memory_gb);

  const silent = element("div", { class: "mlmagic-silent", role: "status" });
  const heading = element("summary", { class: "mlmagic-name" }, "");
  const form = /** @type {HTMLDetailsElement} */ (element("details", { class: "mlmagic-form", open: true }, heading, main, bar, error,
    ...[...sections.values()].map(({ part }) => part), profiling, coding));
  ends.push(...follow(store, [
    [["choices"], fill],
    [["problems", "blocking", "remarks", "taken", "sections", "shown"], drawProblems],
    [["texts", "file_note", "blocking"], code.draw],
    [["profile", "advice"], drawProfile],
    [["busy", "job", "error", "notes"], drawWork],
    [["deployed"], drawDeployed],
  ]));
  ends.push(store.on("content", () => {
    if (JSON.stringify(store.get("content")) === JSON.stringify(content)) return;
    content = { ...store.get("content") };
    fill();
    drawProblems();
  }));
  ends.push(store.on("beat", () => {
    heard = now();
    drawAge();
  }));
  const timer = setInterval(drawAge, 1000);
  ends.push(() => clearInterval(timer));

  drawCard(root, say("Deploy a service"), twinHider(root, `form-${id}`), silent, form);
  return () => ends.forEach((end) => end());
}

/** Without moving the cursor of somebody who types. @param {HTMLInputElement | HTMLTextAreaElement} input @param {string} value */
function put(input, value) {
  if (input.value !== value) input.value = value;
}
