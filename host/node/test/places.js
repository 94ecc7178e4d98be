/** Journals in directories of their own, for the tests of the file store. */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FileStore } from "papyra-persistence";

/** A journal in a directory that is removed after the test, which is its quarantine too. */
export function journalFile(t, text, options) {
  const directory = fs.mkdtempSync(join(tmpdir(), "papyra-"));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const path = join(directory, "events.ndjson");
  fs.writeFileSync(path, text);
  return { path, store: new FileStore(path, { quarantineDir: directory, ...options }) };
}

/** Returns the contents of the quarantine. */
export function quarantined(path) {
  const names = fs.readdirSync(dirname(path)).filter((name) => name.endsWith(".quarantine"));
  return names.map((name) => fs.readFileSync(join(dirname(path), name), "utf8"));
}

export function edit(start, end, lineEnd = false) {
  const [from, to] = [start, end].map((minor) => ({ major: 0n, minor: BigInt(minor) }));
  return { start: from, end: to, lineEnd };
}
