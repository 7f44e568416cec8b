// Outputs that carry their data, such as a profile or a run: nothing is asked of a server or a kernel.

import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ServerConnection } from '@jupyterlab/services';

import { IStore } from './channel';
import { component, ComponentName } from './components';
import { IWithoutKernel, KernelOutput } from './kernel_output';
import { Values } from './values';

const COMPONENTS: Record<string, ComponentName> = {
  'application/vnd.mlmagic.profile+json': 'profile',
  'application/vnd.mlmagic.run+json': 'run',
  'application/vnd.mlmagic.batch-job+json': 'job'
};

/** The factory of these outputs. While it goes on, the kernel's widget knows more than the output holds. */
export function dataOutputs(
  settings: ServerConnection.ISettings,
  notebooks: INotebookTracker | null
): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: Object.keys(COMPONENTS),
    createRenderer: ({ mimeType }) =>
      // Not asked of the kernel: it is busy while it measures.
      new KernelOutput(mimeType, notebooks, new Drawn(settings, COMPONENTS[mimeType]), (kernel, id) =>
        kernel.hasComm(id)
      )
  };
}

/** A component over the data of its output. */
class Drawn implements IWithoutKernel {
  constructor(
    private _settings: ServerConnection.ISettings,
    private _component: ComponentName
  ) {}

  draw(node: HTMLElement, data: Record<string, any>): void {
    this._store.change(data);
    if (node !== this._node) {
      this._node = node;
      void this._begin(node);
    }
  }

  close(): void {
    this._node = null;
    this._leave();
  }

  private async _begin(node: HTMLElement): Promise<void> {
    const draw = await component(this._settings, this._component);
    if (node === this._node) {
      this._leave();
      this._leave = draw(node, this._store);
    }
  }

  private _store = new DataStore();
  private _node: HTMLElement | null = null;
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
