// What can be told from the text of cells and tracebacks.

const FRAME = /File "[^"]*", line \d+[^\n]*\n[ \t]*([^\n]+)/g;
const SCRIPT = /^%%score_script[ \t]+(?:-\S+[ \t]+)*([\w.-]+)/;

/** The source lines of a traceback's frames, the innermost first. */
export function linesOf(traceback: string): string[] {
  return [...traceback.matchAll(FRAME)].map(found => found[1].trim()).reverse();
}

/** Where the innermost frame that a cell has the line of is: the cell's index, and the line's. */
export function placeOf(sources: string[], traceback: string): { cell: number; line: number } | null {
  for (const wanted of linesOf(traceback)) {
    // The newest cell with this line: an earlier one was replaced by it.
    for (let cell = sources.length - 1; cell >= 0; cell--) {
      const line = sources[cell].split('\n').findIndex(each => each.trim() === wanted);
      if (line >= 0) {
        return { cell, line };
      }
    }
  }
  return null;
}

/** Whether a cell defines an entry script. */
export function isScript(source: string): boolean {
  return /^(async )?def init\(/m.test(source) && /^(async )?def run\(/m.test(source);
}

/** The name of the script that a cell captures; null if it captures none yet. */
export function scriptName(source: string): string | null {
  return SCRIPT.exec(source)?.[1] ?? null;
}

/** A name for the service of a script: lower case letters, digits and hyphens, from 3 to 32 characters. */
export function serviceName(script: string): string {
  const name = script.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+|-+$/g, '');
  return (name.length < 3 ? `${name}-svc`.replace(/^-/, '') : name).slice(0, 32).replace(/-+$/, '');
}

/** Whether the cell that captures a script is, line for line, in the script that a service serves. */
export function isSameScript(cell: string, served: string): boolean {
  const [, ...body] = cell.split('\n');
  return withoutFutures(served.split('\n')).includes(withoutFutures(body));
}

/** A capture moves the imports of `__future__` to the top. */
function withoutFutures(lines: string[]): string {
  return lines
    .filter(line => !line.startsWith('from __future__ '))
    .join('\n')
    .trim();
}
