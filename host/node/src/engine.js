/** Chooses the component for a store, and runs instances of it. */

import { checkPackaged, inDirectory, load, packaged } from "./component.js";
import { Disk } from "./disk.js";
import { Failure } from "./errors.js";
import { FileStore } from "./file-store.js";
import { Host, wallClock } from "./host.js";
import { fromContract } from "./values.js";

/** @typedef {import("./component.js").Component} Component */
/** @typedef {import("./component.js").Imports} Imports */
/** @typedef {import("./component.js").Instance} Instance */
/** @typedef {import("./component.js").Name} Name */
/** @typedef {import("./component.js").Transpiled} Transpiled */

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

/** The compiled engine. One per process is enough. */
export class Engine {
  /** The component of the program, for whatever it fits. @type {Component | undefined} */
  #own;
  /** Those of the package that were needed. @type {Map<Name, Component>} */
  #packaged = new Map();

  /**
   * @param {Transpiled} [transpiled] without it, the engine is the one in this package
   * @param {string} directory
   */
  constructor(transpiled, directory = ".") {
    if (transpiled) this.#own = inDirectory(transpiled, directory);
  }

  /**
   * Returns the engine in this package, for any store, or another one: the path of the `.js` file that
   * `jco transpile papyra-node.wasm --instantiation sync -o DIRECTORY` has written; or the same of
   * `papyra-engine.wasm`, for stores that are written in JavaScript.
   *
   * @param {string} [path]
   */
  static async load(path) {
    const engine = new Engine();
    if (path === undefined) checkPackaged();
    else engine.#own = await load(path);
    return engine;
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
      return this.#session("papyra-node", imports, () => {}, () => disk.close());
    }
    const host = new Host(store);
    const close = () => host.close();
    return this.#session("papyra-engine", { ...host.imports(), ...time }, close, close);
  }

  /**
   * Makes an instance of `papyra-wasi.wasm`, which needs nothing but WASI.
   *
   * @param {Imports} imports as `WASIShim` makes them
   */
  instantiateWasi(imports) {
    return this.#session("papyra-wasi", imports, () => {}, () => {});
  }

  /**
   * @param {Name} name of the component that fits
   * @param {Imports} imports
   * @param {() => void} release closes what an operation has read
   * @param {() => void} close closes everything
   */
  #session(name, imports, release, close) {
    const component = this.#component(name);
    let instance;
    try {
      instance = component.instantiate(imports);
    } catch (error) {
      // V8 sets a memory apart so that no access has to be checked.
      if (error instanceof RangeError) throw new EngineError("its start", new Error(NO_ROOM, { cause: error }));
      if (error instanceof TypeError) throw new TypeError(OTHER_COMPONENT, { cause: error });
      throw error;
    }
    return new Session(instance, instance.release ?? release, close);
  }

  /** @param {Name} name */
  #component(name) {
    if (this.#own) return this.#own;
    const component = this.#packaged.get(name) ?? packaged(name);
    this.#packaged.set(name, component);
    return component;
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
