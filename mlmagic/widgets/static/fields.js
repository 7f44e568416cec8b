// The fields of a form: an input with its label, and below it what is wrong with it.

import { element, show } from "./dom.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {HTMLElement} root
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @property {(problem: string, remark?: string) => void} tell shows what is wrong with it, or what is remarkable
 */

let lastField = 0;

/**
 * @param {string} name the name by which problems are found
 * @param {string} title
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @param {{help?: string, beside?: Array<Node | null>}} [more] `beside` stands after the input
 * @returns {Field}
 */
export function field(name, title, input, { help, beside = [] } = {}) {
  const id = `mlmagic-field-${++lastField}`;
  const note = element("div", { class: "mlmagic-problem", id: `${id}-note`, role: "status" });
  const isTick = input instanceof HTMLInputElement && input.type === "checkbox";
  input.id = id;
  if (help) input.title = help;
  input.setAttribute("aria-describedby", note.id);
  const label = element("label", { for: id, class: isTick ? null : "mlmagic-label" }, title);
  const row = isTick
    ? element("div", { class: "mlmagic-row mlmagic-tick" }, input, label)
    : element("div", { class: "mlmagic-row" }, label, input, ...beside);
  return {
    name,
    input,
    root: element("div", { class: "mlmagic-field" }, row, note),
    tell(problem, remark = "") {
      if (problem) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      note.classList.toggle("mlmagic-bad", !!problem);
      show(note, problem || remark);
    },
  };
}

/**
 * @param {(value: string) => void} typed
 * @param {Record<string, any>} [attributes]
 */
export function lineInput(typed, attributes = {}) {
  const made = /** @type {HTMLInputElement} */ (element("input", {
    type: "text", class: "mlmagic-input mlmagic-grows", spellcheck: "false", autocomplete: "off",
    oninput: () => typed(made.value), ...attributes,
  }));
  return made;
}

/**
 * @param {(value: string) => void} typed
 * @param {Record<string, any>} [attributes]
 */
export function linesInput(typed, attributes = {}) {
  const made = /** @type {HTMLTextAreaElement} */ (element("textarea", {
    class: "mlmagic-input mlmagic-grows", rows: 2, spellcheck: "false", oninput: () => typed(made.value), ...attributes,
  }));
  return made;
}

/** @param {(value: boolean) => void} ticked */
export function tickInput(ticked) {
  const made = /** @type {HTMLInputElement} */ (element("input", {
    type: "checkbox", onchange: () => ticked(made.checked),
  }));
  return made;
}

/**
 * A choice; `offer` gives it other options, and keeps one chosen.
 * @param {(value: any) => void} chosen is told the value of the option
 * @param {Record<string, any>} [attributes]
 */
export function choiceInput(chosen, attributes = {}) {
  /** @type {Array<[string, any]>} */
  let options = [];
  const input = /** @type {HTMLSelectElement} */ (element("select", {
    class: "mlmagic-input", onchange: () => chosen(options[input.selectedIndex]?.[1]), ...attributes,
  }));
  return {
    input,
    /**
     * @param {Array<[string, any]>} offered a label and a value each
     * @param {any} value the one to choose; without it nothing is chosen
     */
    offer(offered, value) {
      if (JSON.stringify(offered) !== JSON.stringify(options)) {
        options = offered;
        show(input, ...options.map(([label]) => element("option", {}, label)));
      }
      const wanted = JSON.stringify(value);
      input.selectedIndex = options.findIndex(([, each]) => JSON.stringify(each) === wanted);
    },
  };
}
