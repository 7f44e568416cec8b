// The models of a form: a name and a version each. A model that is shown is a model that is chosen.

import { button, element, show } from "./dom.js";
import { choiceInput } from "./fields.js";
import { say } from "./words.js";

/**
 * @param {(models: string[]) => void} changed is told all models, as "name:version"
 */
export function modelChoice(changed) {
  /** @type {Record<string, Array<[string, string]>>} by name: a label and a version each, the newest first */
  let known = {};
  /** @type {string[]} */
  let models = [];
  const list = element("div", { class: "mlmagic-rows" });
  const note = element("div", { class: "mlmagic-problem mlmagic-bad", role: "status" });
  const empty = element("div", { class: "mlmagic-note" }, say("No models yet. Register one in a cell: "),
    element("code", {}, "%register OBJECT_OR_PATH --name NAME"));
  const another = button(say("Add another model"), () => {
    change([...models, unused()[0]]);
    focusAgain(models.length - 1, 0);
  }, { class: "mlmagic-quiet" });
  const root = element("div", { class: "mlmagic-field" }, list, empty, another, note);

  /** @param {string} model */
  const nameOf = (model) => model.split(":")[0];
  const unused = () => Object.entries(known)
    .flatMap(([name, versions]) => versions.map(([, version]) => `${name}:${version}`))
    .filter((each) => !models.includes(each));

  /** @param {string[]} wanted */
  function change(wanted) {
    models = wanted.filter((each, at) => each && wanted.indexOf(each) === at);
    draw();
    changed(models);
  }
  /** @param {string} model @param {number} at */
  function line(model, at) {
    const name = nameOf(model);
    const replace = (/** @type {string} */ by) => change(models.length ? models.map((each, i) => (i === at ? by : each)) : [by]);
    const names = choiceInput((chosen) => {
      replace(chosen && `${chosen}:${known[chosen][0][1]}`);
      focusAgain(at, 0);
    }, { "aria-label": at ? say("Model %1", at + 1) : say("Model") });
    const offered = Object.keys(known).map((each) => /** @type {[string, string]} */ ([each, each]));
    names.offer([[say("No model"), ""], ...offered], name);
    const versions = choiceInput((version) => {
      replace(`${name}:${version}`);
      focusAgain(at, 1);
    }, { "aria-label": say("Version of %1", name) });
    versions.offer(known[name] || [], model.split(":")[1]);
    return element("div", { class: "mlmagic-row" },
      element("span", { class: "mlmagic-label", "aria-hidden": "true" }, at ? "" : say("Model")), names.input,
      model && versions.input,
      at > 0 && button(say("Remove"), () => change(models.filter((_, i) => i !== at)),
        { class: "mlmagic-quiet", "aria-label": say("Remove %1", model) }));
  }
  /** The rows are new after a change. @param {number} at @param {number} which */
  function focusAgain(at, which) {
    const selects = list.children[Math.min(at, list.children.length - 1)]?.querySelectorAll("select");
    selects?.[Math.min(which, selects.length - 1)]?.focus();
  }
  function draw() {
    const isEmpty = !Object.keys(known).length;
    empty.hidden = !isEmpty;
    list.hidden = isEmpty;
    another.hidden = !models.length || !unused().length;
    show(list, ...(models.length ? models : [""]).map(line));
  }

  return {
    root,
    focus: () => list.querySelector("select")?.focus(),
    /** @param {string} problem */
    tell: (problem) => show(note, problem),
    /** @param {Record<string, Array<[string, string]>>} offered @param {string[]} chosen */
    offer(offered, chosen) {
      if (list.firstChild && JSON.stringify([offered, chosen]) === JSON.stringify([known, models])) return;
      known = offered;
      models = chosen;
      draw();
    },
  };
}
