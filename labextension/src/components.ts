// The components: those of the installed mlmagic, which the server's half serves, so that they always fit it.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';

import { IStore } from './channel';

/** Draws into an element; returns how to end it. */
export type Component = (root: HTMLElement, store: IStore) => () => void;

const STYLE = 'mlmagic.css';
const FUNCTIONS = {
  service: ['service_card.js', 'serviceCard'],
  services: ['services_grid.js', 'servicesGrid'],
  models: ['models_grid.js', 'modelsGrid'],
  profiles: ['profiles_grid.js', 'profilesGrid'],
  runs: ['runs_grid.js', 'runsGrid'],
  profile: ['profile_view.js', 'profileCard'],
  run: ['run_view.js', 'runCard'],
  job: ['batch_view.js', 'batchCard']
} as const;
export type ComponentName = keyof typeof FUNCTIONS;

/** Placeholders stand for themselves: the components fill them in. */
const PLACEHOLDERS = ['%1', '%2', '%3', '%4', '%5', '%6'];

const loaded = new Map<string, Promise<any>>();
let translate = (text: string): string => text;

/** Have the components speak the language of the page; those that are loaded already keep theirs. */
export function translateComponents(trans: TranslationBundle): void {
  translate = text => trans.__(text, ...PLACEHOLDERS);
}

/** Load a component and the style sheet of all; each is asked for once. */
export async function component(settings: ServerConnection.ISettings, name: ComponentName): Promise<Component> {
  const base = URLExt.join(settings.baseUrl, 'mlmagic', 'components');
  const [file, made] = FUNCTIONS[name];
  await once(STYLE, async () => {
    const style = document.createElement('style');
    style.textContent = await text(URLExt.join(base, STYLE), settings);
    document.head.append(style);
  });
  const module = await once(file, async () => {
    const source = new Blob([await text(URLExt.join(base, file), settings)], { type: 'text/javascript' });
    const module = await import(/* webpackIgnore: true */ URL.createObjectURL(source));
    module.translateWith(translate);
    return module;
  });
  return module[made];
}

/** What is loaded already, or is being loaded; after a failure it is tried again. */
function once(name: string, load: () => Promise<any>): Promise<any> {
  const known = loaded.get(name) ?? load();
  loaded.set(name, known);
  known.catch(() => loaded.delete(name));
  return known;
}

/** An import by the browser would have no XSRF token, and JupyterHub answers no request without one. */
async function text(url: string, settings: ServerConnection.ISettings): Promise<string> {
  const response = await ServerConnection.makeRequest(url, {}, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response.text();
}
