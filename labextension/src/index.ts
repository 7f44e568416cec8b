// mlmagic in JupyterLab and Notebook 7: live outputs, a side-bar panel, and the services' state in the status bar.

import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { Cell } from '@jupyterlab/cells';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { markCells } from './cell_marks';
import { Channel } from './channel';
import { translateComponents } from './components';
import { dataOutputs } from './data_output';
import { ICON } from './icon';
import { kernelOutputs } from './kernel_output';
import { cellOf, deployButton, insertCells } from './notebook_cells';
import { hasServerHalf, WorkspacePanel } from './panel';
import { outputs, RANK } from './renderer';
import { Watch } from './watch';

const PLUGIN = 'mlmagic:plugin';
const SHOW = 'mlmagic:show-services';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'Live services of mlmagic: outputs, a side-bar panel, the status bar, notifications.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [
    INotebookTracker,
    ILabShell,
    ILayoutRestorer,
    ICommandPalette,
    IStatusBar,
    ISettingRegistry,
    IToolbarWidgetRegistry,
    ILauncher,
    ITranslator
  ],
  activate: async (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    notebooks: INotebookTracker | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null,
    settings: ISettingRegistry | null,
    toolbars: IToolbarWidgetRegistry | null,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('mlmagic');
    translateComponents(trans);
    const channel = new Channel(app.serviceManager.serverSettings);
    if (!(await hasServerHalf(channel.settings))) {
      console.warn('mlmagic is not in the Jupyter server: kernels draw its outputs, and there is no panel.');
      return;
    }
    const registries = [rendermime];
    // Notebooks that are open already have a registry of their own.
    notebooks?.forEach(each => void registries.push(each.content.rendermime));
    for (const registry of registries) {
      registry.addFactory(outputs(channel, notebooks), RANK);
      registry.addFactory(kernelOutputs(notebooks), RANK);
      registry.addFactory(dataOutputs(channel.settings, notebooks), RANK);
    }
    if (notebooks) {
      insertCells(notebooks);
    }

    const panel = new WorkspacePanel(channel, trans, traceback => cellOf(notebooks?.currentWidget, traceback));
    panel.title.icon = ICON;
    app.shell.add(panel, 'left', { rank: 600, type: 'mlmagic' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(SHOW, {
      label: args => (args.isLauncher ? trans.__('Services') : trans.__('Show Services and Models of mlmagic')),
      icon: ICON,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: SHOW, category: 'mlmagic' });
    launcher?.add({ command: SHOW, category: 'mlmagic', args: { isLauncher: true } });

    let isLoud = true;
    void settings?.load(PLUGIN).then(loaded => {
      const read = (): void => {
        isLoud = loaded.get('notifications').composite as boolean;
      };
      read();
      loaded.changed.connect(read);
      if (loaded.get('showPanel').composite) {
        void app.restored.then(() => app.shell.activateById(panel.id));
      }
    });
    const watch = new Watch(channel, trans, () => void app.commands.execute(SHOW), () => isLoud);
    if (toolbars && notebooks) {
      toolbars.addFactory<Cell>('Cell', 'mlmagic-deploy', cell =>
        deployButton(cell, notebooks, () => watch.names, trans)
      );
    }
    if (notebooks) {
      markCells(notebooks, watch, trans);
    }
    if (statusBar && labShell) {
      statusBar.registerStatusItem('mlmagic:services', { item: watch, align: 'left', rank: 90 });
    }
  }
};

export default plugin;
