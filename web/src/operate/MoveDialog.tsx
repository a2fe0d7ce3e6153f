import { must } from "@agent-runner/engine";
import { useState } from "react";
import { useEngine } from "../react/AgentRunnerProvider";
import { Confirm } from "../ui/Confirm";
import { useStored } from "../ui/stored";
import { canExpire, effectOf, type Move, moveWord, subjectOf, type Way } from "./moves";
import { useReadAgain } from "./useRead";

const HOUR_MS = 3_600_000;
const TIMES: readonly (readonly [string, string])[] = [
  ["", "until taken back"],
  ["1", "1 hour"],
  ["8", "8 hours"],
  ["24", "24 hours"],
];
type TypeName = "claude-code" | "codex" | "factory-droid" | "gemini" | "acp" | "custom" | "replay" | "*";

export interface MoveDialogProps {
  move: Move;
  way: Way;
  onClose: () => void;
}

/** Says what a move does, and takes who does it, why and for how long. */
export function MoveDialog({ move, way, onClose }: MoveDialogProps) {
  const engine = useEngine();
  const again = useReadAgain();
  const [name, setName] = useStored("name");
  const [by, setBy] = useState(name);
  const [reason, setReason] = useState("");
  const [hours, setHours] = useState("");
  const word = moveWord(move, way).replace("…", "");
  const run = async () => {
    const { api } = engine;
    const who = by.trim();
    setName(who);
    const body = {
      by: who === "" ? "operator" : who,
      via: "web" as const,
      reason: reason.trim() === "" ? "no reason given" : reason.trim(),
      expiresMs: hours === "" || !canExpire(move) ? null : Number(hours) * HOUR_MS,
    };
    const mode = move === "pin" ? ("headless" as const) : ("tmux" as const);
    const type = way.name as TypeName;
    const isSetting = canExpire(move);
    if (move === "clear-all") await must(api.POST("/api/fallback/clear-all", { body }));
    else if (way.scope === "agent") {
      const forced = { ...body, agentId: way.name, mode };
      if (isSetting) await must(api.POST("/api/fallback/agent/force", { body: forced }));
      else await must(api.POST("/api/fallback/agent/clear", { body: forced }));
    } else if (move === "tmux")
      await must(api.POST("/api/fallback/cli/disable", { body: { ...body, type, pin: false } }));
    else await must(api.POST("/api/fallback/cli/enable", { body: { ...body, type, pin: move === "pin" } }));
    await again("fallback");
  };
  const title = move === "clear-all" ? "Take all back?" : `${word}: ${subjectOf(way.scope, way.name)}?`;
  return (
    <Confirm title={title} action={word} onConfirm={run} onClose={onClose}>
      {effectOf(move, way).map((sentence) => (
        <p key={sentence} className="op-sentence">
          {sentence}
        </p>
      ))}
      <div className="fields">
        <label>
          Why (the audit keeps it)
          <input
            value={reason}
            dir="auto"
            maxLength={2000}
            autoFocus
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        {canExpire(move) && (
          <label>
            For how long
            <select value={hours} onChange={(event) => setHours(event.target.value)}>
              {TIMES.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          Your name (this browser keeps it)
          <input
            value={by}
            dir="auto"
            maxLength={100}
            placeholder="operator"
            onChange={(event) => setBy(event.target.value)}
          />
        </label>
      </div>
    </Confirm>
  );
}
