/**
 * Answers the requests of the tests: one JSON object per line in, one out. The tests are written in Rust,
 * once for all languages; see tests/src/embed/.
 */

import { createInterface } from "node:readline";
import { Engine, EngineError, Failure, FileStore, Journal, MemoryStore } from "papyra-persistence";
import { preopened } from "papyra-persistence/wasi";
import { contract } from "./contract.js";
import { callStorage, closeStorage, openStorage } from "./storage.js";

/** @type {Map<string, Engine>} */
const engines = new Map();
/** @type {Journal} */
let journal;
/** Makes an instance over the store that was opened last. */
let start;

const operations = {
  open,
  append: ({ drafts }) => journal.append(drafts),
  append_lines: ({ lines, lenient }) => journal.appendLines(lines, { lenient }),
  query({ pages = Infinity, ...selection }) {
    let [records, count, cursor] = ["", 0, undefined];
    for (const page of journal.query(camel(selection))) {
      records += page.records;
      count += page.count;
      cursor = page.cursor;
      if (--pages <= 0) break;
    }
    return { records, count, cursor };
  },
  scan: ({ max_findings }) => journal.scan({ maxFindings: max_findings }),
  // Most of the suite compares bytes, so audit records are written only where a test asks for them.
  recover: ({ mode, ...options }) => journal.recover(mode, { recordAudit: false, ...camel(options) }),
  compact: (options) => journal.compact({ recordAudit: false, ...camel(options) }),
  inspect: ({ limit }) => journal.inspect(limit),
  startup_check: ({ mode, recovery, ...options }) => journal.startupCheck(mode, recovery, camel(options)),
  index: (options) => journal.index(camel(options)),
  drop_index: () => journal.dropIndex(),
  verify: ({ head }) => journal.verify(head),
  contract: ({ call, with: options }) => contract(start, call, options),
  metrics: () => journal.metrics(),
  storage_open: (options) => openStorage(camel(options)),
  storage_call: callStorage,
  storage_close: closeStorage,
};

async function open({ engine, store, path, retention, clock, ...options }) {
  journal?.close();
  if (!engines.has(engine)) engines.set(engine, await Engine.load(engine));
  const loaded = engines.get(engine);
  const policy = { journal: camel(retention ?? {}) };
  const fixed = clock === undefined ? Date.now : () => clock * 1000;
  if (store === "wasi") {
    const imports = wasi(path, camel(options), clock);
    start = () => loaded.instantiateWasi(imports());
    journal = Journal.openWasi(loaded, imports, { retention: policy });
    return {};
  }
  const stores = {
    file: () => new FileStore(path, camel(options)),
    memory: () => new MemoryStore(camel(options)),
    broken: () => broken(new MemoryStore()),
    flooding,
  };
  const opened = stores[store]();
  start = () => loaded.instantiate(opened, fixed);
  journal = Journal.open(loaded, opened, { retention: policy, clock: fixed });
  return {};
}

/** The imports of the component over WASI, with a fixed clock if one is given. */
function wasi(path, { quarantineDir }, clock) {
  const imports = preopened(path, { quarantineDir });
  if (clock === undefined) return imports;
  const now = { seconds: BigInt(Math.floor(clock)), nanoseconds: (clock % 1) * 1e9 };
  const still = { now: () => now, resolution: () => ({ seconds: 0n, nanoseconds: 1 }) };
  return () => ({ ...imports(), "wasi:clocks/wall-clock": still });
}

/** A store with a bug: its second append throws an error that is not a `StoreError`. */
function broken(store) {
  let calls = 0;
  return {
    describe: () => store.describe(),
    snapshot: () => store.snapshot(),
    append(lines) {
      if (++calls === 2) throw new TypeError("a bug of the store");
      store.append(lines);
    },
  };
}

/** A store that returns more than was asked for, and more than an instance can hold. */
function flooding() {
  const [start, end] = [0n, 100n].map((minor) => ({ major: 0n, minor }));
  const active = { name: "flood", role: "active", number: 0, start, end, bytes: 100n };
  const data = new Uint8Array(80 << 20).fill(120);
  return {
    describe: () => ({ ...new MemoryStore().describe(), volatile: false }),
    snapshot: () => ({
      segments: [active],
      read: (_, at) => ({ start: at, data, last: false }),
      readBack: () => ({ start, data, last: true }),
      close() {},
    }),
  };
}

function camel(options) {
  const name = (snake) => snake.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [name(key), value]));
}

function snake(value) {
  if (Array.isArray(value)) return value.map(snake);
  if (typeof value !== "object" || value === null) return value;
  const name = (camel) => camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), snake(inner)]));
}

// A write beyond `ulimit -f` must fail instead of ending the process.
process.on("SIGXFSZ", () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...request } = JSON.parse(line);
  const began = performance.now();
  let reply;
  try {
    const ok = await operations[op](request);
    const seconds = (performance.now() - began) / 1000;
    reply = { ok: snake(ok ?? {}), seconds };
  } catch (error) {
    const { message, code, line: where, retryable, written } = error;
    if (error instanceof Failure) reply = { failure: { code, message, line: where, retryable, written } };
    else if (error instanceof EngineError) reply = { trap: message };
    else throw error;
  }
  process.stdout.write(`${JSON.stringify(reply, (_, value) => value ?? null)}\n`);
}
