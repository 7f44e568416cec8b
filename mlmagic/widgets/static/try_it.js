// Send a request to a service: from its sample, with the same request as curl and as Python.

import { button, copyButton, element, show } from "./dom.js";
import { figure, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{status: number, milliseconds: number, body: string}} Answer */

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * The request as a line of a shell.
 * @param {string} address
 * @param {string} body
 * @param {string} authentication "key", "token" or ""
 */
export function asCurl(address, body, authentication) {
  const key = authentication ? ` -H "Authorization: Bearer $${authentication.toUpperCase()}"` : "";
  return `curl ${quoted(address)}${key} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}

/**
 * The request as Python.
 * @param {string} address
 * @param {string} body
 * @param {string} authentication "key", "token" or ""
 */
export function asPython(address, body, authentication) {
  const caller = authentication ? `, "Authorization": f"Bearer {${authentication}}"` : "";
  const headers = `{"Content-Type": "application/json"${caller}}`;
  return [
    "import requests",
    "",
    `body = ${JSON.stringify(body)}`,
    `response = requests.post(${JSON.stringify(address)}, data=body.encode(), headers=${headers})`,
    "print(response.status_code, response.text)",
  ].join("\n");
}

/**
 * A request editor. Each revision gets a new sample, unless the reader has edited the request.
 * @param {Store} store
 */
export function tryIt(store) {
  const name = store.get("name");
  let sample = "";
  const body = /** @type {HTMLTextAreaElement} */ (element("textarea", {
    class: "mlmagic-input mlmagic-body", rows: 4, spellcheck: "false", "aria-label": say("Request body for %1", name),
  }));
  const note = element("div", { class: "mlmagic-note" });
  const answer = element("div", { role: "status", "aria-label": say("Response of %1", name) });
  const send = button(say("Send"), ask, { class: "mlmagic-first" });
  const again = button(say("Insert sample"), () => { body.value = sample; }, { disabled: true });
  const address = () => store.get("endpoint");
  const authentication = () => store.get("authentication");
  const root = element("div", {}, body, note,
    element("div", { class: "mlmagic-row" }, send, again,
      copyButton(() => asCurl(address(), body.value, authentication()), say("Copy as curl"), say("Copy as curl")),
      copyButton(() => asPython(address(), body.value, authentication()), say("Copy as Python"), say("Copy as Python"))),
    answer);
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || send.disabled) return;
    event.preventDefault();
    event.stopPropagation(); // Jupyter would run the cell
    ask();
  });

  async function ask() {
    send.disabled = true;
    await (reading ?? refresh()); // else what is sent would not be what is about to be shown
    show(answer, say("Waiting for the response ..."));
    try {
      const got = /** @type {Answer} */ (await store.call("send", { body: body.value }));
      show(answer, element("div", { class: got.status === 200 ? null : "mlmagic-bad" },
        say("%1 in %2 ms", got.status || say("No response"), figure(got.milliseconds))),
      element("pre", { class: "mlmagic-pre", tabindex: 0 }, got.body));
    } catch (error) {
      show(answer, element("div", { class: "mlmagic-bad" }, /** @type {Error} */ (error).message));
    }
    send.disabled = false;
  }

  /** @type {Promise<void> | null} The sample that is read; null before the section was opened. */
  let reading = null;
  const refresh = () => (reading = readSample());

  async function readSample() {
    let found = "";
    try {
      found = (await store.call("sample")) || "";
    } catch { /* it does not serve: the next revision has one */ }
    if (body.value === sample) body.value = found;
    sample = found;
    again.disabled = !sample;
    show(note, sample ? "" : say("This service describes no sample. Write the body that its run() expects."));
  }

  return { root, refresh };
}
