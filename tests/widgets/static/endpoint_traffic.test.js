import { afterEach, expect, it } from "vitest";
import { effectiveShares, endpointTraffic, sharesInWords } from "../../../mlmagic/widgets/static/endpoint_traffic.js";
import { fakeStore, HOSTILE } from "./fake_store.js";

const ended = [];
afterEach(() => {
  ended.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});
const version = (name, percent, values = {}) => ({
  name, percent, role: "treatment", isDefault: false, rate: ["12/s", 12], latency: ["1 / 9 ms", 9], errors: ["0", 0], ...values,
});
const VERSIONS = [version("v1", 80, { role: "control", isDefault: true }), version("v2", 20)];

function traffic(values = {}, answers = {}) {
  const store = fakeStore({ name: "wine", versions: VERSIONS, comparison: "", rollout: "", ...values }, answers);
  const root = document.createElement("div");
  document.body.append(root);
  ended.push(endpointTraffic(root, store));
  return { root, store };
}
const share = (root, name) => root.querySelector(`[aria-label="Share of ${name} in percent"]`);
function type(input, text) {
  input.value = text;
  input.dispatchEvent(new Event("input"));
}
const apply = (root) => root.querySelector("[aria-label='Apply the shares of wine']");
const settled = () => new Promise((resolve) => setTimeout(resolve));

it.each([
  [[80, 20], "Together 100 %.", true],
  [[33.3, 33.3, 33.4], "Together 100 %.", true],
  [[80, 15.5], "Together 95.5 %: the default version v1 gets the remaining 4.5 %.", true],
  [[80, 30], "Together 110 %: at most 100 % can be given.", false],
  [[NaN, 30], "Each share must be between 0 and 100 %.", false],
  [[-1, 30], "Each share must be between 0 and 100 %.", false],
])("says what shares %j are", (percents, words, isValid) => {
  expect(sharesInWords(percents, "v1")).toEqual({ words, isValid });
});

it.each([
  [[80, 20], 0, [80, 20]],
  [[0, 40], 0, [60, 40]],
  [[30, 10], 1, [30, 70]],
])("gives the default version what is left of %j", (percents, fallback, shares) => {
  expect(effectiveShares(percents, fallback)).toEqual(shares);
});

it("tells of shadows and of a rollout", () => {
  const { root } = traffic({
    versions: [VERSIONS[0], version("v2", 20, { shadow: "100 %, 3 different" })], rollout: "v2 is being rolled out: at 20 %.",
  });
  expect(root.textContent).toContain("As a shadow: 100 %, 3 different");
  expect(root.textContent).toContain("v2 is being rolled out: at 20 %.");
});

it("shows the versions side by side", () => {
  const { root } = traffic({ comparison: HOSTILE });
  expect(root.textContent).toContain("v1 (control, default)");
  expect(root.textContent).toContain("1 / 9 ms");
  expect(root.textContent).toContain(HOSTILE);
  expect(root.querySelector("script, img")).toBe(null);
  expect(apply(root).disabled).toBe(true);
});

it("applies shares that are valid, and keeps them while somebody types", async () => {
  const { root, store } = traffic({}, { set_traffic: () => null });
  type(share(root, "v1"), "95");
  expect(apply(root).disabled).toBe(true);
  type(share(root, "v2"), "5");
  store.set("versions", [VERSIONS[0], version("v2", 20, { rate: ["13/s", 13] })]);
  expect(share(root, "v2").value).toBe("5");
  expect(root.textContent).toContain("13/s");
  apply(root).click();
  await settled();
  expect(store.calls).toEqual([["set_traffic", { percents: { v1: 95, v2: 5 } }]]);
});

it("says why shares were refused, and takes them back", async () => {
  const { root } = traffic({}, { set_traffic: () => { throw new Error("v2 is not healthy"); } });
  type(share(root, "v2"), "10");
  apply(root).click();
  await settled();
  expect(root.querySelector("[role=alert]").textContent).toBe("v2 is not healthy");
  [...root.querySelectorAll("button")].find((each) => each.textContent === "Undo").click();
  expect(share(root, "v2").value).toBe("20");
});

it("keeps the focus while figures come", () => {
  const { root, store } = traffic();
  share(root, "v2").focus();
  store.set("versions", [...VERSIONS]);
  expect(document.activeElement).toBe(share(root, "v2"));
});
