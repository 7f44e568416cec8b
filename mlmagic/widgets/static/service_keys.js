// The keys of a service, masked. They come as answers to calls, and go when the section closes.

import { button, copyButton, element, show } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

const MASK = "••••••••••••";

/**
 * @param {Store} store
 * @param {(message: string) => void} tell shows why a key cannot be shown
 */
export function serviceKeys(store, tell) {
  const name = store.get("name");
  const keys = element("div", { class: "mlmagic-keys" });

  function open() {
    show(keys, ...["Primary", "Secondary"].map((which) => {
      const value = element("code", { class: "mlmagic-secret" }, MASK);
      const reveal = button(say("Show"), async () => {
        if (reveal.getAttribute("aria-pressed") === "true") return conceal();
        try {
          value.textContent = await store.call("key", { which });
          reveal.setAttribute("aria-pressed", "true");
          reveal.textContent = say("Hide");
        } catch (error) {
          tell(/** @type {Error} */ (error).message);
        }
      }, { class: "mlmagic-quiet", "aria-label": say("Show the %1 key of %2", say(which.toLowerCase()), name), "aria-pressed": "false" });
      function conceal() {
        value.textContent = MASK;
        reveal.setAttribute("aria-pressed", "false");
        reveal.textContent = say("Show");
      }
      return element("div", { class: "mlmagic-row" }, element("span", { class: "mlmagic-label" }, say(which)), value,
        copyButton(() => store.call("key", { which }), say("Copy the %1 key of %2", say(which.toLowerCase()), name)), reveal);
    }));
  }

  return { root: keys, open, close: () => show(keys) };
}
