import type { KeyboardEvent } from "react";

/** True if a key belongs to an input method: its Enter ends a word. Safari tells it by 229 alone. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.nativeEvent.isComposing || event.keyCode === 229;
}
