// Cells: the one that a traceback points to, and a button that deploys the script of one.

import { Cell, CodeCell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { ToolbarButton, ToolbarButtonComponent } from '@jupyterlab/ui-components';

import { ICON } from './icon';
import { isScript, placeOf, scriptName, serviceName } from './scripts';

const DEFAULT_SCRIPT = 'score';
const IS_LOADED = "'mlmagic' in get_ipython().extension_manager.loaded";

/** The event with which a component asks for a new cell below its own, with the `text` of its detail. */
const INSERT = 'mlmagic-insert';

/** The notebook that an element is in. */
export function panelOf(notebooks: INotebookTracker | null, node: Node): NotebookPanel | undefined {
  return notebooks?.find(each => each.content.node.contains(node));
}

/** Insert the cells that components ask for; what is not prevented, they do in another way. */
export function insertCells(notebooks: INotebookTracker): void {
  document.addEventListener(INSERT, event => {
    const node = event.target as Node;
    const notebook = panelOf(notebooks, node)?.content;
    const cell = notebook?.widgets.findIndex(each => each.node.contains(node)) ?? -1;
    if (!notebook || cell < 0) {
      return;
    }
    event.preventDefault();
    notebook.activeCellIndex = cell;
    NotebookActions.insertBelow(notebook);
    notebook.activeCell?.model.sharedModel.setSource((event as CustomEvent<{ text: string }>).detail.text);
  });
}

/** How to show the cell of a notebook that a traceback points to; null if no cell has its lines. */
export function cellOf(panel: NotebookPanel | null | undefined, traceback: string): (() => void) | null {
  const cells = panel?.content.widgets ?? [];
  const place = placeOf(
    cells.map(cell => cell.model.sharedModel.getSource()),
    traceback
  );
  if (!panel || !place) {
    return null;
  }
  return () => {
    panel.content.activeCellIndex = place.cell;
    void panel.content.scrollToItem(place.cell, 'smart').then(() => {
      if (panel.content.activeCellIndex !== place.cell) {
        return; // somebody went on to another cell meanwhile, and types there
      }
      const editor = cells[place.cell].editor;
      panel.content.mode = 'edit';
      const length = editor?.getLine(place.line)?.length ?? 0;
      editor?.setSelection({ start: { line: place.line, column: 0 }, end: { line: place.line, column: length } });
      editor?.focus();
    });
  };
}

/** The button on a cell; hidden while the cell defines no script. */
export function deployButton(
  cell: Cell,
  notebooks: INotebookTracker,
  services: () => string[],
  trans: TranslationBundle
): ToolbarButton {
  const button = new ToolbarButton({
    icon: ICON,
    tooltip: trans.__('Deploy this script as a service'),
    onClick: () => void deploy(cell, notebooks, services())
  } as ToolbarButtonComponent.IProps);
  const model = cell.model; // a cell that was disposed has none
  const update = (): void => button.setHidden(!(cell instanceof CodeCell && isScript(model.sharedModel.getSource())));
  model.contentChanged.connect(update);
  button.disposed.connect(() => model.contentChanged.disconnect(update));
  update();
  return button;
}

/**
 * Run the cell, and below it a new one with the line that deploys or updates: what was done is in the notebook.
 *
 * Of the `services` there are, one is updated; `service` names it where it is not called like the script.
 */
export async function deploy(
  cell: Cell,
  notebooks: INotebookTracker,
  services: string[],
  service?: string
): Promise<void> {
  const panel = notebooks.find(each => each.content.widgets.includes(cell));
  const session = panel?.sessionContext;
  if (!panel || !session?.session?.kernel) {
    return;
  }
  const shared = cell.model.sharedModel;
  const script = scriptName(shared.getSource()) ?? DEFAULT_SCRIPT;
  if (!scriptName(shared.getSource())) {
    shared.setSource(`%%score_script ${script}\n${shared.getSource()}`);
  }
  const notebook = panel.content;
  notebook.activeCellIndex = notebook.widgets.indexOf(cell);
  if (!(await isLoaded(panel))) {
    NotebookActions.insertAbove(notebook);
    notebook.activeCell?.model.sharedModel.setSource('%load_ext mlmagic');
    await NotebookActions.run(notebook, session);
    notebook.activeCellIndex = notebook.widgets.indexOf(cell);
  }
  if (!(await NotebookActions.run(notebook, session))) {
    return; // the capture was refused, and says why
  }
  notebook.activeCellIndex = notebook.widgets.indexOf(cell);
  NotebookActions.insertBelow(notebook);
  const name = service ?? serviceName(script);
  const verb = services.includes(name) ? '%update' : '%deploy';
  notebook.activeCell?.model.sharedModel.setSource(`${verb} ${name} --script ${script}`);
  await NotebookActions.run(notebook, session);
}

async function isLoaded(panel: NotebookPanel): Promise<boolean> {
  const kernel = panel.sessionContext.session?.kernel;
  const asked = kernel?.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { loaded: IS_LOADED }
  });
  const reply = (await asked?.done)?.content as any;
  return reply?.user_expressions?.loaded?.data?.['text/plain'] === 'True';
}
