// The status bar's count, and a notification when a service turns worse.

import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Channel } from './channel';
import { workspaces } from './panel';
import { IRow, summary, turnedWorse } from './states';

const RETRY_MS = 30_000;

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

  /** The names of the services. */
  names: string[] = [];

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
    this.names = rows.map(row => row.name);
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
