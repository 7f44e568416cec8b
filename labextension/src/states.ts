// What the states of all services say together.

import type { TranslationBundle } from '@jupyterlab/translation';

export interface IRow {
  id: string;
  name: string;
  state: string;
  words: string;
  revision?: number;
  changed?: number;
}

const BAD = ['Unhealthy', 'Unschedulable', 'Failed'];
const HOW_BAD: Record<string, number> = { Healthy: 0, Unhealthy: 1, Unschedulable: 1, Failed: 2 };

/**
 * The rows whose state is worse than the one that they settled in last, which `settled` keeps by id.
 *
 * A service that has never served does not turn worse: whoever deploys it watches.
 */
export function turnedWorse(settled: Map<string, number>, rows: IRow[]): IRow[] {
  return rows.filter(row => {
    const now = HOW_BAD[row.state];
    const before = settled.get(row.id);
    if (now !== undefined && (now === 0 || before !== undefined)) {
      settled.set(row.id, now);
    }
    return now !== undefined && before !== undefined && now > before;
  });
}

/** The text of the status bar; empty without services. */
export function summary(rows: IRow[], trans: Pick<TranslationBundle, '__' | '_n'>): string {
  if (!rows.length) {
    return '';
  }
  const bad = rows.filter(row => BAD.includes(row.state)).length;
  const healthy = rows.filter(row => row.state === 'Healthy').length;
  const text = trans.__('mlmagic: %1 of %2 healthy', healthy, rows.length);
  return bad ? `${text}, ${trans._n('%1 needs attention', '%1 need attention', bad)}` : text;
}
