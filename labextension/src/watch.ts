// The status bar's count, and a notification when a service turns worse.

import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Channel } from './channel';
import { workspaces } from './panel';

export interface IRow {
  id: string;
  name: string;
  state: string;
  words: string;
}

const BAD = ['Unhealthy', 'Unschedulable', 'Failed'];
const HOW_BAD: Record<string, number> = { Healthy: 0, Unhealthy: 1, Unschedulable: 1, Failed: 2 };
const RETRY_MS = 30_000;

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
export function summary(rows: IRow[], trans: TranslationBundle): string {
  if (!rows.length) {
    return '';
  }
  const bad = rows.filter(row => BAD.includes(row.state)).length;
  const healthy = rows.filter(row => row.state === 'Healthy').length;
  const text = trans.__('mlmagic: %1 of %2 healthy', healthy, rows.length);
  return bad ? `${text}, ${trans._n('%1 needs attention', '%1 need attention', bad)}` : text;
}

/** Watches the services of the workspace that is used by default, as long as the page is open. */
export class Watch extends Widget {
  constructor(
    private _channel: Channel,
    private _trans: TranslationBundle,
    private _show: () => void,
    private _isLoud: () => boolean
  ) {
    super();
    this._button.type = 'button';
    this._button.className = 'mlmagic-status jp-StatusBar-TextItem';
    this._button.title = this._trans.__('Show the services of mlmagic');
    this._button.onclick = () => this._show();
    this.node.append(this._button);
    this.hide();
    void this._begin();
  }

  private async _begin(): Promise<void> {
    try {
      const [first] = await workspaces(this._channel.settings);
      const store = await this._channel.open({ component: 'services', workspace: first.key });
      this._draw(store.get('rows'));
      store.on('rows', () => this._draw(store.get('rows')));
    } catch {
      setTimeout(() => this.isDisposed || void this._begin(), RETRY_MS);
    }
  }

  private _draw(rows: IRow[]): void {
    const text = summary(rows, this._trans);
    this._button.textContent = text;
    this.setHidden(!text);
    const worse = turnedWorse(this._settled, rows);
    if (this._isLoud()) {
      for (const row of worse) {
        const words = row.words ? `${row.name} is ${row.state}: ${row.words}` : `${row.name} is ${row.state}`;
        Notification.warning(words, {
          autoClose: false,
          actions: [{ label: this._trans.__('Show services'), callback: () => this._show() }]
        });
      }
    }
  }

  private _button = document.createElement('button');
  private _settled = new Map<string, number>();
}
