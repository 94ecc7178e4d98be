// A program in strict TypeScript and CommonJS that uses the packed package; `package.js` compiles it.

import { Engine, Failure, FileStore, Journal } from "papyra-persistence";
import type { Page, ScanReport } from "papyra-persistence/types";

export async function use(): Promise<number> {
  const engine: Engine = await Engine.load();
  const journal = Journal.open(engine, new FileStore("app.ndjson", { sync: false }));
  const report: ScanReport = journal.scan({ maxFindings: 3 });
  for (const page of journal.query({ limit: 1 })) page satisfies Page;
  return report.records;
}

export const advice = (error: unknown): boolean => error instanceof Failure && error.retryable;

// Nothing of this may pass as `any`.
// @ts-expect-error: a number
export const text: Promise<string> = use();
// @ts-expect-error: an engine is loaded, never made
new Engine();
