// The revisions of a service, and a button that goes back to one.

import { button, element, moment, show } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

/**
 * @param {Store} store
 * @param {ReturnType<typeof import("./service_actions.js").serviceActions>} actions
 * @param {() => boolean} isOff whether nothing can be done now
 */
export function serviceRevisions(store, actions, isOff) {
  const name = store.get("name");
  const revisions = element("ol", { class: "mlmagic-events", "aria-label": say("Revisions of %1", name) });

  async function refresh() {
    let found = [];
    try {
      found = await store.call("revisions");
    } catch (error) {
      return show(revisions, element("li", {}, /** @type {Error} */ (error).message));
    }
    show(revisions, ...found.map((/** @type {any} */ each) => element("li", { class: "mlmagic-row" },
      element("strong", {}, String(each.number)), element("span", {}, each.status),
      each.time && moment(each.time, new Date(each.time * 1000).toLocaleString()),
      element("span", { class: "mlmagic-grows" }, each.change),
      each.can_return && button(say("Roll back"), () => askToRollBack(each.number), {
        class: "mlmagic-quiet", "aria-label": say("Roll %1 back to revision %2", name, each.number),
        disabled: isOff() || !!store.get("doing"),
      }))));
  }
  /** @param {number} revision */
  function askToRollBack(revision) {
    actions.ask({
      question: say("Roll %1 back to revision %2? What serves now serves until that one is healthy, and keeps serving if it never is.",
        name, revision),
      yes: say("Roll back"), act: () => actions.act("rollback", { revision }),
    });
  }

  return { root: revisions, refresh };
}
