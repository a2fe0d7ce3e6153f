/** A conversation as it is shown: stored turns, and the runs behind them, live. */
import { type Api, asServiceError, type Fetch, must, refusalOf, ServiceError } from "./client";
import { framesOf } from "./frames";
import { Observable } from "./observable";
import { RunLog } from "./run";
import type { RunView } from "./runView";
import type { Conversation, ConversationEvent, Turn } from "./types";

export interface RunEntry {
  kind: "run";
  key: string;
  runId: string;
  /** The prompt's turn; null for what a CLI did by itself. */
  prompt: Turn | null;
  answer: Turn | null;
  /** Made of the run's events; null until they are there. */
  run: RunView | null;
  /** All events of the run are in `run`. */
  isWhole: boolean;
  at: string;
}

export interface TurnEntry {
  kind: "turn";
  key: string;
  turn: Turn;
  at: string;
}

export type Entry = RunEntry | TurnEntry;

export interface ConversationView {
  conversation: Conversation | null;
  entries: readonly Entry[];
  /** Older turns are there, and not loaded. */
  hasOlder: boolean;
  state: "loading" | "ready" | "failed" | "gone";
  isLoadingOlder: boolean;
  error: ServiceError | null;
}

export interface ConversationOptions {
  api: Api;
  base: string;
  fetch: Fetch;
  /** Runs `work` before the next picture is drawn. */
  nextFrame: (work: () => void) => void;
}

const PAGE = 50;
/** Runs whose events are read at the same time: a browser has six connections. */
const READERS = 2;
const SILENCE_MS = 30_000;
/** After a request that failed. */
const RETRY_MS = 5_000;

export class ConversationLog {
  readonly view: Observable<ConversationView>;

  readonly #options: ConversationOptions;
  readonly #turns = new Map<string, Turn>();
  readonly #runs = new Map<string, RunLog>();
  readonly #entries = new Map<string, RunEntry>();
  /** The first turn of each run; of a run that is only known by its events there is none yet. */
  readonly #firstTurns = new Map<string, number>();
  readonly #asked = new Set<string>();
  readonly #queue: string[] = [];
  /** Runs whose events could not be read. */
  readonly #failed = new Set<string>();
  readonly #dirty = new Set<string>();
  #conversation: Conversation | null = null;
  #nextBefore: number | null = null;
  #state: ConversationView["state"] = "loading";
  #error: ServiceError | null = null;
  #olderLoading: Promise<void> | null = null;
  /** Every event up to this one is known; null before anything is. */
  #covered: number | null = null;
  /** The stream began behind this event. */
  #position = 0;
  /** There may be more than what the last answer had. */
  #isStale = false;
  #loading: Promise<void> | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #reading = 0;
  #isPlanned = false;
  #isClosed = false;
  #structure = true;
  #list: readonly Entry[] = [];

  constructor(
    readonly conversationId: string,
    options: ConversationOptions,
  ) {
    this.#options = options;
    this.view = new Observable<ConversationView>(this.#draw());
    void this.reload();
  }

  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    clearTimeout(this.#retry);
  }

  /** Read the newest turns again, and every run that may have changed. */
  reload(): Promise<void> {
    this.#isStale = true;
    this.#loading ??= this.#loadAll().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Read what comes before the first turn that is shown. */
  older(): Promise<void> {
    this.#olderLoading ??= this.#loadOlder().finally(() => {
      this.#olderLoading = null;
      this.#structure = true;
      this.#plan();
    });
    return this.#olderLoading;
  }

  /** Read older turns until this one is there; false if it is not of this conversation. */
  async reach(turnId: string): Promise<boolean> {
    await this.#loading;
    while (!this.#turns.has(turnId)) {
      if (this.#nextBefore === null || this.#isClosed) return false;
      const before = this.#nextBefore;
      await this.older();
      if (this.#nextBefore === before) return false;
    }
    return true;
  }

  /** The stream carries this conversation from after event `position` on. */
  opened(position: number): void {
    this.#position = position;
    if (this.#covered !== null && position > this.#covered) this.#missed();
    else this.#tryAgain();
  }

  /** An event that came live. */
  take(event: ConversationEvent): void {
    if ("seq" in event && event.seq !== undefined && this.#covered !== null) {
      if (event.seq > this.#covered + 1) this.#missed();
      this.#covered = Math.max(this.#covered, event.seq);
    }
    if (event.type === "session.continued_elsewhere") void this.#fetchTurns(event.turnIds);
    if (event.runId === null) return;
    this.#logOf(event.runId).add(event);
    this.#dirty.add(event.runId);
    if (event.type === "run.queued" || event.type === "run.started" || event.type === "run.finished") {
      if (event.type === "run.queued" && (event.attachments ?? []).length > 0) {
        void this.#fetchTurns([event.turnId]);
      }
      if (event.type === "run.finished" && event.turnId != null) this.#note(event.runId, event.turnId);
      this.#structure = true;
    }
    const log = this.#logOf(event.runId);
    if (!log.isWhole) this.#wantRun(event.runId);
    this.#plan();
  }

  /** The conversation was deleted. */
  gone(): void {
    this.#state = "gone";
    this.#plan();
  }

  /** Its title, say, is another one. */
  changed(conversation: Conversation): void {
    this.#conversation = conversation;
    this.#plan();
  }

  /** What shows this run wants its events now, before those of others. */
  show(runId: string): void {
    const at = this.#queue.indexOf(runId);
    if (at > 0) {
      this.#queue.splice(at, 1);
      this.#queue.unshift(runId);
    }
    this.#wantRun(runId, true);
  }

  /** Events came that were not heard of. */
  #missed(): void {
    for (const log of this.#runs.values()) if (!log.view().isOver) log.isWhole = false;
    void this.reload();
  }

  /** Ask again for what could not be read. */
  #tryAgain(): void {
    clearTimeout(this.#retry);
    if (this.#isStale && this.#loading === null) void this.reload();
    for (const runId of this.#failed) this.#again(runId);
  }

  #tryLater(error: ServiceError): void {
    if (!error.isPassing || this.#isClosed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#tryAgain(), RETRY_MS);
  }

  /** What comes while an answer is on its way may not be in it: then there is a next one. */
  async #loadAll(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      await this.#load();
      if (this.#error !== null) {
        this.#isStale = true;
        this.#tryLater(this.#error);
        return;
      }
    }
  }

  async #loadOlder(): Promise<void> {
    const before = this.#nextBefore;
    if (before === null) return;
    this.#plan();
    try {
      const page = await this.#page({ last: PAGE, before });
      this.#nextBefore = page.nextBefore;
      for (const turn of page.turns) this.#turn(turn);
    } catch {
      // Whoever looks for older turns asks again.
    }
  }

  async #load(): Promise<void> {
    try {
      const isFirst = this.#covered === null;
      const page = await this.#page({ last: PAGE });
      if (page.conversation === null) throw new ServiceError(404, "conversation_not_found", "gone");
      const known = this.#turns.size;
      for (const turn of page.turns) this.#turn(turn);
      if (isFirst || !this.#joins(page.turns, known)) this.#nextBefore = page.nextBefore;
      this.#conversation = page.conversation;
      this.#state = "ready";
      this.#error = null;
      // Whatever was not over may have gone on unseen.
      for (const [runId, log] of this.#runs) if (!log.view().isOver || !log.isWhole) this.#again(runId);
      this.#covered = Math.max(this.#covered ?? 0, page.conversation.lastEventSeq);
      if (this.#position > this.#covered) this.#isStale = true;
      this.#position = 0;
      this.#structure = true;
      this.#wantRuns();
    } catch (error) {
      this.#error = asServiceError(error);
      this.#state = this.#error.status === 404 ? "gone" : this.#covered === null ? "failed" : this.#state;
    }
    this.#plan();
  }

  /** True if the newest turns stand next to those that were there. */
  #joins(turns: readonly Turn[], known: number): boolean {
    return known === 0 || this.#turns.size < known + turns.length || turns.length === 0;
  }

  async #page(query: { last: number; before?: number }) {
    const params = { path: { conversationId: this.conversationId }, query };
    return must(this.#options.api.GET("/conversations/{conversationId}", { params }));
  }

  async #fetchTurns(turnIds: readonly string[]): Promise<void> {
    const agentId = this.#conversation?.agentId;
    if (agentId === undefined) return;
    for (const turnId of turnIds) {
      try {
        const params = { path: { agentId, turnId } };
        const turn = await must(
          this.#options.api.GET("/agents/{agentId}/conversation/turns/{turnId}", { params }),
        );
        this.#turn(turn);
        this.#structure = true;
        this.#plan();
      } catch (error) {
        if (asServiceError(error).status !== 404) void this.reload();
      }
    }
  }

  #turn(turn: Turn): void {
    const before = this.#turns.get(turn.turnId);
    if (before !== undefined && isSameTurn(before, turn)) return;
    this.#turns.set(turn.turnId, turn);
    if (turn.runId === null) return;
    const at = this.#firstTurns.get(turn.runId);
    if (at === undefined || turn.seq < at) this.#firstTurns.set(turn.runId, turn.seq);
    this.#dirty.add(turn.runId);
  }

  /** Where each run stands among the turns: one without a turn behind those that began before it. */
  #places(): Map<string, number> {
    const places = new Map(this.#firstTurns);
    const known = [...this.#firstTurns].map(([runId, turn]) => ({
      turn,
      event: this.#firstEvent(runId) ?? 0,
    }));
    for (const runId of this.#runs.keys()) {
      const event = this.#firstEvent(runId);
      if (places.has(runId) || event === null) continue;
      let last = 0;
      for (const one of known) if (one.event < event) last = Math.max(last, one.turn);
      places.set(runId, last + 1 - 1 / (1 + event));
    }
    return places;
  }

  #firstEvent(runId: string): number | null {
    return this.#runs.get(runId)?.events[0]?.seq ?? null;
  }

  /** A run's end names the turn that is its answer; its words are in the run's events. */
  #note(runId: string, turnId: string): void {
    if (this.#turns.has(turnId)) return;
    const view = this.#logOf(runId).view();
    if (view.turnId === turnId || view.blocks.some((block) => block.kind === "message")) return;
    void this.#fetchTurns([turnId]);
  }

  #logOf(runId: string): RunLog {
    let log = this.#runs.get(runId);
    if (log === undefined) {
      log = new RunLog(runId);
      this.#runs.set(runId, log);
      this.#structure = true;
    }
    return log;
  }

  /** The newest runs first: they are what is looked at. */
  #wantRuns(): void {
    const runs = [...this.#firstTurns].sort((a, b) => b[1] - a[1]).slice(0, 8);
    for (const [runId] of runs) this.#wantRun(runId);
  }

  #again(runId: string): void {
    this.#failed.delete(runId);
    this.#asked.delete(runId);
    this.#wantRun(runId, true);
  }

  #wantRun(runId: string, first = false): void {
    if (this.#asked.has(runId) || this.#isClosed) return;
    if (this.#runs.get(runId)?.isWhole && this.#runs.get(runId)?.view().isOver) return;
    this.#asked.add(runId);
    if (first) this.#queue.unshift(runId);
    else this.#queue.push(runId);
    this.#pump();
  }

  #pump(): void {
    while (this.#reading < READERS) {
      const runId = this.#queue.shift();
      if (runId === undefined) return;
      this.#reading += 1;
      void this.#read(runId).finally(() => {
        this.#reading -= 1;
        this.#pump();
      });
    }
  }

  /** All that is stored of a run. */
  async #read(runId: string): Promise<void> {
    const { base, fetch } = this.#options;
    try {
      const url = `${base}/runs/${encodeURIComponent(runId)}/events?follow=false`;
      const answer = await fetch(url, {
        headers: { Accept: "text/event-stream" },
        credentials: "same-origin",
      });
      if (!answer.ok) throw await refusalOf(answer);
      const events: ConversationEvent[] = [];
      if (answer.body !== null) {
        for await (const frame of framesOf(answer.body, { silenceMs: SILENCE_MS })) {
          events.push(JSON.parse(frame.data) as ConversationEvent);
        }
      }
      if (this.#isClosed) return;
      const log = this.#logOf(runId);
      log.addAll(events);
      log.isWhole = true;
    } catch (error) {
      const failure = asServiceError(error);
      if (failure.status !== 404) this.#failed.add(runId);
      this.#tryLater(failure);
    }
    this.#dirty.add(runId);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned || this.#isClosed) return;
    this.#isPlanned = true;
    this.#options.nextFrame(() => {
      this.#isPlanned = false;
      this.view.set(this.#draw());
    });
  }

  #draw(): ConversationView {
    return {
      conversation: this.#conversation,
      entries: this.#drawEntries(),
      hasOlder: this.#nextBefore !== null,
      state: this.#state,
      isLoadingOlder: this.#olderLoading !== null,
      error: this.#error,
    };
  }

  /** Entries that have not changed stay the same objects: what shows them is not drawn again. */
  #drawEntries(): readonly Entry[] {
    if (!this.#structure) {
      if (this.#dirty.size === 0) return this.#list;
      this.#list = this.#list.map((entry) =>
        entry.kind === "run" && this.#dirty.has(entry.runId) ? this.#drawRun(entry.runId, entry) : entry,
      );
      this.#dirty.clear();
      return this.#list;
    }
    this.#structure = false;
    const prompts = new Map<string, Turn>();
    const answers = new Map<string, Turn>();
    const placed: { at: number; entry: Entry }[] = [];
    for (const turn of this.#turns.values()) {
      if (turn.runId === null || turn.role === "system") {
        placed.push({ at: turn.seq, entry: this.#drawTurn(turn) });
      } else if (turn.direction === "inbound") prompts.set(turn.runId, turn);
      else answers.set(turn.runId, turn);
    }
    for (const [runId, at] of this.#places()) {
      const known = this.#entries.get(runId);
      const prompt = prompts.get(runId) ?? null;
      const answer = answers.get(runId) ?? null;
      const isSame = known?.prompt === prompt && known?.answer === answer;
      if (known !== undefined && isSame && !this.#dirty.has(runId)) placed.push({ at, entry: known });
      else placed.push({ at, entry: this.#drawRun(runId, { prompt, answer }) });
    }
    this.#dirty.clear();
    placed.sort((a, b) => a.at - b.at);
    this.#list = placed.map(({ entry }) => entry);
    return this.#list;
  }

  readonly #drawnTurns = new Map<string, TurnEntry>();

  #drawTurn(turn: Turn): TurnEntry {
    const known = this.#drawnTurns.get(turn.turnId);
    if (known?.turn === turn) return known;
    const entry: TurnEntry = { kind: "turn", key: turn.turnId, turn, at: turn.createdAt };
    this.#drawnTurns.set(turn.turnId, entry);
    return entry;
  }

  #drawRun(runId: string, turns: { prompt: Turn | null; answer: Turn | null }): RunEntry {
    const log = this.#runs.get(runId);
    const run = log?.view() ?? null;
    const { prompt, answer } = turns;
    const at = prompt?.createdAt ?? run?.queuedAt ?? run?.startedAt ?? answer?.createdAt ?? "";
    const isWhole = log?.isWhole ?? false;
    const entry: RunEntry = { kind: "run", key: runId, runId, prompt, answer, run, isWhole, at };
    this.#entries.set(runId, entry);
    return entry;
  }
}

function isSameTurn(a: Turn, b: Turn): boolean {
  return a.content === b.content && a.runId === b.runId && a.attachments.length === b.attachments.length;
}
