// Times and figures as text.

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
  return now - heard < SILENT_SECONDS ? "" : `Not connected: ${lost}. State as of ${clock(stateTime)}.`;
}
