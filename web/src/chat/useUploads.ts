import { asServiceError, type ServiceError, type TurnAttachment } from "@agent-runner/engine";
import { useCallback, useEffect, useRef, useState } from "react";
import { useEngine } from "../react/AgentRunnerProvider";
import { keep, stored } from "../ui/stored";

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
  hasFailed: boolean;
  ready: readonly TurnAttachment[];
}

/** Files that go with the next prompt, each given to the service at once, and kept like its draft. */
export function useUploads(draftKey: string): Uploads {
  const engine = useEngine();
  const [files, setFiles] = useState<readonly Upload[]>(() => uploaded(keptOf(draftKey)));
  const number = useRef(0);
  useEffect(() => {
    const ready = readyOf(files);
    const text = ready.length === 0 ? "" : JSON.stringify(ready);
    if (stored(`files.${draftKey}`) !== text) keep(`files.${draftKey}`, text);
  }, [draftKey, files]);

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
    restore: (attachments) => setFiles(uploaded(attachments)),
    isUploading: files.some((one) => one.state === "uploading"),
    hasFailed: files.some((one) => one.state === "failed"),
    ready: readyOf(files),
  };
}

function readyOf(files: readonly Upload[]): TurnAttachment[] {
  return files.flatMap(({ state, attachmentId, name, size, mediaType }) =>
    state === "ready" && attachmentId !== null ? [{ attachmentId, name, size, mediaType }] : [],
  );
}

function uploaded(attachments: readonly TurnAttachment[]): Upload[] {
  return attachments.map(({ attachmentId, name, size, mediaType }, at) => {
    const key = `${at}.${attachmentId}`;
    return { key, name, size, mediaType, attachmentId, state: "ready", error: null };
  });
}

function keptOf(draftKey: string): TurnAttachment[] {
  try {
    return JSON.parse(stored(`files.${draftKey}`) || "[]") as TurnAttachment[];
  } catch {
    return [];
  }
}
