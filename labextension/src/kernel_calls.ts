// Calls that need the notebook: only its kernel knows the script that was captured in a cell.

import { Kernel, KernelMessage } from '@jupyterlab/services';

import { ChannelStore } from './channel';

const VERBS = ['find_update', 'update'];
const OF_ACTIONS = ['doing', 'told'];
const WIDGETS = 'jupyter.widget';
const ANSWER_MS = 90_000;

/**
 * Carry out a call with the widget of the kernel, where there is one: null for all other calls.
 *
 * What the widget says of its actions is given to `store`, as the server's half knows nothing of them.
 */
export function kernelCall(
  kernel: Kernel.IKernelConnection | null,
  widget: string | undefined,
  store: ChannelStore,
  verb: string,
  values: Record<string, any>
): Promise<any> | null {
  if (!kernel || !widget || !VERBS.includes(verb)) {
    return null;
  }
  return (async () => {
    const known = await kernel.requestCommInfo({ target_name: WIDGETS });
    if (known.content.status !== 'ok' || !(widget in known.content.comms)) {
      return store.askServer(verb, values);
    }
    return ask(kernel, widget, store, verb, values);
  })();
}

function ask(
  kernel: Kernel.IKernelConnection,
  widget: string,
  store: ChannelStore,
  verb: string,
  values: Record<string, any>
): Promise<any> {
  const call = Math.floor(Math.random() * 1e15);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The kernel does not answer: it is busy.')), ANSWER_MS);
    const hear = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
      if (!KernelMessage.isCommMsgMsg(message) || message.content.comm_id !== widget) {
        return;
      }
      const data = message.content.data as any;
      if (data.method === 'update') {
        const told = Object.entries(data.state ?? {}).filter(([key]) => OF_ACTIONS.includes(key));
        store.change(Object.fromEntries(told));
      } else if (data.content?.call === call) {
        clearTimeout(timer);
        if ('error' in data.content) {
          reject(new Error(data.content.error));
        } else {
          resolve(data.content.value);
        }
      }
    };
    // It goes on: what an action says comes after its answer.
    kernel.iopubMessage.connect(hear);
    kernel.disposed.connect(() => reject(new Error('The kernel has stopped.')));
    const data = { method: 'custom', content: { call, verb, values } };
    kernel.sendShellMessage(
      KernelMessage.createMessage({
        msgType: 'comm_msg',
        channel: 'shell',
        username: kernel.username,
        session: kernel.clientId,
        content: { comm_id: widget, data }
      })
    );
  });
}
