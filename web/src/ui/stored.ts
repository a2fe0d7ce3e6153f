import { useCallback, useSyncExternalStore } from "react";

/** What the browser has no room for, until the page is left. */
const unkept = new Map<string, string>();
const watchers = new Set<() => void>();

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  window.addEventListener("storage", watcher);
  return () => {
    watchers.delete(watcher);
    window.removeEventListener("storage", watcher);
  };
}

/** Something that this browser keeps, the same in all its tabs. "" removes it. */
export function useStored(name: string): [string, (value: string) => void] {
  const key = `agent-runner.${name}`;
  const read = useCallback(() => valueOf(key), [key]);
  const value = useSyncExternalStore(subscribe, read);
  const write = useCallback((next: string) => store(key, next), [key]);
  return [value, write];
}

export function stored(name: string): string {
  return valueOf(`agent-runner.${name}`);
}

export function keep(name: string, value: string): void {
  store(`agent-runner.${name}`, value);
}

function valueOf(key: string): string {
  return unkept.get(key) ?? localStorage.getItem(key) ?? "";
}

function store(key: string, value: string): void {
  unkept.delete(key);
  try {
    if (value === "") localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    unkept.set(key, value);
  }
  for (const watcher of [...watchers]) watcher();
}
