// The keys of a service, masked. They come as answers to calls, and go when the section closes.

import { button, copyButton, element, show } from "./dom.js";

/** @typedef {import("./store.js").Store} Store */

const MASK = "••••••••••••";

/**
 * @param {Store} store
 * @param {(message: string) => void} say shows why a key cannot be shown
 */
export function serviceKeys(store, say) {
  const name = store.get("name");
  const keys = element("div", { class: "mlmagic-keys" });

  function open() {
    show(keys, ...["Primary", "Secondary"].map((which) => {
      const value = element("code", { class: "mlmagic-secret" }, MASK);
      const reveal = button("Show", async () => {
        if (reveal.getAttribute("aria-pressed") === "true") return conceal();
        try {
          value.textContent = await store.call("key", { which });
          reveal.setAttribute("aria-pressed", "true");
          reveal.textContent = "Hide";
        } catch (error) {
          say(/** @type {Error} */ (error).message);
        }
      }, { class: "mlmagic-quiet", "aria-label": `Show the ${which.toLowerCase()} key of ${name}`, "aria-pressed": "false" });
      function conceal() {
        value.textContent = MASK;
        reveal.setAttribute("aria-pressed", "false");
        reveal.textContent = "Show";
      }
      return element("div", { class: "mlmagic-row" }, element("span", { class: "mlmagic-label" }, which), value,
        copyButton(() => store.call("key", { which }), `Copy the ${which.toLowerCase()} key of ${name}`), reveal);
    }));
  }

  return { root: keys, open, close: () => show(keys) };
}
