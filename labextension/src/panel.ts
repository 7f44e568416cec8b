// The side bar's panel: the services, models, profiles and runs of a workspace, each opened in place.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Channel, ChannelStore, INotebookSide, IWanted } from './channel';
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

/** Whether the Jupyter server has mlmagic: the page may be newer than the server, or of another environment. */
export async function hasServerHalf(settings: ServerConnection.ISettings): Promise<boolean> {
  try {
    await workspaces(settings);
  } catch (error) {
    return !(error instanceof ServerConnection.ResponseError && error.response.status === 404);
  }
  return true;
}

/** The panel. It opens a workspace when it is shown for the first time, and keeps it open. */
export class WorkspacePanel extends Widget {
  constructor(
    private _channel: Channel,
    trans: TranslationBundle,
    cellOf: INotebookSide['cellOf']
  ) {
    super();
    this.id = 'mlmagic-panel';
    this.title.caption = trans.__('Services, models, profiles and runs of mlmagic');
    this.addClass('mlmagic-panel');
    this._choice.className = 'mlmagic-input';
    this._choice.setAttribute('aria-label', trans.__('Workspace'));
    this._choice.onchange = () => this._open(this._choice.value);
    this._choice.hidden = true;
    this._head.className = 'mlmagic mlmagic-row mlmagic-panel-head';
    this._head.append(this._choice);
    this._head.hidden = true;
    this._sections = [
      new Section(this._channel, cellOf, 'services', trans.__('Services'), true),
      new Section(this._channel, cellOf, 'models', trans.__('Models'), false),
      new Section(this._channel, cellOf, 'profiles', trans.__('Profiles'), false),
      new Section(this._channel, cellOf, 'runs', trans.__('Runs'), false)
    ];
    this.node.append(this._head, ...this._sections.map(each => each.node));
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
    this._sections.forEach(each => each.close());
    super.dispose();
  }

  private async _refresh(): Promise<void> {
    try {
      const found = await workspaces(this._channel.settings);
      const chosen = found.find(each => each.key === this._choice.value) ?? found[0];
      this._choice.replaceChildren(
        ...found.map(each => {
          const option = new Option(each.name, each.key, false, each.key === chosen.key);
          option.title = each.found_by;
          return option;
        })
      );
      this._head.hidden = this._choice.hidden = found.length < 2;
      this._open(chosen.key);
    } catch (error) {
      this._sections.forEach(each => each.say((error as Error).message));
    }
  }

  private _open(workspace: string): void {
    this._sections.forEach(each => each.show(workspace));
  }

  private _head = document.createElement('div');
  private _choice = document.createElement('select');
  private _sections: Section[];
}

/** A part of the panel that opens and closes. What it shows is opened when it is first open. */
class Section {
  readonly node = document.createElement('details');

  constructor(
    private _channel: Channel,
    private _cellOf: INotebookSide['cellOf'],
    private _component: IWanted['component'],
    title: string,
    isOpen: boolean
  ) {
    const summary = document.createElement('summary');
    summary.textContent = title;
    this.node.className = 'mlmagic-panel-section';
    this.node.open = isOpen;
    this.node.append(summary, this._body);
    this.node.ontoggle = () => this._update();
  }

  /** Show a workspace; nothing happens if it is shown already. */
  show(workspace: string): void {
    if (workspace !== this._workspace) {
      this.close();
      this._workspace = workspace;
      this._update();
    }
  }

  say(words: string): void {
    this.close();
    const note = document.createElement('p');
    note.className = 'mlmagic';
    note.setAttribute('role', 'alert');
    note.textContent = words;
    this._body.replaceChildren(note);
  }

  close(): void {
    this._openings++;
    this._leave();
    this._leave = () => undefined;
    this._store?.close();
    this._store = null;
    this._workspace = '';
    this._isOpening = false;
    this._body.replaceChildren();
  }

  private _update(): void {
    if (this.node.open && this._workspace && !this._store && !this._isOpening) {
      void this._open(this._workspace);
    }
  }

  private async _open(workspace: string): Promise<void> {
    const opening = ++this._openings;
    this._isOpening = true;
    try {
      const draw = await component(this._channel.settings, this._component);
      const store = await this._channel.open(
        { component: this._component, workspace },
        { call: () => null, cellOf: this._cellOf }
      );
      if (opening !== this._openings) {
        return store.close();
      }
      const root = document.createElement('div');
      this._body.replaceChildren(root);
      this._store = store;
      this._leave = draw(root, store);
    } catch (error) {
      if (opening === this._openings) {
        this.say((error as Error).message);
      }
    } finally {
      if (opening === this._openings) {
        this._isOpening = false;
      }
    }
  }

  private _body = document.createElement('div');
  private _workspace = '';
  private _openings = 0;
  private _isOpening = false;
  private _store: ChannelStore | null = null;
  private _leave: () => void = () => undefined;
}
