import type { Observable } from "@agent-runner/engine";
import { useSyncExternalStore } from "react";

export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get, observable.get);
}
