/**
 * A transport of pino that records what is logged into a journal:
 * `pino({ transport: { target: "papyra-persistence/pino", options: { path: "app.ndjson" } } })`.
 *
 * pino runs it in a worker thread, so the program never waits for the disk. A log record becomes a record of kind
 * `event`, which Papyra lists as well: its level is the `event_type`, the logger's name the `actor_address`, and the
 * payload has `message` and `fields`.
 */

import { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

import { Engine } from "./engine.js";
import { Failure } from "./errors.js";
import { FileStore } from "./file-store.js";
import { Journal } from "./journal.js";

/** @type {Record<string, string | undefined>} */
const LEVELS = { 10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL" };
/** Milliseconds between two attempts to write. */
const PAUSE = 100;

/** @typedef {import("./public-pino.js").PinoOptions} PinoOptions */

/**
 * Makes the stream to which pino writes its lines.
 *
 * @param {PinoOptions} options
 * @returns {Promise<Writable>}
 */
export default async function transport(options) {
  const { path, engine, systemId = "local", messageKey = "msg", retryFor = 10_000, ...files } = options;
  const store = new FileStore(path, files);
  const journal = Journal.open(await Engine.load(engine), store);
  const lines = new Lines();
  const write = async (/** @type {string[]} */ some) => {
    const drafts = some.map((line) => draft(line, systemId, messageKey)).filter((one) => one !== undefined);
    warn(some.length - drafts.length, "it is not a JSON object");
    await append(journal, drafts, retryFor);
  };
  return new Writable({
    write: (chunk, _, done) => void write(lines.take(chunk)).then(() => done(), done),
    writev: (chunks, done) => void write(chunks.flatMap(({ chunk }) => lines.take(chunk))).then(() => done(), done),
    final: (done) => void write(lines.rest()).then(() => (journal.close(), done()), done),
  });
}

/** Lines out of pieces that end anywhere. */
class Lines {
  #decoder = new TextDecoder();
  #begun = "";

  /**
   * @param {Buffer | string} chunk
   * @returns {string[]}
   */
  take(chunk) {
    const text = typeof chunk === "string" ? chunk : this.#decoder.decode(chunk, { stream: true });
    const lines = (this.#begun + text).split("\n");
    this.#begun = lines.pop() ?? "";
    return lines.filter((line) => line !== "");
  }

  /** Returns the line without an end, if there is one. */
  rest() {
    return this.take("\n");
  }
}

/**
 * Appends all of them. What the engine refuses is left out alone, with a warning; what can pass is tried again.
 *
 * @param {Journal} journal
 * @param {import("./types.js").Draft[]} drafts
 * @param {number} retryFor
 * @returns {Promise<void>}
 */
async function append(journal, drafts, retryFor) {
  if (drafts.length === 0) return;
  const until = Date.now() + retryFor;
  for (;;) {
    try {
      journal.append(drafts);
      return;
    } catch (error) {
      const failure = error instanceof Failure ? error : undefined;
      if (failure?.code === "invalid-record" && drafts.length > 1) {
        for (const one of drafts) await append(journal, [one], retryFor);
        return;
      }
      // Only what is certainly not in the journal is written once more.
      const again = failure?.retryable && failure.written === "none" && Date.now() < until;
      if (!again) return warn(drafts.length, error instanceof Error ? error.message : String(error));
    }
    await pause(PAUSE);
  }
}

/**
 * @param {string} line
 * @param {string} systemId
 * @param {string} messageKey
 * @returns {import("./types.js").Draft | undefined} nothing if the line is no record of a log
 */
function draft(line, systemId, messageKey) {
  let log;
  try {
    log = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof log !== "object" || log === null || Array.isArray(log)) return undefined;
  const { level, time, name, [messageKey]: message, ...fields } = log;
  const label = LEVELS[String(level)] ?? String(level ?? "INFO").toUpperCase();
  const record = {
    system_id: systemId,
    actor_address: typeof name === "string" ? name : "pino",
    event_type: label,
    payload: { message, fields },
  };
  return { kind: "event", timestamp: seconds(time), fields: JSON.stringify(record) };
}

/**
 * @param {unknown} time as pino writes it: milliseconds, or a text
 * @returns {number} seconds since the epoch
 */
function seconds(time) {
  const millis = typeof time === "number" ? time : Date.parse(String(time));
  return (Number.isFinite(millis) ? millis : Date.now()) / 1000;
}

/**
 * @param {number} count
 * @param {string} why
 */
function warn(count, why) {
  if (count > 0) process.emitWarning(`${count} of the records that were logged are not in the journal: ${why}`);
}
