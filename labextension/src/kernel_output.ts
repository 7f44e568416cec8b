// Draws what only its kernel can draw, such as the deploy form; where that kernel has gone, it says what to do.

import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { panelOf } from './notebook_cells';

const REFERENCE = 'application/vnd.mlmagic.kernel+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
const COMMS = 'jupyter.widget';

/** The factory of `KernelOutput`. */
export function kernelOutputs(notebooks: INotebookTracker | null): IRenderMime.IRendererFactory {
  return {
    safe: false,
    mimeTypes: [REFERENCE],
    createRenderer: () => new KernelOutput(notebooks)
  };
}

/** One output: the widget of the kernel, or a note in its place instead of "model not found". */
class KernelOutput extends Widget implements IRenderMime.IRenderer {
  constructor(private _notebooks: INotebookTracker | null) {
    super();
    this.layout = new PanelLayout();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    if (this.isAttached) {
      await this._draw(model);
    }
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
    if (!id || id === this._drawn) {
      return;
    }
    const panel = panelOf(this._notebooks, this.node);
    // A page that was opened a moment ago gets its kernel a moment later.
    await panel?.sessionContext.ready;
    const kernel = panel?.sessionContext.session?.kernel;
    const known = await kernel?.requestCommInfo({ target_name: COMMS });
    if (this.isDisposed) {
      return;
    }
    if (panel && known?.content.status === 'ok' && id in known.content.comms) {
      const drawn = panel.content.rendermime.createRenderer(WIDGET);
      this._drawn = id;
      this._show(drawn);
      await drawn.renderModel(model);
      return;
    }
    const note = new Widget();
    note.node.className = 'mlmagic mlmagic-note';
    note.node.setAttribute('role', 'status');
    note.node.textContent = (model.data[REFERENCE] as { words?: string }).words ?? '';
    this._show(note);
  }

  private _show(widget: Widget): void {
    const layout = this.layout as PanelLayout;
    layout.widgets.slice().forEach(each => each.dispose());
    layout.addWidget(widget);
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _drawn = '';
}
