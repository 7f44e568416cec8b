// Alerts that are pending or firing: a line in a service's card, a badge in the table of services.

import { element, moment } from "./dom.js";
import { clockWithSeconds, say } from "./words.js";

/** @typedef {{rule: string, state: string, severity: string, since: number, words: string}} Alert */

/**
 * An alert of a service: its state, rule and severity, what was measured, and since when.
 * @param {Alert} alert
 * @returns {HTMLElement}
 */
export function alertLine({ rule, state, severity, since, words }) {
  const isFiring = state === "firing";
  const badge = element("span", { class: `mlmagic-badge mlmagic-${isFiring ? "alert" : "transitioning"}` },
    element("span", { "aria-hidden": "true" }, isFiring ? "▲ " : "◌ "), isFiring ? say("Firing") : say("Pending"));
  return element("div", { class: "mlmagic-row mlmagic-address" }, badge, element("strong", {}, rule),
    element("span", {}, say("%1, since", severity)), moment(since, clockWithSeconds(since)),
    element("span", { class: "mlmagic-message" }, words));
}

/**
 * The name of a rule whose alert fires.
 * @param {string} rule
 * @returns {HTMLElement}
 */
export function alertBadge(rule) {
  return element("span", { class: "mlmagic-badge mlmagic-alert", title: say("Alert: %1", rule) },
    element("span", { "aria-hidden": "true" }, "▲ "), rule);
}
