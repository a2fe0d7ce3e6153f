import { type ReactNode, useId, useLayoutEffect, useRef } from "react";

export interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** The buttons at the foot, always in view. */
  actions?: ReactNode;
  kind?: "box" | "sheet" | "wide";
}

const FIRST = ".dialog-body :is(input, textarea, select), .dialog-frame > footer button";

/** A modal dialog: the browser keeps the focus inside, and gives it back at the end. */
export function Dialog({ title, onClose, children, actions, kind = "box" }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Closed while it is still there: the browser gives the focus back only then.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) {
      dialog.showModal();
      // The browser takes the first button, which closes it.
      dialog.querySelector<HTMLElement>(FIRST)?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className={`dialog ${kind}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === ref.current) onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div className="dialog-frame">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" className="quiet icon" aria-label="Close" onClick={onClose}>
            ×
          </button>
        </header>
        <div className="dialog-body">{children}</div>
        {actions !== undefined && <footer>{actions}</footer>}
      </div>
    </dialog>
  );
}
