// The connection of this page to the Jupyter server's half: what is open over it, and the stores of components.

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Values } from './values';

/** What a component knows of the world: see `store.js` among the components. */
export interface IStore {
  get(key: string): any;
  set(key: string, value: any): void;
  on(key: string, listener: () => void): () => void;
  call(verb: string, values?: Record<string, any>): Promise<any>;
  child(values: Record<string, any>): Promise<IStore>;
  cellOf?(traceback: string): (() => void) | null;
  close(): void;
  readonly lost: string;
}

/** What is to be opened: a service by workspace, name and id, or a table of a workspace. */
export interface IWanted {
  component: 'service' | 'services' | 'models' | 'profiles' | 'runs';
  workspace: string;
  service?: string;
  id?: string;
  notebook?: string;
}

/** What only the notebook can do for a component. */
export interface INotebookSide {
  /** Carry out a call; null for one that is the server's. */
  call(store: ChannelStore, verb: string, values: Record<string, any>): Promise<any> | null;
  /** How to show the cell that a traceback points to; null if no cell has its lines. */
  cellOf(traceback: string): (() => void) | null;
}

const LOST = 'the Jupyter server has stopped, or cannot read the workspace';
const UNANSWERED = 'The Jupyter server does not answer.';
const ANSWER_MS = 90_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** One WebSocket for all that this page shows. It is opened when first needed, and again when it was lost. */
export class Channel {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** Open a component's store. The promise is broken with the server's words if that cannot be opened. */
  open(wanted: IWanted, notebook: INotebookSide | null = null): Promise<ChannelStore> {
    const number = ++this._last;
    return new Promise((resolve, reject) => {
      const store = new ChannelStore(this, number, wanted, notebook, resolve, reject);
      this._stores.set(number, store);
      this._connect();
      this.send({ open: number, ...wanted });
    });
  }

  forget(number: number): void {
    if (this._stores.delete(number)) {
      this.send({ close: number });
    }
  }

  /** Send a message; false if there is no connection now. */
  send(message: object): boolean {
    if (this._socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this._socket.send(JSON.stringify(message));
    return true;
  }

  private _connect(): void {
    if (this._socket) {
      return;
    }
    const { wsUrl, token, appendToken, WebSocket: Socket } = this.settings;
    const url = URLExt.join(wsUrl, 'mlmagic', 'channel');
    const socket = new Socket(appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url);
    this._socket = socket;
    socket.onopen = () => {
      this._pause = FIRST_PAUSE_MS;
      this._stores.forEach((store, number) => this.send({ open: number, ...store.wanted }));
    };
    socket.onmessage = event => {
      const message = JSON.parse(event.data);
      this._stores.get(message.of)?.take(message);
    };
    socket.onclose = () => {
      this._socket = null;
      this._stores.forEach(store => store.lose());
      if (this._stores.size) {
        setTimeout(() => this._stores.size && this._connect(), this._pause);
        this._pause = Math.min(2 * this._pause, LONGEST_PAUSE_MS);
      }
    };
  }

  private _socket: WebSocket | null = null;
  private _stores = new Map<number, ChannelStore>();
  private _last = 0;
  private _pause = FIRST_PAUSE_MS;
}

/** The values of one component, as the server sends them. */
export class ChannelStore extends Values implements IStore {
  readonly lost = LOST;

  constructor(
    private _channel: Channel,
    private _number: number,
    readonly wanted: IWanted,
    private _notebook: INotebookSide | null,
    private _resolve: (store: ChannelStore) => void,
    private _reject: (error: Error) => void
  ) {
    super();
  }

  call(verb: string, values: Record<string, any> = {}): Promise<any> {
    return this._notebook?.call(this, verb, values) ?? this.askServer(verb, values);
  }

  child(values: Record<string, any>): Promise<ChannelStore> {
    return this._channel.open({ ...this.wanted, component: 'service', ...values }, this._notebook);
  }

  cellOf(traceback: string): (() => void) | null {
    return this._notebook?.cellOf(traceback) ?? null;
  }

  close(): void {
    super.close();
    this.lose();
    this._channel.forget(this._number);
  }

  /** A message of the server. */
  take(message: any): void {
    if ('values' in message) {
      this.change(message.values);
      this._resolve(this);
    } else if ('refused' in message) {
      this._reject(new Error(message.refused));
    } else {
      const waiting = this._waiting.get(message.call);
      this._waiting.delete(message.call);
      if ('error' in message) {
        waiting?.reject(new Error(message.error));
      } else {
        waiting?.resolve(message.value);
      }
    }
  }

  /** The connection was lost: what was asked stays without an answer. */
  lose(): void {
    this._waiting.forEach(each => each.reject(new Error(UNANSWERED)));
    this._waiting.clear();
  }

  /** Ask the server, wherever else the call might be carried out. */
  askServer(verb: string, values: Record<string, any>): Promise<any> {
    const call = ++this._calls;
    return new Promise((resolve, reject) => {
      if (!this._channel.send({ of: this._number, call, verb, values })) {
        return reject(new Error(UNANSWERED));
      }
      const timer = setTimeout(() => this.take({ call, error: UNANSWERED }), ANSWER_MS);
      this._waiting.set(call, {
        resolve: value => (clearTimeout(timer), resolve(value)),
        reject: error => (clearTimeout(timer), reject(error))
      });
    });
  }

  private _waiting = new Map<number, { resolve: (value: any) => void; reject: (error: Error) => void }>();
  private _calls = 0;
}
