import { asServiceError, ServiceError, type TurnAttachment } from "@agent-runner/engine";
import { useCallback, useRef, useState } from "react";
import { useEngine } from "../react/AgentRunnerProvider";

export interface Upload {
  key: string;
  name: string;
  size: number;
  mediaType: string;
  state: "uploading" | "ready" | "failed";
  attachmentId: string | null;
  error: string | null;
}

export interface Uploads {
  files: readonly Upload[];
  add: (files: Iterable<File>) => void;
  remove: (key: string) => void;
  clear: () => void;
  restore: (files: readonly TurnAttachment[]) => void;
  isUploading: boolean;
  ready: readonly TurnAttachment[];
}

/** Files that go with the next prompt, each given to the service at once. */
export function useUploads(): Uploads {
  const engine = useEngine();
  const [files, setFiles] = useState<readonly Upload[]>([]);
  const number = useRef(0);

  const change = useCallback((key: string, what: Partial<Upload>) => {
    setFiles((all) => all.map((one) => (one.key === key ? { ...one, ...what } : one)));
  }, []);

  const upload = useCallback(
    async (key: string, file: File) => {
      try {
        const answer = await engine.upload(file);
        change(key, { state: "ready", attachmentId: answer.attachmentId, mediaType: answer.mediaType });
      } catch (caught) {
        const error: ServiceError = asServiceError(caught);
        change(key, { state: "failed", error: error.message });
      }
    },
    [engine, change],
  );

  const add = useCallback(
    (added: Iterable<File>) => {
      for (const file of added) {
        number.current += 1;
        const key = `f${number.current}`;
        const name = file.name || `pasted.${file.type.split("/")[1] ?? "txt"}`;
        const one: Upload = {
          key,
          name,
          size: file.size,
          mediaType: file.type,
          state: "uploading",
          attachmentId: null,
          error: null,
        };
        setFiles((all) => [...all, one]);
        void upload(key, file);
      }
    },
    [upload],
  );

  return {
    files,
    add,
    remove: (key) => setFiles((all) => all.filter((one) => one.key !== key)),
    clear: () => setFiles([]),
    restore: (attachments) =>
      setFiles(
        attachments.map((one) => {
          number.current += 1;
          const { attachmentId, name, size, mediaType } = one;
          return { key: `f${number.current}`, name, size, mediaType, attachmentId, state: "ready", error: null };
        }),
      ),
    isUploading: files.some((one) => one.state === "uploading"),
    ready: files.flatMap(({ state, attachmentId, name, size, mediaType }) =>
      state === "ready" && attachmentId !== null ? [{ attachmentId, name, size, mediaType }] : [],
    ),
  };
}
