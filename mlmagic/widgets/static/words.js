// Times and figures as text, and texts in the reader's language.

/** @type {(text: string) => string} */
let translated = (text) => text;

/**
 * Translate all texts from now on: JupyterLab's extension gives its translator.
 * @param {(text: string) => string} translate
 */
export function translateWith(translate) {
  translated = translate;
}

/**
 * A text in the reader's language; then %1, %2 and so on are replaced by the values.
 * @param {string} text
 * @param {...(string | number)} values
 * @returns {string}
 */
export function say(text, ...values) {
  return translated(text).replace(/%([1-9])/g, (mark, number) => (number <= values.length ? String(values[number - 1]) : mark));
}

/** @param {number} seconds @returns {string} "12 s", "5 min", "3 h", "2 d" */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [size, unit] of /** @type {Array<[number, string]>} */ ([[86400, "d"], [3600, "h"], [60, "min"]]))
    if (whole >= size) return `${Math.floor(whole / size)} ${unit}`;
  return `${whole} s`;
}

/** @param {number} time seconds since the epoch @returns {string} "04:33", in the reader's time zone */
export function clock(time) {
  return new Date(time * 1000).toTimeString().slice(0, 5);
}

/** @param {number} time seconds since the epoch @returns {string} "04:33:09" */
export function clockWithSeconds(time) {
  return new Date(time * 1000).toTimeString().slice(0, 8);
}

/** @param {number} value @returns {string} three significant digits, without an exponent: "1,230", "0.052" */
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
  const rounded = Math.abs(value) >= 1000 ? Number(value.toPrecision(3)) : Number(value.toFixed(digits));
  return rounded.toLocaleString("en-US", { maximumFractionDigits: digits });
}

export const SILENT_SECONDS = 15;

/**
 * What the card says of itself when nothing was heard from the kernel or the server.
 * @param {number} heard when its last sign arrived, in seconds since the epoch
 * @param {number} now
 * @param {number} stateTime the time that its last sign is of
 * @param {string} lost why, most probably
 * @returns {string} empty while signs come
 */
export function silence(heard, now, stateTime, lost) {
  return now - heard < SILENT_SECONDS ? "" : say("Not connected: %1. State as of %2.", say(lost), clock(stateTime));
}
