// The card of one service: what it is and does, what can be done, and folded: try it, log, events, keys.

import { alertLine } from "./alerts.js";
import { endpointTraffic } from "./endpoint_traffic.js";
import { button, copyButton, disclosure, drawCard, element, moment, pairs, show, twinHider } from "./dom.js";
import { logView } from "./log_view.js";
import { serviceActions } from "./service_actions.js";
import { serviceFigures } from "./service_figures.js";
import { serviceKeys } from "./service_keys.js";
import { serviceRevisions } from "./service_revisions.js";
import { follow } from "./store.js";
import { tryIt } from "./try_it.js";
import { clockWithSeconds, duration, say, silence } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

export const MARKS = /** @type {Record<string, string>} */ ({
  Transitioning: "◌", Healthy: "●", Unhealthy: "▲", Unschedulable: "■", Failed: "✖", Stopped: "○", Deleted: "○",
});

/**
 * The words beside the state: since when, and which revision.
 * @param {{gone: boolean, state: string, serving: number | null, revision: number}} service
 * @param {number} seconds since the state began
 */
export function since({ gone, state, serving, revision }, seconds) {
  if (gone) return "";
  const parts = [say("for %1", duration(seconds))];
  if (serving === null) parts.push(say("revision %1", revision));
  else parts.push(say("revision %1", serving), ...(serving !== revision ? [say("revision %1 is starting", revision)] : []));
  return parts.join(" · ");
}

/**
 * Draws the card into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => number} now the time in seconds since the epoch
 * @returns {() => void} how to end it
 */
export function serviceCard(root, store, now = () => Date.now() / 1000) {
  const name = store.get("name"), id = store.get("id");
  /** @type {Array<() => void>} */
  const ends = [];
  let heard = now();

  // ---- name and state, address ---------------------------------------------------------------------------
  const badge = element("span", { class: "mlmagic-badge" });
  const age = element("span", { class: "mlmagic-note" });
  const state = element("span", { role: "status", "aria-label": say("State of %1", name) }, badge);
  const silent = element("div", { class: "mlmagic-silent", role: "status" });
  const address = element("div", { class: "mlmagic-row mlmagic-address" });
  const message = element("div", { class: "mlmagic-message", role: "status" });
  const alerts = element("div", { role: "status", "aria-label": say("Alerts of %1", name) });
  const traceback = element("div", {});

  const traffic = element("div", {});

  const isOff = () => !!silent.textContent;
  const actions = serviceActions(store, isOff);
  const figures = serviceFigures(store);
  ends.push(figures.close);

  // ---- folded: try it, log, events, keys ---------------------------------------------------------------
  const requests = tryIt(store);
  const trying = disclosure(say("Try it"), requests.root, { opened: requests.refresh });
  const log = logView(name);
  const logSection = disclosure(say("Log"), log.root, {
    opened: () => (store.call("follow_log", { follow: true }).catch(() => {}), log.draw(store.get("log_text"))),
    closed: () => void store.call("follow_log", { follow: false }).catch(() => {}),
  });
  const events = element("ol", { class: "mlmagic-events", "aria-label": say("Events of %1", name) });
  const eventSection = disclosure(say("Events"), events);
  const revisions = serviceRevisions(store, actions, isOff);
  const revisionSection = disclosure(say("Revisions"), revisions.root, { opened: revisions.refresh });
  const keys = serviceKeys(store, actions.say);
  const keySection = disclosure(say("Keys"), keys.root, { opened: keys.open, closed: keys.close });
  const details = element("dl", { class: "mlmagic-figures mlmagic-details" });
  const detailSection = disclosure(say("Details"), details);

  // ---- drawing ---------------------------------------------------------------------------------------------
  function drawState() {
    const gone = store.get("gone");
    const shown = gone ? "Deleted" : store.get("state");
    badge.className = `mlmagic-badge mlmagic-${shown.toLowerCase()}`;
    show(badge, element("span", { "aria-hidden": "true" }, `${MARKS[shown] || "?"} `), say(shown));
    show(message, store.get("words"));
    const text = store.get("traceback") || store.get("failure");
    const heading = store.get("traceback") ? say("Why it failed") : say("Last error of run()");
    if (!text) show(traceback);
    else if (traceback.querySelector("pre")?.textContent !== text)
      show(traceback, element("div", { class: "mlmagic-row" }, element("strong", {}, heading),
        copyButton(() => text, say("Copy the error of %1", name)),
        store.cellOf?.(text) && button(say("Show the cell"), () => store.cellOf?.(text)?.(),
          { class: "mlmagic-quiet", "aria-label": say("Show the cell of the error of %1", name) })),
      element("pre", { class: "mlmagic-pre", tabindex: 0, role: "group", "aria-label": say("Last error of %1", name) }, text));
    drawAge();
    actions.draw();
  }
  function drawAge() {
    const seconds = store.get("beat") + (now() - heard) - store.get("began");
    age.textContent = since({
      gone: store.get("gone"), state: store.get("state"), serving: store.get("serving"), revision: store.get("revision"),
    }, seconds);
    const words = silence(heard, now(), store.get("beat"), store.lost);
    if (silent.textContent !== words) {
      show(silent, words);
      root.classList.toggle("mlmagic-old", !!words);
      actions.draw();
      if (words) keySection.open = false;
    }
  }
  function drawAddress() {
    const endpoint = store.get("endpoint"), docs = store.get("docs");
    show(address, ...(endpoint ? [element("code", {}, endpoint),
      copyButton(() => store.get("endpoint"), say("Copy the address of %1", name)),
      docs && element("a", { href: docs, target: "_blank", rel: "noopener" }, say("API docs"))] : []));
    trying.hidden = !endpoint;
  }
  // Only an endpoint has versions, and it has them from its first moment on or never.
  function drawTraffic() {
    if (store.get("versions")?.length && !traffic.firstChild) ends.push(endpointTraffic(traffic, store));
    traffic.hidden = !traffic.firstChild;
  }
  function drawAlerts() {
    show(alerts, ...store.get("alerts").map(alertLine));
  }
  function drawEvents() {
    show(events, ...store.get("events").map((/** @type {any} */ each) => element("li", {},
      moment(each.time, clockWithSeconds(each.time)),
      element("span", {}, each.message))));
  }
  function drawDetails() {
    show(details, ...pairs(store.get("details")));
    keySection.hidden = store.get("authentication") !== "key";
  }
  ends.push(...follow(store, [
    [["state", "words", "traceback", "failure", "gone", "serving", "revision", "began", "offered", "replicas"],
      drawState],
    [["endpoint", "docs"], drawAddress],
    [["versions"], drawTraffic],
    [["alerts"], drawAlerts],
    [["doing", "told"], actions.drawWork],
    [["figures", "history"], figures.draw],
    [["events"], drawEvents],
    [["details", "authentication"], drawDetails],
    [["log_text"], () => logSection.open && log.draw(store.get("log_text"))],
    [["serving", "reloads"], () => trying.open && requests.refresh()],
    [["serving", "revision", "state"], () => void (revisionSection.open && revisions.refresh())],
  ]));
  ends.push(store.on("beat", () => {
    heard = now();
    drawAge();
  }));
  const timer = setInterval(drawAge, 1000);
  ends.push(() => clearInterval(timer));

  drawCard(root, say("Service %1", name), twinHider(root, id),
    element("div", { class: "mlmagic-row mlmagic-head" }, element("strong", { class: "mlmagic-name" }, name), state, age),
    silent, address, message, alerts, traceback, actions.root, traffic, figures.root,
    trying, logSection, eventSection, revisionSection, keySection, detailSection);
  // What a start prints is what one waits for.
  if (["Transitioning", "Failed"].includes(store.get("state"))) logSection.open = true;
  return () => ends.forEach((end) => end());
}
