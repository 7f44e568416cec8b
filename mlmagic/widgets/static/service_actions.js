// What can be done with a service: a button for each action that its state allows, and what came of it.

import { confirmation } from "./confirmation.js";
import { button, element, show } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

const MOST_REPLICAS = 100;
const TITLES = /** @type {Record<string, string>} */ ({
  update: "Update", restart: "Restart", stop: "Stop", start: "Start", scale: "Scale",
});

/**
 * @param {Store} store
 * @param {() => boolean} isOff whether nothing can be done now, as without a kernel
 */
export function serviceActions(store, isOff) {
  const name = store.get("name");
  const outcome = element("div", { class: "mlmagic-message", role: "alert" });
  let wanted = 1;
  const replicas = /** @type {HTMLInputElement} */ (element("input", {
    type: "number", min: 1, max: MOST_REPLICAS, value: 1, class: "mlmagic-input mlmagic-number",
    "aria-label": say("Number of replicas of %1", name),
  }));
  const verbs = /** @type {Record<string, () => void>} */ ({
    update: checkForUpdate,
    restart: () => act("restart"),
    stop: () => act("stop"),
    start: () => act("start"),
    scale: () => act("scale", { replicas: replicas.valueAsNumber }),
  });
  const buttons = /** @type {Record<string, HTMLButtonElement>} */ ({});
  for (const [verb, press] of Object.entries(verbs))
    buttons[verb] = button(say(TITLES[verb]), press, { "aria-label": `${say(TITLES[verb])} ${name}` });
  buttons.delete = button(say("Delete"), askToDelete, { class: "mlmagic-destroys", "aria-label": say("Delete %1", name) });
  const scaling = element("span", { class: "mlmagic-row" }, replicas, buttons.scale);
  const actions = element("div", { class: "mlmagic-row mlmagic-actions", role: "group", "aria-label": say("Actions of %1", name) },
    buttons.update, buttons.restart, buttons.stop, buttons.start, scaling,
    element("span", { class: "mlmagic-spring" }), buttons.delete);
  const question = confirmation(actions);

  /** @param {string} verb @param {Record<string, any>} [values] */
  async function act(verb, values) {
    show(outcome);
    try {
      await store.call(verb, values);
    } catch (error) {
      show(outcome, /** @type {Error} */ (error).message);
    }
  }
  async function checkForUpdate() {
    show(outcome);
    try {
      const words = await store.call("find_update");
      if (!words) show(outcome, say("%1 is up to date.", name));
      else question.ask({ question: words, yes: say("Update now"), act: () => act("update") });
    } catch (error) {
      show(outcome, /** @type {Error} */ (error).message);
    }
  }
  function askToDelete() {
    question.ask({
      question: say("Delete %1? This stops it and deletes its revisions and its log. Models are kept.", name),
      yes: say("Delete permanently"), destroys: true, act: () => act("delete"),
    });
  }

  function draw() {
    const offered = new Set(isOff() || store.get("doing") ? [] : store.get("offered"));
    const failed = store.get("state") === "Failed";
    for (const [verb, each] of Object.entries(buttons)) {
      // Hidden if the state does not allow it; disabled, and where it was, while another action runs.
      each.hidden = !store.get("offered").includes(verb);
      each.disabled = !offered.has(verb);
    }
    scaling.hidden = buttons.scale.hidden;
    if (wanted !== store.get("replicas")) replicas.value = String(wanted = store.get("replicas"));
    buttons.start.textContent = failed ? say("Retry") : say("Start");
    buttons.start.setAttribute("aria-label", `${failed ? say("Retry") : say("Start")} ${name}`);
    if (store.get("gone")) question.end();
  }
  function drawWork() {
    const doing = store.get("doing"), told = store.get("told");
    show(outcome, doing ? `${doing} ...` : told);
    draw();
  }

  return {
    root: element("div", {}, question.root, outcome),
    draw,
    drawWork,
    act,
    ask: question.ask,
    /** @param {string} message */
    say: (message) => show(outcome, message),
  };
}
