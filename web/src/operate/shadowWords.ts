const VERDICTS: Record<string, string> = {
  match: "match",
  equivalent: "equivalent",
  mismatch: "mismatch",
  primary_failed: "only the mirror succeeded",
  mirror_failed: "only the primary succeeded",
  both_failed: "both failed",
};

const SKIPPED: Record<string, string> = {
  mirror_behind: "the mirror of the turn before still ran",
  mirrors_busy: "enough mirrors ran already",
  primary_not_judged: "the primary was cancelled or denied",
  mirror_timed_out: "the mirror took too long",
  cannot_be_isolated: "the folder cannot be copied",
  cwd_not_allowed: "the folder is outside the allowed roots",
  workspace_failed: "the copy could not be made",
  no_leg_to_compare: "the other leg was skipped",
  service_stopped: "the service stopped",
  internal: "a fault of the service",
};

const NOTES: Record<string, string> = {
  snapshot_late: "the copy was made after the first tool",
  history_partial: "the mirror has not seen every earlier turn",
  files_not_compared: "files could not be compared",
  entries_left_out: "some entries could not be copied",
};

export function verdictWord(verdict: string | null): string {
  return verdict === null ? "not compared" : (VERDICTS[verdict] ?? verdict);
}

export function skippedWord(why: string): string {
  return SKIPPED[why] ?? why;
}

export function noteWord(note: string): string {
  return NOTES[note] ?? note;
}
