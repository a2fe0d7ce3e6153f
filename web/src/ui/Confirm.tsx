import { asServiceError, type ServiceError } from "@agent-runner/engine";
import { type ReactNode, useId, useState } from "react";
import { Dialog } from "./Dialog";
import { Failure } from "./Failure";

export interface ConfirmProps {
  title: string;
  /** What the action does, in whole sentences. */
  children: ReactNode;
  /** The word on the button. */
  action: string;
  isDangerous?: boolean;
  isReady?: boolean;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done, says what it does, and tells if it failed. */
export function Confirm(props: ConfirmProps) {
  const { title, children, action, isDangerous, isReady = true, onConfirm, onClose } = props;
  const id = useId();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ServiceError | null>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (caught) {
      setError(asServiceError(caught));
      setBusy(false);
    }
  };
  const buttons = (
    <>
      <button type="button" onClick={onClose}>
        Cancel
      </button>
      <button type="submit" form={id} className={isDangerous ? "no" : "go"} disabled={isBusy || !isReady}>
        {action}
      </button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={buttons}>
      <form
        id={id}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy && isReady) void confirm();
        }}
      >
        {children}
        {error !== null && <Failure error={error} />}
      </form>
    </Dialog>
  );
}
