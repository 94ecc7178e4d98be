/**
 * Papyra's journal engine, a WebAssembly component, in Node. `Engine` loads it from this package, a store
 * says where the bytes are kept, and `Journal` is the interface for programs.
 */
export { Engine, EngineError } from "./engine.js";
export { Failure, StoreError } from "./errors.js";
export { FileStore } from "./file-store.js";
export { Journal } from "./journal.js";
export { MemoryStore } from "./memory-store.js";
