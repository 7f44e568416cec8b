// The side bar's panel: the services of a workspace, each with its card in place.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Channel, ChannelStore } from './channel';
import { component } from './components';

interface IWorkspace {
  key: string;
  name: string;
  found_by: string;
}

/** The workspaces of this user, the one used by default first. */
export async function workspaces(settings: ServerConnection.ISettings): Promise<IWorkspace[]> {
  const url = URLExt.join(settings.baseUrl, 'mlmagic', 'workspaces');
  const response = await ServerConnection.makeRequest(url, {}, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return (await response.json()).workspaces;
}

/** The panel. It opens a workspace when it is shown for the first time, and keeps it open. */
export class ServicesPanel extends Widget {
  constructor(
    private _channel: Channel,
    private _trans: TranslationBundle
  ) {
    super();
    this.id = 'mlmagic-panel';
    this.title.caption = this._trans.__('Services of mlmagic');
    this.addClass('mlmagic-panel');
    this._choice.className = 'mlmagic-input';
    this._choice.setAttribute('aria-label', this._trans.__('Workspace'));
    this._choice.onchange = () => this._open(this._choice.value);
    const title = document.createElement('h2');
    title.textContent = this._trans.__('Services');
    const head = document.createElement('div');
    head.className = 'mlmagic mlmagic-row mlmagic-panel-head';
    head.append(title, this._choice);
    this._body.className = 'mlmagic-panel-body';
    this.node.append(head, this._body);
  }

  protected onAfterShow(): void {
    void this._refresh();
  }

  protected onAfterAttach(): void {
    if (this.isVisible) {
      void this._refresh();
    }
  }

  dispose(): void {
    this._close();
    super.dispose();
  }

  private async _refresh(): Promise<void> {
    try {
      const found = await workspaces(this._channel.settings);
      const chosen = found.find(each => each.key === this._choice.value) ?? found[0];
      this._choice.replaceChildren(
        ...found.map(each => new Option(each.name, each.key, false, each.key === chosen.key))
      );
      this._choice.hidden = found.length < 2;
      if (!this._store) {
        await this._open(chosen.key);
      }
    } catch (error) {
      this._say((error as Error).message);
    }
  }

  private async _open(workspace: string): Promise<void> {
    this._close();
    const opening = ++this._openings;
    const root = document.createElement('div');
    try {
      const draw = await component(this._channel.settings, 'services');
      const store = await this._channel.open({ component: 'services', workspace });
      if (opening !== this._openings) {
        return store.close();
      }
      this._body.replaceChildren(root);
      this._store = store;
      this._leave = draw(root, store);
    } catch (error) {
      this._say((error as Error).message);
    }
  }

  private _say(words: string): void {
    const note = document.createElement('p');
    note.className = 'mlmagic';
    note.setAttribute('role', 'alert');
    note.textContent = words;
    this._body.replaceChildren(note);
  }

  private _close(): void {
    this._openings++;
    this._leave();
    this._leave = () => undefined;
    this._store?.close();
    this._store = null;
    this._body.replaceChildren();
  }

  private _body = document.createElement('div');
  private _choice = document.createElement('select');
  private _openings = 0;
  private _store: ChannelStore | null = null;
  private _leave: () => void = () => undefined;
}
