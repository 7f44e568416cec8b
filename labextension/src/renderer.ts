// Draws our outputs in a notebook, live from the server: after a restart, a reload, a re-opening, for a colleague.

import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';

import { Channel, ChannelStore, IWanted } from './channel';
import { component } from './components';
import { kernelCall } from './kernel_calls';
import { cellOf, panelOf } from './notebook_cells';

const COMPONENTS: Record<string, IWanted['component']> = {
  'application/vnd.mlmagic.service+json': 'service',
  'application/vnd.mlmagic.services+json': 'services',
  'application/vnd.mlmagic.models+json': 'models',
  'application/vnd.mlmagic.profiles+json': 'profiles'
};
/** Before the widgets' own renderer, whose rank is -10: it cannot draw a widget whose kernel has gone. */
export const RANK = -20;
const WIDGET = 'application/vnd.jupyter.widget-view+json';

/** The factory of `Output`. */
export function outputs(channel: Channel, notebooks: INotebookTracker | null): IRenderMime.IRendererFactory {
  return {
    // A saved output names a service, and nothing happens before somebody presses a button.
    safe: true,
    mimeTypes: Object.keys(COMPONENTS),
    createRenderer: options => new Output(options.mimeType, channel, notebooks)
  };
}

/** One output. */
class Output extends Widget implements IRenderMime.IRenderer {
  constructor(
    private _mimeType: string,
    private _channel: Channel,
    private _notebooks: INotebookTracker | null
  ) {
    super();
    this.addClass('mlmagic-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[this._mimeType] as Record<string, string>;
    const widget = (model.data[WIDGET] as { model_id?: string } | undefined)?.model_id;
    const mark = JSON.stringify([data, widget]);
    if (mark === this._drawn || this.isDisposed) {
      return;
    }
    this._drawn = mark;
    this._end();
    const name = COMPONENTS[this._mimeType];
    const wanted: IWanted = { ...data, component: name, workspace: data.workspace, notebook: this._panel()?.context.path };
    const root = document.createElement('div');
    this.node.replaceChildren(root);
    try {
      const draw = await component(this._channel.settings, name);
      const store = await this._channel.open(wanted, {
        call: (store, verb, values) =>
          kernelCall(this._panel()?.sessionContext.session?.kernel ?? null, widget, store, verb, values),
        cellOf: traceback => cellOf(this._panel(), traceback)
      });
      if (this.isDisposed || this._drawn !== mark) {
        return store.close();
      }
      this._store = store;
      this._leave = draw(root, store);
    } catch (error) {
      // The static card stands beside it, as nothing hides it now.
      root.className = 'mlmagic mlmagic-note';
      root.setAttribute('role', 'status');
      root.textContent = `Not live: ${(error as Error).message}`;
    }
  }

  dispose(): void {
    this._end();
    super.dispose();
  }

  private _panel(): NotebookPanel | undefined {
    return panelOf(this._notebooks, this.node);
  }

  private _end(): void {
    this._leave();
    this._leave = () => undefined;
    this._store?.close();
    this._store = null;
  }

  private _drawn = '';
  private _store: ChannelStore | null = null;
  private _leave: () => void = () => undefined;
}
