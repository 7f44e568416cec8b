import { expect, it } from "vitest";
import { isSameScript, isScript, linesOf, placeOf, scriptName, serviceName } from "../../../labextension/src/scripts";

const TRACEBACK = `Traceback (most recent call last):
  File "score.py", line 9 (In[7], line 15), in run
    rows = prepare(json.loads(raw)["data"])
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "score.py", line 4, in prepare
    raise ValueError("no")
  File "/lib/numpy.py", line 4, in other
    not_ours()
ValueError: no`;
const CELL = "def prepare(rows):\n    raise ValueError(\"no\")";

it("reads the lines of a traceback, the innermost first", () => {
  expect(linesOf(TRACEBACK)).toEqual(["not_ours()", 'raise ValueError("no")', 'rows = prepare(json.loads(raw)["data"])']);
});

it.each([
  [["a = 1", CELL], { cell: 1, line: 1 }],
  [[CELL, "b", CELL], { cell: 2, line: 1 }],
  [['%%score_script x\nrows = prepare(json.loads(raw)["data"])'], { cell: 0, line: 1 }],
  [["a = 1"], null],
  [[], null],
])("finds the cell in %j", (cells, place) => {
  expect(placeOf(cells, TRACEBACK)).toEqual(place);
});

it.each([
  ["def init():\n    pass\n\ndef run(data):\n    return data", true],
  ["%%score_script x\ndef init(): pass\nasync def run(data): return data", true],
  ["def run(data):\n    return data", false],
  ["def initial():\n    pass\ndef run(data): return data", false],
  ["class A:\n    def init(self): pass\n    def run(self): pass", false],
])("knows a script: %j", (source, is) => {
  expect(isScript(source)).toBe(is);
});

it.each([
  ["%%score_script wine\ndef init()", "wine"],
  ["%%score_script --show wine\n", "wine"],
  ["def init():", null],
])("reads the script's name: %j", (source, name) => {
  expect(scriptName(source)).toBe(name);
});

it.each([
  ["wine", "wine"], ["My_Script.v2", "my-script-v2"], ["a", "a-svc"], ["9lives", "lives"], ["__", "svc"],
  ["a-very-long-name-of-a-script-with-words", "a-very-long-name-of-a-script-wit"], ["x".repeat(31) + "_y", "x".repeat(31)],
])("makes a service's name of %j", (script, name) => {
  expect(serviceName(script)).toBe(name);
  expect(name).toMatch(/^[a-z][a-z0-9-]{1,30}[a-z0-9]$/);
});

const SERVED = "from __future__ import annotations\nimport json\nscale = 2\n\ndef init():\n    pass\n\ndef run(raw):\n    return scale\n";

it.each([
  ["%%score_script x\ndef init():\n    pass\n\ndef run(raw):\n    return scale", true],
  ["%%score_script x --asset a=b\n\nfrom __future__ import annotations\ndef init():\n    pass\n\ndef run(raw):\n    return scale\n\n", true],
  ["%%score_script x\ndef init():\n    pass\n\ndef run(raw):\n    return scale + 1", false],
])("compares the cell with what is served: %j", (cell, same) => {
  expect(isSameScript(cell, SERVED)).toBe(same);
});
