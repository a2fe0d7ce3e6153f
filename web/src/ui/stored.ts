import { useCallback, useSyncExternalStore } from "react";

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
  const read = useCallback(() => localStorage.getItem(key) ?? "", [key]);
  const value = useSyncExternalStore(subscribe, read);
  const write = useCallback((next: string) => store(key, next), [key]);
  return [value, write];
}

export function stored(name: string): string {
  return localStorage.getItem(`agent-runner.${name}`) ?? "";
}

export function keep(name: string, value: string): void {
  store(`agent-runner.${name}`, value);
}

function store(key: string, value: string): void {
  if (value === "") localStorage.removeItem(key);
  else localStorage.setItem(key, value);
  for (const watcher of [...watchers]) watcher();
}
