// Draws outputs that carry their data, such as a profile or a run: nothing is asked of a server or a kernel.

import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ServerConnection } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';

import { IStore } from './channel';
import { component, ComponentName } from './components';
import { Values } from './values';

const COMPONENTS: Record<string, ComponentName> = {
  'application/vnd.mlmagic.profile+json': 'profile',
  'application/vnd.mlmagic.run+json': 'run'
};

/** The factory of `DataOutput`. */
export function dataOutputs(settings: ServerConnection.ISettings): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: Object.keys(COMPONENTS),
    createRenderer: options => new DataOutput(COMPONENTS[options.mimeType], options.mimeType, settings)
  };
}

/** One output; it is drawn once, and each update of the output changes what it shows. */
class DataOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private _component: ComponentName,
    private _mimeType: string,
    private _settings: ServerConnection.ISettings
  ) {
    super();
    this.addClass('mlmagic-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._store.change(model.data[this._mimeType] as Record<string, any>);
    if (this._isDrawn) {
      return;
    }
    this._isDrawn = true;
    const draw = await component(this._settings, this._component);
    if (!this.isDisposed) {
      const root = document.createElement('div');
      this.node.replaceChildren(root);
      this._leave = draw(root, this._store);
    }
  }

  dispose(): void {
    this._leave();
    super.dispose();
  }

  private _store = new DataStore();
  private _isDrawn = false;
  private _leave: () => void = () => undefined;
}

/** The store of a component that only shows. */
class DataStore extends Values implements IStore {
  readonly lost = '';

  async call(): Promise<any> {
    throw new Error('It can only be looked at.');
  }

  async child(): Promise<any> {
    throw new Error('It has no cards.');
  }
}
