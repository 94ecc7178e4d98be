/**
 * The store of `papyra-node.wasm` by itself, without the engine, for the suite of all stores: its interface
 * `storage`, call by call. Instances have numbers.
 */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FileStore } from "papyra-persistence";
import { Disk } from "../src/disk.js";
import { wallClock } from "../src/host.js";
import { fromContract } from "../src/values.js";

/** Compiled once for all instances. */
const modules = new Map();
const instances = new Map();
let last = 0;

/** Makes an instance over the files of a journal. */
export async function openStorage({ component, path, ...options }) {
  const disk = new Disk(new FileStore(path, options));
  const imports = { "papyra:persistence/disk": disk.imports(), "wasi:clocks/wall-clock": wallClock(Date.now) };
  const compiled = (name) => {
    const path = join(dirname(component), name);
    if (!modules.has(path)) modules.set(path, new WebAssembly.Module(readFileSync(path)));
    return modules.get(path);
  };
  const { storage } = (await import(component)).instantiate(compiled, imports);
  instances.set(++last, { storage, disk });
  return { instance: last };
}

/** Calls a function. Returns its answer, or what it refuses with. */
export function callStorage({ instance, name, parameters }) {
  const { storage } = instances.get(instance);
  try {
    const answer = storage[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())](...parameters.map(lowered));
    return { answer: answer?.data ? { ...fromContract(answer), data: portable(answer.data) } : fromContract(answer) };
  } catch (error) {
    const { payload } = error;
    if (payload === undefined) throw error;
    const { error: refusal = payload, written } = payload;
    return { refusal: { code: refusal.tag, message: refusal.val, written } };
  }
}

/** Ends an instance, as the end of its process would. */
export function closeStorage({ instance }) {
  instances.get(instance).disk.close();
  instances.delete(instance);
}

/** Bytes as JSON can have them. */
function portable({ tag, val }) {
  return tag === "text" ? { text: val } : { raw: [...val] };
}

function lowered(value, key = "") {
  if (Array.isArray(value)) return value.map((one) => lowered(one));
  // Text, since a number of JavaScript cannot hold every one.
  if (key === "major" || key === "minor") return BigInt(value);
  if (typeof value !== "object" || value === null) return value;
  const name = (snake) => snake.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), lowered(inner, key)]));
}
