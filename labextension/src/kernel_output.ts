// Draws what a kernel's widget draws, where there is one; where there is none, what the output holds instead.

import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Kernel } from '@jupyterlab/services';
import { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { panelOf } from './notebook_cells';

const REFERENCE = 'application/vnd.mlmagic.kernel+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
const COMMS = 'jupyter.widget';

/** What is drawn without the widget. */
export interface IWithoutKernel {
  /** Draw, or draw again what has changed. */
  draw(node: HTMLElement, data: Record<string, any>): void;
  close(): void;
}

/** The factory of outputs that only their kernel can draw, such as the deploy form: without it they say what to do. */
export function kernelOutputs(notebooks: INotebookTracker | null): IRenderMime.IRendererFactory {
  return {
    safe: false,
    mimeTypes: [REFERENCE],
    createRenderer: options => new KernelOutput(options.mimeType, notebooks, new Note(), isInKernel)
  };
}

/** Whether the kernel has the widget. It answers when it is idle; a page that was just opened asks it. */
async function isInKernel(kernel: Kernel.IKernelConnection, id: string): Promise<boolean> {
  const known = await kernel.requestCommInfo({ target_name: COMMS });
  return known.content.status === 'ok' && id in known.content.comms;
}

/** One output: the widget of the kernel, or what stands in for it. */
export class KernelOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private _mimeType: string,
    private _notebooks: INotebookTracker | null,
    private _without: IWithoutKernel,
    private _isThere: (kernel: Kernel.IKernelConnection, id: string) => boolean | Promise<boolean>
  ) {
    super();
    this.addClass('mlmagic-output');
    this.layout = new PanelLayout();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    if (this.isAttached) {
      await this._draw(model);
    }
  }

  dispose(): void {
    this._without.close();
    super.dispose();
  }

  /** Only now is it known in which notebook it is. */
  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this._model) {
      void this._draw(this._model);
    }
  }

  private async _draw(model: IRenderMime.IMimeModel): Promise<void> {
    const id = (model.data[WIDGET] as { model_id?: string } | undefined)?.model_id;
    if (id && id === this._drawn) {
      return; // it follows its kernel
    }
    const panel = panelOf(this._notebooks, this.node);
    // A page that was opened a moment ago gets its kernel a moment later.
    const kernel = id ? await panel?.sessionContext.ready.then(() => panel.sessionContext.session?.kernel) : null;
    const isThere = !!kernel && !!id && (await this._isThere(kernel, id));
    const layout = this.layout as PanelLayout;
    if (this.isDisposed) {
      return;
    }
    if (panel && isThere) {
      this._drawn = id;
      layout.widgets.slice().forEach(each => each.dispose());
      const drawn = panel.content.rendermime.createRenderer(WIDGET);
      layout.addWidget(drawn);
      return drawn.renderModel(model);
    }
    if (!layout.widgets.length) {
      layout.addWidget(new Widget());
    }
    this._without.draw(layout.widgets[0].node, model.data[this._mimeType] as Record<string, any>);
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _drawn = '';
}

/** A note in place of "model not found". */
class Note implements IWithoutKernel {
  draw(node: HTMLElement, data: Record<string, any>): void {
    node.className = 'mlmagic mlmagic-note';
    node.setAttribute('role', 'status');
    node.textContent = data.words ?? '';
  }

  close(): void {
    // it holds nothing
  }
}
