// A program in strict TypeScript that uses the packed package; `package.js` compiles it.

import { Engine, EngineError, Failure, FileStore, Journal, MemoryStore, StoreError } from "papyra-persistence";
import type { Edit, Finding, Rewrite, ScanReport, Snapshot, Store, Written } from "papyra-persistence";
import transport from "papyra-persistence/pino";
import { preopened } from "papyra-persistence/wasi";
import type { Page } from "papyra-persistence/types";

const engine = await Engine.load();
export const other: Promise<Engine> = Engine.load("papyra-node/papyra-node.js");
const store = new FileStore("app.ndjson", { quarantineDir: "quarantine", sync: false, maxBytes: 1e6, maxFiles: 3 });
const journal = Journal.open(engine, store, { retention: { journal: { maxRecords: 3 } }, clock: () => 0 });
Journal.openWasi(engine, preopened("app.ndjson", { quarantineDir: "quarantine" })).close();

(await transport({ path: "log.ndjson", engine: "papyra-node/papyra-node.js", maxFiles: 3, messageKey: "text" })).end();

export const written: number = journal.append([{ kind: "event", timestamp: new Date(0), fields: "{}" }]).bytes;
export const report: ScanReport = journal.scan({ maxFindings: 3, sample: 10 });
export const lines: (number | undefined)[] = report.findings.map((one: Finding) => one.line);
export const salvaged: number = journal.recover("quarantine", { dryRun: true, allowLoss: false }).salvaged;
export const kept: number = journal.compact({ allowExpireAll: true, asOf: 5 }).fromFutureKept;
export const outcome: "refused" | string = journal.startupCheck("fail", "repair", { full: true }).outcome;
for (const page of journal.query({ kinds: ["dead_letter"], limit: 1 })) page satisfies Page;

export function advice(error: unknown): Written | boolean | undefined {
  if (error instanceof Failure) return error.written ?? error.retryable;
  return error instanceof EngineError ? false : undefined;
}

/** A store of the program. */
class Own implements Store {
  #memory = new MemoryStore({ maxBytes: 10 });
  describe = () => this.#memory.describe();
  append(text: string): void {
    if (text.length > 10) throw new StoreError("full", "there is no room", "none");
    this.#memory.append(text);
  }
  snapshot(): Snapshot {
    const snapshot = this.#memory.snapshot();
    const rewrite = (): Rewrite => ({
      edit: (edits: Edit[]) => edits.forEach(({ start, end, lineEnd }) => [start.minor, end.minor, lineEnd]),
      commit: () => ({ bytesBefore: 0n, bytesAfter: 0n, quarantine: [] }),
      abort() {},
    });
    return { ...snapshot, rewrite, close: () => snapshot.close() };
  }
}
Journal.open(engine, new Own());

// Nothing of this may pass as `any`.
// @ts-expect-error: a number
export const text: string = journal.scan().records;
// @ts-expect-error: no such kind
journal.append([{ kind: "bogus" }]);
// @ts-expect-error: no such option
journal.recover("repair", { allowAll: true });
// @ts-expect-error: an engine is loaded, never made
new Engine();
// @ts-expect-error: a store has no such error
new StoreError("invalid-record", "");
// @ts-expect-error: a path is needed
preopened();
