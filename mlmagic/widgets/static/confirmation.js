// A question that takes the place of what was there, as an alert dialog: Escape and Cancel bring it back.

import { button, element, show } from "./dom.js";
import { say } from "./words.js";

/**
 * @param {HTMLElement} content what the question replaces while it is asked
 */
export function confirmation(content) {
  const asked = element("div", { class: "mlmagic-question", role: "alertdialog", hidden: true });
  const root = element("div", {}, content, asked);
  let number = 0;
  /** @type {HTMLElement | null} */
  let focused = null;

  function end() {
    if (asked.hidden) return;
    const hadFocus = asked.contains(document.activeElement);
    asked.hidden = true;
    content.hidden = false;
    show(asked);
    if (hadFocus) focused?.focus();
  }
  asked.addEventListener("keydown", (event) => {
    if (/** @type {KeyboardEvent} */ (event).key !== "Escape") return;
    event.stopPropagation();
    end();
  });

  return {
    root,
    end,
    /**
     * @param {{question: string, yes: string, destroys?: boolean, act: () => void}} wanted
     */
    ask({ question, yes, destroys = false, act }) {
      const id = `mlmagic-question-${number++}-${Math.random().toString(36).slice(2)}`;
      focused = /** @type {HTMLElement | null} */ (document.activeElement);
      asked.setAttribute("aria-labelledby", id);
      const cancel = button(say("Cancel"), end);
      show(asked, element("p", { id }, question), element("div", { class: "mlmagic-row" }, cancel,
        button(yes, () => (end(), act()), { class: destroys ? "mlmagic-destroys" : "mlmagic-first" })));
      content.hidden = true;
      asked.hidden = false;
      cancel.focus(); // not the button that destroys: Enter was pressed a moment ago
    },
  };
}
