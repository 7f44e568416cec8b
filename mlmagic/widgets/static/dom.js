// Elements without a framework. All text goes through textContent: nothing that comes from a service is HTML.

import { say } from "./words.js";

/** @typedef {Node | string | null | undefined | false} Child */

const SVG = "http://www.w3.org/2000/svg";
const OWN_KEYS = "data-lm-suppress-shortcuts";

/**
 * A new HTML element. Attributes that are null or false are left out; `on...` are event listeners.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = fill(document.createElement(tag), attributes, children);
  const hasKeys = tag === "select" || attributes.type === "checkbox" || "tabindex" in attributes;
  return hasKeys ? withOwnKeys(made) : made;
}

/**
 * A new SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(/** @type {SVGElement} */ (document.createElementNS(SVG, tag)), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} made
 * @param {Record<string, any>} attributes
 * @param {Child[]} children
 * @returns {E}
 */
function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter(isShown));
  return made;
}

/** @param {Child} child @returns {child is Node | string} */
function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/**
 * Give an element other children, unless they are the same text: a screen reader announces each change.
 * @param {Element} parent
 * @param {...Child} children
 */
export function show(parent, ...children) {
  const shown = children.filter(isShown);
  if (shown.every((child) => typeof child === "string") && parent.textContent === shown.join("")
      && !parent.firstElementChild) return;
  parent.replaceChildren(...shown);
}

/**
 * @param {string} text
 * @param {() => void} press
 * @param {Record<string, any>} [attributes]
 * @returns {HTMLButtonElement}
 */
export function button(text, press, attributes = {}) {
  const { class: kind, ...others } = attributes;
  const all = { type: "button", class: `mlmagic-button ${kind || ""}`.trim(), onclick: press, ...others };
  return /** @type {HTMLButtonElement} */ (element("button", all, text));
}

/**
 * A button that copies text and says that it did.
 * @param {() => string | Promise<string>} text
 * @param {string} label what is copied, for screen readers
 * @param {string} [words] what the button shows
 * @returns {HTMLButtonElement}
 */
export function copyButton(text, label, words = say("Copy")) {
  const made = button(words, async () => {
    let outcome = say("Copied");
    try {
      await copy(await text());
    } catch {
      outcome = say("Not copied");
    }
    made.textContent = outcome;
    setTimeout(() => { made.textContent = words; }, 1500);
  }, { class: "mlmagic-quiet", "aria-label": label, "aria-live": "polite" });
  return made;
}

/**
 * Put text on the clipboard, also on pages without https, where browsers have no `navigator.clipboard`.
 * @param {string} text
 */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = /** @type {HTMLTextAreaElement} */ (element("textarea", { class: "mlmagic-offscreen" }));
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

/**
 * A part that opens and closes; `opened` is called each time it opens, `closed` each time it closes.
 * @param {string} title
 * @param {HTMLElement} content
 * @param {{opened?: () => void, closed?: () => void}} [listeners]
 * @returns {HTMLDetailsElement}
 */
export function disclosure(title, content, { opened, closed } = {}) {
  const made = /** @type {HTMLDetailsElement} */ (
    element("details", { class: "mlmagic-section" }, element("summary", {}, title), content)
  );
  made.addEventListener("toggle", () => (made.open ? opened?.() : closed?.()));
  return made;
}

/**
 * A moment, as text that people read and programs find.
 * @param {number} time seconds since the epoch
 * @param {string} text
 */
export function moment(time, text) {
  return element("time", { datetime: new Date(time * 1000).toISOString() }, text);
}

/**
 * Terms and their texts, for a list of terms.
 * @param {Array<[string, string]>} rows
 */
export function pairs(rows) {
  return rows.map(([term, value]) => element("div", {}, element("dt", {}, say(term)), element("dd", {}, value)));
}

/**
 * Draw a card into `root`: a group with a name for screen readers.
 * @param {HTMLElement} root
 * @param {string} label
 * @param {...Child} children
 */
export function drawCard(root, label, ...children) {
  root.classList.add("mlmagic", "mlmagic-card");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", label);
  root.replaceChildren(...children.filter(isShown));
}

/**
 * A style that hides the static card called `twin` in the same output, which is for when this one cannot be drawn.
 * @param {HTMLElement} root
 * @param {string} twin
 */
export function twinHider(root, twin) {
  root.classList.add(`mlmagic-live-${twin}`);
  return element("style", {}, `.jp-OutputArea:has(.mlmagic-live-${twin}) `
    + `.jp-OutputArea-child:has(.mlmagic-static-${twin}) { display: none; }`);
}

/**
 * Leave an element its keys: Jupyter takes arrows and letters for commands on cells, except in text inputs. Keys with
 * Ctrl, Alt or Cmd stay Jupyter's, and Escape goes back to the cell, as it does elsewhere in an output.
 * @template {HTMLElement} E
 * @param {E} made
 * @returns {E}
 */
export function withOwnKeys(made) {
  /** Before Jupyter looks at it, which is at the document. @param {KeyboardEvent} event */
  function choose(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) made.removeAttribute(OWN_KEYS);
    else made.setAttribute(OWN_KEYS, "true");
  }
  made.addEventListener("focus", () => window.addEventListener("keydown", choose, true));
  made.addEventListener("blur", () => window.removeEventListener("keydown", choose, true));
  made.addEventListener("keydown", (event) => {
    const cell = /** @type {HTMLElement | null} */ (made.closest(".jp-Cell"));
    if (event.key === "Escape" && !event.defaultPrevented) cell?.focus();
  });
  return made;
}
