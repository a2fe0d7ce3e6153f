import { createContext, type RefObject, useContext, useEffect } from "react";

/** Told which questions stand before somebody's eyes. */
export const InView = createContext<((approvalId: string, isVisible: boolean) => void) | null>(null);

export function useInView(card: RefObject<HTMLElement | null>, approvalId: string, isPending: boolean): void {
  const tell = useContext(InView);
  useEffect(() => {
    const shown = card.current;
    if (tell === null || shown === null || !isPending) return;
    const watcher = new IntersectionObserver(([entry]) => tell(approvalId, entry?.isIntersecting ?? false), {
      threshold: 0.5,
    });
    watcher.observe(shown);
    return () => {
      watcher.disconnect();
      tell(approvalId, false);
    };
  }, [tell, card, approvalId, isPending]);
}
