import { useSearchParams } from "wouter";

/** Filters that the address keeps: what they are, and what sets the one of a name; "" takes it away. */
export function useFilters(): [URLSearchParams, (name: string) => (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const pick = (name: string) => (value: string) => {
    setParams(
      (known) => {
        const next = new URLSearchParams(known);
        if (value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  return [params, pick];
}
