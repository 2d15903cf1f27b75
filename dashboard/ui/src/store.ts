// A value that components can watch.
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(value: T): void;
  watch(listener: () => void): () => void;
  use(): T;
}

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  const self: Store<T> = {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    use() {
      const [, again] = useState({});
      useEffect(() => {
        const seen = value;
        const stop = self.watch(() => again({}));
        if (!Object.is(seen, value)) again({});
        return stop;
      }, []);
      return value;
    },
  };
  return self;
}

/** A setting of this browser; kept if the browser lets us. */
export function kept(name: string, initial: string): Store<string> {
  let found = initial;
  try {
    found = localStorage.getItem(`mrq.${name}`) ?? initial;
  } catch {
    // storage is switched off: it is as if nothing was kept
  }
  const self = store(found);
  self.watch(() => {
    try {
      localStorage.setItem(`mrq.${name}`, self.get());
    } catch {
      // see above
    }
  });
  return self;
}
