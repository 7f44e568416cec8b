// A batch job: how far it is, and what came of it.

import { drawCard, element, pairs, show, twinHider } from "./dom.js";
import { duration, say } from "./words.js";

/** @typedef {import("./store.js").Store} Store */

/**
 * Draws a batch job, as data, into `root`.
 * @param {HTMLElement} root
 * @param {Store} store
 * @returns {() => void} how to end it
 */
export function batchCard(root, store) {
  const head = element("div", { role: "status", class: "mlmagic-message" });
  const bar = /** @type {HTMLProgressElement} */ (element("progress", { max: 1, value: 0 }));
  const figures = element("dl", { class: "mlmagic-figures", "aria-label": say("Progress") });
  const link = element("a", { target: "_blank", rel: "noopener" }, say("Dask dashboard"));
  const problem = element("pre", { class: "mlmagic-pre mlmagic-bad", role: "alert" });
  const draw = () => {
    const job = store.get("job");
    show(head, element("strong", {}, job.name), ` ${job.headline}`);
    bar.hidden = !job.running;
    bar.max = job.items || 1;
    bar.value = job.done;
    bar.setAttribute("aria-label", say("Progress of %1", job.name));
    const left = job.seconds_left === null ? [] : [[say("Time left"), duration(job.seconds_left)]];
    show(figures, ...pairs([...job.figures, ...left]));
    link.hidden = !job.dashboard;
    if (job.dashboard) link.setAttribute("href", job.dashboard);
    problem.hidden = !job.error;
    show(problem, job.error);
  };
  drawCard(root, say("Batch job"), twinHider(root, store.get("twin")), element("div", {}, head, bar, figures, link, problem));
  draw();
  return store.on("job", draw);
}
