// The components: those of the installed mlmagic, which the server's half serves, so that they always fit it.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IStore } from './channel';

/** Draws into an element; returns how to end it. */
export type Component = (root: HTMLElement, store: IStore) => () => void;

const STYLE_ID = 'mlmagic-style';
const FUNCTIONS = {
  service: ['service_card.js', 'serviceCard'],
  services: ['services_grid.js', 'servicesGrid'],
  models: ['models_grid.js', 'modelsGrid'],
  profiles: ['profiles_grid.js', 'profilesGrid'],
  runs: ['runs_grid.js', 'runsGrid'],
  profile: ['profile_view.js', 'profileCard'],
  run: ['run_view.js', 'runCard']
} as const;
export type ComponentName = keyof typeof FUNCTIONS;

/** Load a component and the style sheet of all. */
export async function component(
  settings: ServerConnection.ISettings,
  name: ComponentName
): Promise<Component> {
  const base = URLExt.join(settings.baseUrl, 'mlmagic', 'components');
  if (!document.getElementById(STYLE_ID)) {
    const link = document.createElement('link');
    Object.assign(link, { id: STYLE_ID, rel: 'stylesheet', href: URLExt.join(base, 'mlmagic.css') });
    document.head.append(link);
  }
  const [file, made] = FUNCTIONS[name];
  const module = await import(/* webpackIgnore: true */ URLExt.join(base, file));
  return module[made];
}
