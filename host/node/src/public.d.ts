/**
 * The types of `papyra-persistence`. `Engine` is the engine in this package, a store says where the bytes are kept,
 * and `Journal` is the interface for programs.
 */

import type {
  Appended,
  CompactOptions,
  Compaction,
  Counters,
  Description,
  Draft,
  FailureCode,
  FailureFields,
  FileStoreOptions,
  IndexOptions,
  IndexReport,
  Inspection,
  JournalOptions,
  MemoryStoreOptions,
  Page,
  RecoverOptions,
  Recovery,
  RecoveryMode,
  Retention,
  ScanOptions,
  ScanReport,
  Selection,
  Snapshot,
  StartupMode,
  StartupOptions,
  StartupReport,
  Store,
  StoreErrorCode,
  VerifyReport,
  Written,
} from "./types.js";

export * from "./types.js";

/** The imports of a component, by interface and function. */
export type Imports = Record<string, Record<string, unknown>>;

/** One instance. Do not use it again after `EngineError`. */
export interface Session {
  /** Calls a function of the interface `journal`. */
  call(name: string, parameters: unknown[]): any;
  /** Closes what the instance has open in its store. */
  close(): void;
}

/** The compiled engine. One per process is enough. */
export declare class Engine {
  private constructor();
  /**
   * Loads the engine in this package, which serves every store. With a path, loads another one: the `.js` file that
   * `jco transpile papyra-node.wasm --instantiation sync -o DIRECTORY` has written, or the same of
   * `papyra-engine.wasm`, for stores in JavaScript.
   */
  static load(path?: string): Promise<Engine>;
  /** Makes an instance over one store. `clock` returns milliseconds since the epoch. */
  instantiate(store: Store | FileStore, clock: () => number): Session;
  /** Makes an instance of `papyra-wasi.wasm`, which needs nothing but WASI. */
  instantiateWasi(imports: Imports): Session;
}

/**
 * The engine trapped, because of a fault of its own or because a store threw something other than
 * `StoreError`. The instance is gone, the store is consistent, and the next call gets a new instance.
 */
export declare class EngineError extends Error {
  constructor(operation: string, cause: unknown);
}

/** An operation failed. It changed nothing beyond what its message states. */
export declare class Failure extends Error {
  constructor(failure: FailureFields);
  code: FailureCode;
  segment: string | undefined;
  /** Counted from 1. */
  line: number | undefined;
  /** Whether a later retry of the same call can help. */
  retryable: boolean;
  /** Only for appends: how much was written. After `none` the batch can be appended again. */
  written: Written | undefined;
}

/** The error that a store throws. */
export declare class StoreError extends Error {
  /**
   * `message` is one line: what happened, where, what to do next. `written` is for `append`: how much of the
   * batch is visible nevertheless. Say `none` only if the store knows.
   */
  constructor(code: StoreErrorCode, message: string, written?: Written);
  code: StoreErrorCode;
  written: Written | undefined;
}

/**
 * A journal in a store. Calls are synchronous: a long scan blocks the event loop, so a server should scan in a
 * worker thread.
 *
 * Every method throws `Failure` if the engine or the store refuses, and `EngineError` if the engine traps.
 * Invalid arguments throw `TypeError`.
 */
export declare class Journal {
  constructor(start: () => Session, retention?: Retention);
  /** Opens a journal in files, in memory, or in a store of the program. */
  static open(engine: Engine, store: Store | FileStore, options?: JournalOptions): Journal;
  /** Opens a journal that the component reaches through WASI; see `papyra-persistence/wasi`. */
  static openWasi(engine: Engine, imports: () => Imports, options?: { retention?: Retention }): Journal;
  /** Writes records in this order, all or none. They are durable when this returns. */
  append(drafts: Draft[]): Appended;
  /**
   * Writes complete lines verbatim, all or none. Each must be a sound record, or if `lenient`, any whole JSON object,
   * as `query` returns them.
   */
  appendLines(lines: string, options?: { lenient?: boolean }): Appended;
  /** Yields pages of the records that match and that retention does not hide. */
  query(selection?: Selection): Generator<Page, void>;
  /** Examines every entry, or about `sample` of them. Changes nothing. */
  scan(options?: ScanOptions): ScanReport;
  /** Removes what is damaged and keeps every whole record. */
  recover(mode?: RecoveryMode, options?: RecoverOptions): Recovery;
  /** Removes the records that retention hides. Refused without any limit. */
  compact(options?: CompactOptions): Compaction;
  /** Returns a cheap overview of the newest `limit` records. */
  inspect(limit?: number): Inspection;
  /** Checks the journal before a system starts. */
  startupCheck(mode?: StartupMode, recovery?: RecoveryMode, options?: StartupOptions): StartupReport;
  /** Makes the index, or adds to it what was appended since, so that later calls read only what they need. */
  index(options?: IndexOptions): IndexReport;
  /** Removes the index. Everything works without, and reads more. */
  dropIndex(): void;
  /** Tells whether the journal is what it was when its index was made with hashes, or when `head` was noted. */
  verify(head?: string): VerifyReport;
  /** Returns what this journal has counted since its instance was made. */
  metrics(): Counters;
  /** Sets all counters to zero. */
  resetMetrics(): void;
  /** Drops the instance and closes what it has open. The next call makes a new one. */
  close(): void;
}

/**
 * A journal in one file, or in a set of rotating ones, which any number of processes may use at once. An engine
 * that is loaded from a path must be made from `papyra-node.wasm`.
 */
export declare class FileStore {
  constructor(path: string, options?: FileStoreOptions);
  path: string;
  quarantineDir: string | undefined;
  locking: boolean;
  attributes: boolean;
}

/** A journal in memory, for tests and for records that need not outlive the process. It only grows. */
export declare class MemoryStore implements Store {
  constructor(options?: MemoryStoreOptions);
  describe(): Description;
  append(lines: string): void;
  snapshot(): Snapshot;
}
