// The status bar's count, and a notification when a service turns worse.

import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { Channel, IStore } from './channel';
import { workspaces } from './panel';
import { IRow, summary, turnedWorse } from './states';

const RETRY_MS = 30_000;

/** The script that was captured in a cell, as a service shall serve it. */
export interface ICaptured {
  service: string;
  /** Of the captured script. */
  name: string;
  text: string;
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

  /** The names of the services. */
  names: string[] = [];
  /** Tells of each change of the services. */
  readonly changed = new Signal<this, void>(this);

  /** The captured scripts of those services that have these ids. */
  async captured(ids: Set<string>): Promise<ICaptured[]> {
    const found: ICaptured[] = [];
    for (const row of this._rows.filter(each => ids.has(each.id))) {
      const mark = `${row.id} ${row.revision} ${row.changed}`;
      let known = this._captured.get(row.name);
      if (known?.mark !== mark) {
        try {
          const script = await this._store?.call('script', { service: row.name });
          known = { mark, name: script?.name ?? '', text: script?.text ?? '' };
          this._captured.set(row.name, known);
        } catch {
          continue; // it has gone meanwhile
        }
      }
      if (known.name) {
        found.push({ service: row.name, name: known.name, text: known.text });
      }
    }
    return found;
  }

  private async _begin(): Promise<void> {
    try {
      const [first] = await workspaces(this._channel.settings);
      const store = await this._channel.open({ component: 'services', workspace: first.key });
      this._store = store;
      this._draw(store.get('rows'));
      store.on('rows', () => this._draw(store.get('rows')));
    } catch {
      setTimeout(() => this.isDisposed || void this._begin(), RETRY_MS);
    }
  }

  private _draw(rows: IRow[]): void {
    const text = summary(rows, this._trans);
    const marks = rows.map(row => `${row.id} ${row.revision} ${row.changed}`).join();
    this._rows = rows;
    if (marks !== this._marks) {
      this._marks = marks;
      this.changed.emit();
    }
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

  private _rows: IRow[] = [];
  private _marks = '';
  private _store: IStore | null = null;
  private _captured = new Map<string, { mark: string; name: string; text: string }>();
  private _button = document.createElement('button');
  private _settled = new Map<string, number>();
}
