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

const BAD = ['Unhealthy', 'Failed', 'Unschedulable'];
const RETRY_MS = 30_000;

/** Rows whose state is bad now and was not before; none of those that are seen for the first time. */
export function turnedWorse(before: IRow[], now: IRow[]): IRow[] {
  const states = new Map(before.map(row => [row.id, row.state]));
  return now.filter(row => {
    const state = states.get(row.id);
    return BAD.includes(row.state) && state !== undefined && !BAD.includes(state);
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
    if (this._seen && this._isLoud()) {
      for (const row of turnedWorse(this._seen, rows)) {
        const words = row.words ? `${row.name} is ${row.state}: ${row.words}` : `${row.name} is ${row.state}`;
        Notification.warning(words, {
          autoClose: false,
          actions: [{ label: this._trans.__('Show services'), callback: () => this._show() }]
        });
      }
    }
    this._seen = rows;
  }

  private _button = document.createElement('button');
  private _seen: IRow[] | null = null;
}
