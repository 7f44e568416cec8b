/** Values that change, and those who listen to them. */
export class Values {
  get(key: string): any {
    return this._values[key];
  }

  set(key: string, value: any): void {
    this.change({ [key]: value });
  }

  on(key: string, listener: () => void): () => void {
    const listeners = this._listeners.get(key) ?? new Set();
    this._listeners.set(key, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Change values, and call the listeners once all of them are there. */
  change(values: Record<string, any>): void {
    const changed = Object.keys(values).filter(
      key => JSON.stringify(values[key]) !== JSON.stringify(this._values[key])
    );
    Object.assign(this._values, values);
    const listeners = new Set(changed.flatMap(key => [...(this._listeners.get(key) ?? [])]));
    listeners.forEach(listener => listener());
  }

  close(): void {
    this._listeners.clear();
  }

  private _values: Record<string, any> = {};
  private _listeners = new Map<string, Set<() => void>>();
}
