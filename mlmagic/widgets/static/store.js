// What a component knows of the world: values that change, and calls to whoever holds them.

/**
 * @typedef {object} Store
 * @property {(key: string) => any} get
 * @property {(key: string, value: any) => void} set
 * @property {(key: string, listener: () => void) => () => void} on calls `listener` after each change of `key`;
 *   returns how to stop it
 * @property {(verb: string, values?: Record<string, any>) => Promise<any>} call asks the engine for something; the
 *   promise is broken with what it says, or with `UNANSWERED`
 * @property {string} lost why no sign comes from whoever holds the values, for the words "Not connected: ..."
 * @property {(traceback: string) => (() => void) | null} [cellOf] how to show the cell that a traceback points to, where
 *   the page knows its cells; null if none has its lines
 * @property {(values: Record<string, any>) => Promise<OwnStore>} child the store of a card inside this component
 */
/** @typedef {Store & {close: () => void}} OwnStore a store that is closed by whoever opened it */

export const ANSWER_SECONDS = 90;
export const UNANSWERED = "The kernel does not answer: it is busy, or it has stopped.";

/**
 * The store of an anywidget: its model over the kernel.
 * @param {any} model
 * @param {number} [seconds] how long an answer may take
 * @returns {OwnStore}
 */
export function kernelStore(model, seconds = ANSWER_SECONDS) {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  /** @type {Array<() => void>} */
  const leaving = [];
  // Several views of one widget get all answers: each view's numbers are its own.
  let last = Math.floor(Math.random() * 1e9) * 1000;

  /** @param {any} message */
  function answered(message) {
    const call = message && waiting.get(message.call);
    if (!call) return;
    waiting.delete(message.call);
    if ("error" in message) call.reject(new Error(message.error));
    else call.resolve(message.value);
  }
  model.on("msg:custom", answered);

  const store = {
    lost: "the kernel has stopped, or cannot read its workspace",
    /** @param {string} key */
    get: (key) => model.get(key),
    /** @param {string} key @param {any} value */
    set(key, value) {
      model.set(key, value);
      model.save_changes();
    },
    /** @param {string} key @param {() => void} listener */
    on(key, listener) {
      model.on(`change:${key}`, listener);
      const leave = () => model.off(`change:${key}`, listener);
      leaving.push(leave);
      return leave;
    },
    /** @param {string} verb @param {Record<string, any>} [values] @returns {Promise<any>} */
    call(verb, values = {}) {
      const call = ++last;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => answered({ call, error: UNANSWERED }), seconds * 1000);
        waiting.set(call, {
          resolve: (value) => (clearTimeout(timer), resolve(value)),
          reject: (error) => (clearTimeout(timer), reject(error)),
        });
        model.send({ call, verb, values });
      });
    },
    /** @param {Record<string, any>} values @returns {Promise<OwnStore>} */
    async child(values) {
      const id = await store.call("open", values);
      return kernelStore(await model.widget_manager.get_model(id), seconds);
    },
    close() {
      model.off("msg:custom", answered);
      leaving.forEach((leave) => leave());
      [...waiting.keys()].forEach((call) => answered({ call, error: UNANSWERED }));
    },
  };
  return store;
}

/**
 * Draw now, and after each change of the values that a drawing shows.
 * @param {Store} store
 * @param {Array<[string[], () => void]>} listeners the values' names, and what draws them
 * @returns {Array<() => void>} how to stop it
 */
export function follow(store, listeners) {
  const ends = listeners.flatMap(([keys, draw]) => keys.map((key) => store.on(key, draw)));
  listeners.forEach(([, draw]) => draw());
  return ends;
}
