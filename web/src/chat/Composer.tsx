import type { Agent, Pending, RunView } from "@agent-runner/engine";
import {
  type ClipboardEvent,
  type KeyboardEvent,
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useRef,
  useState,
} from "react";
import type { ExecuteOptions } from "../react/useAgentExecute";
import { isComposing } from "../ui/composing";
import { bytes } from "../ui/format";
import { useStored } from "../ui/stored";
import { Suggestions, suggestionsFor } from "./Suggestions";
import { useUploads } from "./useUploads";

export interface ComposerHandle {
  focus: () => void;
  edit: (prompt: Pick<Pending, "text" | "attachments">) => void;
  attach: (files: Iterable<File>) => void;
}

export interface ComposerProps {
  /** null before it is known, or if there is none. */
  agent: Agent | null;
  /** There is no such agent: nothing can be sent. */
  isGone: boolean;
  /** Names the draft that is kept. */
  draftKey: string;
  /** The run that goes on in this conversation. */
  active: RunView | null;
  /** Earlier prompts, newest last, for the arrow keys. */
  history: readonly string[];
  commands: readonly string[];
  onSend: (text: string, options: ExecuteOptions) => void;
  onStop: () => void;
  /** Somebody begins to type. */
  onTyping: () => void;
  ref?: Ref<ComposerHandle>;
}

const MODES = ["headless", "tmux", "shadow"] as const;
type Mode = (typeof MODES)[number];

/** Permission modes in each CLI's own words. */
const PERMISSION_MODES: Record<string, readonly string[]> = {
  "claude-code": ["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"],
  gemini: ["default", "auto_edit", "yolo", "plan"],
  "factory-droid": ["off", "low", "medium", "high", "spec"],
  codex: ["read-only", "workspace-write", "danger-full-access"],
};

/** Where a prompt is written, with its files and what holds for it alone. */
export function Composer(props: ComposerProps) {
  const { agent, isGone, draftKey, active, history, commands, onSend, onStop, onTyping, ref } = props;
  const [draft, setDraft] = useStored(`draft.${draftKey}`);
  const [mode, setMode] = useState<Mode | "">("");
  const [model, setModel] = useState("");
  const [permissionMode, setPermissionMode] = useState("");
  const [isTuning, setTuning] = useState(false);
  const [back, setBack] = useState<number | null>(null);
  const [picked, setPicked] = useState(0);
  const uploads = useUploads(draftKey);
  const field = useRef<HTMLTextAreaElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const [hasTyped, setTyped] = useState(false);
  const id = useId();

  useImperativeHandle(ref, () => ({
    focus: () => field.current?.focus(),
    edit: (prompt) => {
      setDraft(prompt.text);
      uploads.restore(prompt.attachments);
      field.current?.focus();
    },
    attach: (files) => uploads.add(files),
  }));
  useEffect(() => setTyped(false), [draftKey]);
  const isKnown = agent !== null;
  const typing = useRef(onTyping);
  useEffect(() => {
    typing.current = onTyping;
  });
  useEffect(() => {
    if (hasTyped && isKnown) typing.current();
  }, [hasTyped, isKnown]);

  const isBusy = active !== null;
  const suggestions = suggestionsFor(draft, commands);
  const hasAll = !uploads.isUploading && !uploads.hasFailed;
  const canSend = (draft.trim() !== "" || uploads.ready.length > 0) && hasAll && !isGone;

  const write = (text: string) => {
    setDraft(text);
    setBack(null);
    setPicked(0);
    if (text.trim() !== "") setTyped(true);
  };
  const send = (busy: ExecuteOptions["busy"]) => {
    if (!canSend) return;
    onSend(draft.trim() === "" ? "See the attached files." : draft, {
      attachments: uploads.ready,
      ...(busy === null || busy === undefined ? {} : { busy }),
      ...(mode === "" ? {} : { mode }),
      ...(model.trim() === "" ? {} : { model: model.trim() }),
      ...(permissionMode === "" ? {} : { permissionMode }),
    });
    setDraft("");
    uploads.clear();
    setBack(null);
  };
  const recall = (step: number) => {
    const at = Math.min(history.length, Math.max(0, (back ?? history.length) + step));
    setBack(at === history.length ? null : at);
    setDraft(history[at] ?? "");
  };
  const pick = (command: string) => {
    write(`/${command} `);
    field.current?.focus();
  };
  const onKey = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event)) return;
    if (suggestions.length > 0) {
      const chosen = suggestions[picked] ?? suggestions[0];
      if (event.key === "ArrowDown") setPicked((picked + 1) % suggestions.length);
      else if (event.key === "ArrowUp") setPicked((picked + suggestions.length - 1) % suggestions.length);
      else if (
        (event.key === "Tab" || event.key === "Enter") &&
        chosen !== undefined &&
        `/${chosen}` !== draft
      )
        pick(chosen);
      else if (event.key === "Escape") write("");
      else return void enter(event);
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    enter(event);
  };
  const enter = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const isFree = draft === "" || back !== null;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send(event.ctrlKey || event.metaKey ? (isBusy ? "steer" : null) : isBusy ? "queue" : null);
    } else if (event.key === "ArrowUp" && isFree && history.length > 0) {
      event.preventDefault();
      recall(-1);
    } else if (event.key === "ArrowDown" && back !== null) {
      event.preventDefault();
      recall(1);
    } else if (event.key === "Escape" && isBusy) {
      event.preventDefault();
      event.stopPropagation();
      onStop();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    // Cells of a table come as words and as a picture of them.
    if (event.clipboardData.getData("text/plain") === "") event.preventDefault();
    uploads.add(event.clipboardData.files);
  };

  const tuned = [mode, model, permissionMode].filter((one) => one !== "");
  return (
    <form
      className="compose"
      onSubmit={(event) => {
        event.preventDefault();
        send(isBusy ? "queue" : null);
      }}
    >
      {uploads.files.length > 0 && (
        <ul className="chips" aria-label="Files of this prompt">
          {uploads.files.map((one) => (
            <li key={one.key} className={one.state} title={one.error ?? undefined}>
              {one.name} · {one.state === "uploading" ? "uploading…" : bytes(one.size)}
              {one.error !== null && <b> {one.error}</b>}
              <button type="button" aria-label={`Remove ${one.name}`} onClick={() => uploads.remove(one.key)}>
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      {uploads.hasFailed && (
        <p className="hint" role="status">
          A file could not be sent: remove it, and the prompt can go without it.
        </p>
      )}
      {suggestions.length > 0 && <Suggestions id={id} commands={suggestions} picked={picked} onPick={pick} />}
      <textarea
        ref={field}
        rows={2}
        dir="auto"
        value={draft}
        placeholder={isGone ? "This agent is not there any more" : placeholderOf(agent, active)}
        aria-label="Prompt"
        aria-autocomplete="list"
        aria-controls={suggestions.length > 0 ? id : undefined}
        aria-activedescendant={suggestions.length > 0 ? `${id}-${picked}` : undefined}
        enterKeyHint="send"
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKey}
        onPaste={onPaste}
      />
      {isTuning && (
        <div className="tune">
          <label>
            Way
            <select value={mode} onChange={(event) => setMode(event.target.value as Mode | "")}>
              <option value="">{agent === null ? "default" : `the agent's (${agent.commMode})`}</option>
              {MODES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          <label>
            Model
            <input
              value={model}
              placeholder={modelOf(agent)}
              spellCheck={false}
              onChange={(event) => setModel(event.target.value)}
            />
          </label>
          <label>
            Permissions
            <select value={permissionMode} onChange={(event) => setPermissionMode(event.target.value)}>
              <option value="">the agent's</option>
              {(PERMISSION_MODES[agent?.type ?? ""] ?? []).map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        </div>
      )}
      <div className="bar">
        <button type="button" className="quiet" onClick={() => file.current?.click()}>
          Attach
        </button>
        <input
          ref={file}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            uploads.add(event.target.files ?? []);
            event.target.value = "";
          }}
        />
        <button type="button" className="quiet" aria-expanded={isTuning} onClick={() => setTuning(!isTuning)}>
          {tuned.length === 0 ? "For this prompt" : tuned.join(" · ")}
        </button>
        <i />
        {isBusy && (
          <button type="button" className="quiet stop" onClick={onStop}>
            Stop <kbd>Esc</kbd>
          </button>
        )}
        {isBusy && (
          <button
            type="button"
            className="quiet"
            disabled={!canSend}
            title="Into the running turn; where the CLI takes none, the prompt waits"
            onClick={() => send("steer")}
          >
            Steer
          </button>
        )}
        <button type="submit" className="go" disabled={!canSend}>
          {isBusy ? "Queue" : "Send"} <kbd>⏎</kbd>
        </button>
      </div>
    </form>
  );
}

function placeholderOf(agent: Agent | null, active: RunView | null): string {
  if (active !== null) return "Say something; it is queued behind the running turn";
  return agent === null ? "Ask something" : `Ask ${agent.name ?? agent.agentId} something`;
}

function modelOf(agent: Agent | null): string {
  const model = agent?.options.model;
  return typeof model === "string" ? model : "the agent's";
}
