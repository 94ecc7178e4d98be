/** The transport for pino, with the real pino: `node --test test/pino.js`. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import pino from "pino";

import { Engine, FileStore, Journal } from "../src/index.js";
import transport from "../src/pino.js";

const ENGINE = fileURLToPath(new URL("../papyra-node/papyra-node.js", import.meta.url));
const TARGET = fileURLToPath(new URL("../src/pino.js", import.meta.url));
const engine = await Engine.load(ENGINE);

function place(t) {
  const directory = fs.mkdtempSync(join(tmpdir(), "papyra-pino-"));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  return join(directory, "log.ndjson");
}

function records(path) {
  return fs.readFileSync(path, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Logs with the transport in its worker, and returns when everything is written. */
async function logged(options, log, settings = {}) {
  const stream = pino.transport({ target: TARGET, options: { engine: ENGINE, ...options } });
  // The worker alone does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  log(pino({ base: null, ...settings }, stream));
  stream.end();
  await once(stream, "close");
  clearInterval(alive);
}

async function written(stream, ...chunks) {
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, "close");
}

test("a log record becomes a sound record that Papyra can list", async (t) => {
  const path = place(t);
  const before = Date.now() / 1000;
  await logged({ path, systemId: "shop" }, (log) => {
    log.child({ name: "orders", order: 12 }).warn({ item: 7, text: "é\u2028\n" }, "no %s", "stock");
    log.error(new Error("boom"));
    log.debug("left out");
  });
  const [first, second, ...more] = records(path);
  assert.deepEqual(more, []);
  assert.ok(first.timestamp >= before - 1 && first.timestamp <= Date.now() / 1000 + 1);
  assert.deepEqual({ ...first, timestamp: 0 }, {
    kind: "event",
    timestamp: 0,
    system_id: "shop",
    actor_address: "orders",
    event_type: "WARN",
    payload: { message: "no stock", fields: { order: 12, item: 7, text: "é\u2028\n" } },
  });
  assert.deepEqual([second.event_type, second.actor_address, second.payload.message], ["ERROR", "pino", "boom"]);
  assert.match(second.payload.fields.err.stack, /pino\.js/);
  const report = Journal.open(engine, new FileStore(path)).scan();
  assert.deepEqual([report.records, report.damaged, report.suspect], [2, 0, 0]);
});

test("what pino can be told to write otherwise is understood", async (t) => {
  const path = place(t);
  const settings = {
    messageKey: "text",
    timestamp: pino.stdTimeFunctions.isoTime,
    customLevels: { notice: 35 },
  };
  await logged({ path, messageKey: "text" }, (log) => (log.notice("a"), log.fatal({ msg: "field" }, "b")), settings);
  const [first, second] = records(path);
  assert.deepEqual([first.event_type, first.payload], ["35", { message: "a", fields: {} }]);
  assert.deepEqual([second.event_type, second.payload], ["FATAL", { message: "b", fields: { msg: "field" } }]);
  assert.ok(Math.abs(first.timestamp - Date.now() / 1000) < 60);
});

test("everything that was logged is written, in order, when the process ends", async (t) => {
  const path = place(t);
  const program = `
    import pino from "pino";
    const options = { path: ${JSON.stringify(path)}, engine: ${JSON.stringify(ENGINE)} };
    const log = pino({ transport: { target: ${JSON.stringify(TARGET)}, options } });
    for (let n = 0; n < 5000; n++) log.info({ n }, "x".repeat(n % 300));
  `;
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd, stdio: "inherit" });
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.deepEqual(records(path).map((one) => one.payload.fields.n), [...Array(5000).keys()]);
});

test("lines that come in pieces are put together, and what is no record costs nothing else", async (t) => {
  const path = place(t);
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  const text = Buffer.from('{"level":30,"time":1760000000000,"msg":"é"}\n[1]\nnonsense\n{"time":"2025-01-01T00:00:00Z","msg":"end"}');
  const pieces = [...text].map((byte) => Buffer.from([byte]));
  await written(await transport({ path, engine: ENGINE }), ...pieces);
  await new Promise(setImmediate);
  assert.deepEqual(records(path).map((one) => one.payload.message), ["é", "end"]);
  assert.deepEqual(records(path).map((one) => one.timestamp), [1760000000, 1735689600]);
  // As many warnings as batches, which depends on the machine.
  const said = warnings.map((one) => /^(\d+) of the records .*: it is not a JSON object$/.exec(one)?.[1]);
  assert.equal(said.reduce((sum, count) => sum + Number(count), 0), 2, warnings.join());
});

test("a record that the engine refuses is left out alone", async (t) => {
  const path = place(t);
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  const deep = `{"level":30,"msg":"deep","x":${"[".repeat(3000)}${"]".repeat(3000)}}\n`;
  await written(await transport({ path, engine: ENGINE }), `{"msg":"a"}\n${deep}{"msg":"b"}\n`);
  await new Promise(setImmediate);
  assert.deepEqual(records(path).map((one) => one.payload.message), ["a", "b"]);
  assert.equal(warnings.length, 1, warnings.join());
  assert.match(warnings[0], /^1 of the records/);
});

test("a journal that cannot be written does not end the program", async (t) => {
  const path = join(place(t), "no", "such", "directory");
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  await written(await transport({ path, engine: ENGINE }), '{"msg":"a"}\n');
  await new Promise(setImmediate);
  assert.match(warnings.join(), /not in the journal: .*log\.ndjson/);
});

test("a journal that another process locks is tried again for as long as is allowed", async (t) => {
  const path = place(t);
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  fs.writeFileSync(path, "");
  const options = { path, engine: ENGINE, lockWait: 0.05 };
  const holder = spawn("flock", ["--no-fork", "--exclusive", path, "sh", "-c", "echo; exec sleep 60"]);
  t.after(() => holder.kill());
  await once(holder.stdout, "data");
  await written(await transport({ ...options, retryFor: 0 }), '{"msg":"dropped"}\n');
  const stream = await transport({ ...options, retryFor: 60_000 });
  stream.write('{"msg":"kept"}\n');
  setTimeout(() => holder.kill(), 300);
  await written(stream);
  assert.deepEqual(records(path).map((one) => one.payload.message), ["kept"]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /another process holds the lock/);
});

test("rotating files are kept as a FileStore keeps them", async (t) => {
  const path = place(t);
  for (const n of [1, 2]) {
    await logged({ path, maxBytes: 2000, maxFiles: 2 }, (log) => log.info({ n }, "x".repeat(1900)));
  }
  assert.deepEqual([path, `${path}.1`].map((file) => records(file).map((one) => one.payload.fields.n)), [[2], [1]]);
});
