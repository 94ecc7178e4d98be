/** Journals in directories of their own, for the tests of journals in files. */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Engine, FileStore, Journal } from "papyra-persistence";

/** The engine for stores in JavaScript. */
export const engine = await Engine.load("papyra-engine/papyra-engine.js");
/** The engine for files. */
export const files = await Engine.load("papyra-node/papyra-node.js");

/** A journal in a directory that is removed after the test, which is its quarantine too. */
export function journalFile(t, text, { retention, ...options } = {}) {
  const directory = fs.mkdtempSync(join(tmpdir(), "papyra-"));
  const path = join(directory, "events.ndjson");
  if (text !== undefined) fs.writeFileSync(path, text);
  const store = new FileStore(path, { quarantineDir: directory, ...options });
  const journal = Journal.open(files, store, { retention: { journal: retention } });
  t.after(() => {
    journal.close();
    fs.rmSync(directory, { recursive: true });
  });
  return { path, store, journal };
}

/** Returns the contents of the quarantine. */
export function quarantined(path) {
  const names = fs.readdirSync(dirname(path)).filter((name) => name.endsWith(".quarantine"));
  return names.map((name) => fs.readFileSync(join(dirname(path), name), "utf8"));
}

/** Returns the names of the files of this process that lie in the journal's directory and are open. */
export function opened(path) {
  const links = fs.readdirSync("/proc/self/fd").map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  const inside = `${dirname(path)}/`;
  return links.filter((link) => link.startsWith(inside)).map((link) => link.slice(inside.length));
}
