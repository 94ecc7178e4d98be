/** Loads the component and runs instances of it. */

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Disk } from "./disk.js";
import { Failure } from "./errors.js";
import { FileStore } from "./file-store.js";
import { Host, wallClock } from "./host.js";
import { fromContract } from "./values.js";

/**
 * An instance of the component, as the code that `jco` writes makes it.
 *
 * @typedef {{ journal: Record<string, (...parameters: unknown[]) => unknown>, release?: () => void }} Instance
 */
/** @typedef {Record<string, Record<string, unknown>>} Imports */
/**
 * The module that `jco transpile --instantiation sync` writes.
 *
 * @typedef {{
 *   instantiate(getCoreModule: (path: string) => WebAssembly.Module, imports: Imports): Instance,
 * }} Transpiled
 */

/**
 * The engine trapped, because of a fault of its own or because a store threw something other than
 * `StoreError`. The instance is gone, the store is consistent, and the next call gets a new instance.
 */
export class EngineError extends Error {
  /**
   * @param {string} operation
   * @param {unknown} cause
   */
  constructor(operation, cause) {
    super(`the engine failed in ${operation}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.name = "EngineError";
  }
}

const NO_ROOM =
  "Node takes 10 GiB of address space for an instance, and the limit of this process leaves less; raise the limit " +
  "(ulimit -v), or run `node --disable-wasm-trap-handler`";

const OTHER_COMPONENT =
  "this component does not fit the store: a `FileStore` needs an engine made from `papyra-node.wasm`, any other " +
  "store one made from `papyra-engine.wasm`";

/** The compiled component. One per process is enough. */
export class Engine {
  #transpiled;
  #directory;
  /** @type {Map<string, WebAssembly.Module>} */
  #modules = new Map();

  /**
   * @param {Transpiled} transpiled
   * @param {string} directory
   */
  constructor(transpiled, directory) {
    this.#transpiled = transpiled;
    this.#directory = directory;
  }

  /**
   * Loads what `jco transpile papyra-node.wasm --instantiation sync -o DIRECTORY` has written; or the same of
   * `papyra-engine.wasm`, for stores that are written in JavaScript.
   *
   * @param {string} path of the `.js` file in that directory
   */
  static async load(path) {
    const file = resolve(path);
    return new Engine(await import(pathToFileURL(file).href), dirname(file));
  }

  /**
   * Makes an instance over one store.
   *
   * @param {import("./types.js").Store | FileStore} store
   * @param {() => number} clock milliseconds since the epoch
   */
  instantiate(store, clock) {
    const time = { "wasi:clocks/wall-clock": wallClock(clock) };
    if (store instanceof FileStore) {
      const disk = new Disk(store);
      const imports = { "papyra:persistence/disk": disk.imports(), ...time };
      return this.#session(imports, () => {}, () => disk.close());
    }
    const host = new Host(store);
    const close = () => host.close();
    return this.#session({ ...host.imports(), ...time }, close, close);
  }

  /**
   * Makes an instance of `papyra-wasi.wasm`, which needs nothing but WASI.
   *
   * @param {Imports} imports as `WASIShim` makes them
   */
  instantiateWasi(imports) {
    return this.#session(imports, () => {}, () => {});
  }

  /**
   * @param {Imports} imports
   * @param {() => void} release closes what an operation has read
   * @param {() => void} close closes everything
   */
  #session(imports, release, close) {
    const compiled = (/** @type {string} */ name) => this.#compiled(name);
    let instance;
    try {
      instance = this.#transpiled.instantiate(compiled, imports);
    } catch (error) {
      // V8 sets a memory apart so that no access has to be checked.
      if (error instanceof RangeError) throw new EngineError("its start", new Error(NO_ROOM, { cause: error }));
      if (error instanceof TypeError) throw new TypeError(OTHER_COMPONENT, { cause: error });
      throw error;
    }
    return new Session(instance, instance.release ?? release, close);
  }

  /** @param {string} name */
  #compiled(name) {
    const known = this.#modules.get(name);
    if (known) return known;
    const module = new WebAssembly.Module(readFileSync(join(this.#directory, name)));
    this.#modules.set(name, module);
    return module;
  }
}

/** One instance. Do not use it again after `EngineError`. */
export class Session {
  #instance;
  #release;

  /**
   * @param {Instance} instance
   * @param {() => void} release
   * @param {() => void} close
   */
  constructor(instance, release, close) {
    this.#instance = instance;
    this.#release = release;
    /** Closes what the instance has open in its store. */
    this.close = close;
  }

  /**
   * Calls a function of the interface `journal`.
   *
   * @param {string} name
   * @param {unknown[]} parameters
   */
  call(name, parameters) {
    const operation = this.#instance.journal[name];
    if (!operation) {
      throw new EngineError(name, "the component does not export it; use component and package of one version");
    }
    let trapped = false;
    try {
      return fromContract(operation(...parameters));
    } catch (error) {
      const payload = /** @type {any} */ (error)?.payload;
      if (payload?.code !== undefined) throw new Failure(payload);
      trapped = true;
      throw new EngineError(name, error);
    } finally {
      // Every operation takes its own snapshot; keeping the last one would only hold files open.
      if (!trapped) this.#release();
    }
  }
}
