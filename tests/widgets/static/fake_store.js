// A store for tests: values that a test changes, and calls that it answers.

/** @param {Record<string, any>} values @param {Record<string, (values: any) => any>} answers */
export function fakeStore(values, answers = {}) {
  const listeners = new Map();
  const calls = [];
  return {
    calls,
    lost: "the test has stopped",
    listening: () => [...listeners.values()].reduce((sum, each) => sum + each.size, 0),
    get: (key) => values[key],
    set(key, value) {
      values[key] = value;
      listeners.get(key)?.forEach((listener) => listener());
    },
    on(key, listener) {
      if (!listeners.has(key)) listeners.set(key, new Set());
      listeners.get(key).add(listener);
      return () => listeners.get(key).delete(listener);
    },
    async call(verb, sent = {}) {
      calls.push([verb, sent]);
      const answer = answers[verb];
      if (!answer) return null;
      return answer(sent);
    },
  };
}

export const SERVICE = {
  id: "abc", name: "wine", state: "Healthy", words: "", began: 1000, beat: 1100, revision: 2, serving: 2, reloads: 0,
  endpoint: "http://127.0.0.1:5001/score", docs: "http://127.0.0.1:5001/docs", traceback: "", failure: "",
  figures: [["Requests", "12"], ["p50 / p99", "1.2 / 3.4 ms"]], history: [], details: [["Models", "wine:1"]],
  events: [], alerts: [], log_text: "", gone: false, replicas: 1, offered: ["update", "restart", "stop", "scale", "delete"],
  doing: "", told: "", authentication: "",
};
export const HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> & \"'";
