// Marks on the cells that services serve: whether a cell is what its service serves, or was edited since.

import { CodeCell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { PanelLayout, Widget } from '@lumino/widgets';

import { deploy } from './notebook_cells';
import { isSameScript, scriptName } from './scripts';
import { ICaptured, Watch } from './watch';

const PAUSE_MS = 300;
const BELOW_INPUT = 2;
/** An output that names a service: this notebook has deployed it, or shows it. */
const SERVICE = 'application/vnd.mlmagic.service+json';

/** Marks the cells of all notebooks, now and after each change of a notebook or a service. */
export function markCells(notebooks: INotebookTracker, watch: Watch, trans: TranslationBundle): void {
  const marks = new WeakMap<CodeCell, Mark>();
  let timer = 0;
  const soon = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => notebooks.forEach(panel => void update(panel)), PAUSE_MS);
  };
  const update = async (panel: NotebookPanel): Promise<void> => {
    const shown = servicesIn(panel);
    const scripts = panel.content.widgets.filter(
      (cell): cell is CodeCell => cell instanceof CodeCell && !!scriptName(cell.model.sharedModel.getSource())
    );
    const served = shown.size && scripts.length ? await watch.captured(shown) : [];
    for (const cell of scripts) {
      if (!cell.isDisposed) {
        const source = cell.model.sharedModel.getSource();
        const mark = marks.get(cell) ?? new Mark(cell, notebooks, trans);
        marks.set(cell, mark);
        mark.show(served.filter(each => each.name === scriptName(source)), source);
      }
    }
    panel.content.widgets.forEach(cell => {
      if (cell instanceof CodeCell && !scripts.includes(cell)) {
        marks.get(cell)?.show([], '');
      }
    });
  };
  const follow = (panel: NotebookPanel): void => {
    panel.content.modelContentChanged.connect(soon);
    soon();
  };
  notebooks.forEach(follow);
  notebooks.widgetAdded.connect((_, panel) => follow(panel));
  watch.changed.connect(soon);
}

/** The ids of the services whose cards are in a notebook. */
function servicesIn(panel: NotebookPanel): Set<string> {
  const found = new Set<string>();
  for (const cell of panel.content.widgets) {
    if (cell instanceof CodeCell) {
      for (let at = 0; at < cell.model.outputs.length; at++) {
        const named = cell.model.outputs.get(at).data[SERVICE] as { id?: string } | undefined;
        if (named?.id) {
          found.add(named.id);
        }
      }
    }
  }
  return found;
}

/** The mark of one cell, below its input; there is none while no service serves it. */
class Mark {
  constructor(
    private _cell: CodeCell,
    private _notebooks: INotebookTracker,
    private _trans: TranslationBundle
  ) {
    this._widget.node.className = 'mlmagic mlmagic-mark';
    this._button.type = 'button';
    this._button.className = 'mlmagic-button mlmagic-quiet';
  }

  show(served: ICaptured[], source: string): void {
    const edited = served.filter(each => !isSameScript(source, each.text));
    const words = edited.length
      ? this._trans.__('Edited since %1 was deployed', edited.map(each => each.service).join(', '))
      : served.length
        ? this._trans.__('Served by %1', served.map(each => each.service).join(', '))
        : '';
    const first = edited[0];
    if (words === this._words) {
      return;
    }
    this._words = words;
    this._text.textContent = words;
    this._widget.node.classList.toggle('mlmagic-edited', !!first);
    this._widget.node.replaceChildren(this._text, ...(first ? [this._button] : []));
    if (first) {
      this._button.textContent = this._trans.__('Update %1', first.service);
      this._button.onclick = () => void deploy(this._cell, this._notebooks, [first.service], first.service);
    }
    if (!words) {
      this._widget.parent = null;
    } else if (!this._widget.isAttached) {
      (this._cell.layout as PanelLayout).insertWidget(BELOW_INPUT, this._widget);
    }
  }

  private _widget = new Widget();
  private _text = document.createElement('span');
  private _button = document.createElement('button');
  private _words = '';
}
