// The icon of mlmagic's panel, commands and buttons.

import { LabIcon } from '@jupyterlab/ui-components';

export const ICON = new LabIcon({
  name: 'mlmagic:services',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" ' +
    'd="M4 4h16v5H4zm0 7h16v5H4zm0 7h16v3H4zM7 5.8a.8.8 0 100 1.5.8.8 0 000-1.5zm0 7a.8.8 0 100 1.5.8.8 0 000-1.5z" ' +
    'fill-rule="evenodd"/></svg>'
});
