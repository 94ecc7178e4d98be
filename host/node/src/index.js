/**
 * Papyra's journal engine, a WebAssembly component, in Node. `Engine` loads what `jco transpile` has
 * made of the component, a store keeps the bytes, and `Journal` is what a program holds.
 */
export { Engine, EngineError } from "./engine.js";
export { Failure, StoreError } from "./errors.js";
export { FileStore } from "./file-store.js";
export { Journal } from "./journal.js";
export { MemoryStore } from "./memory-store.js";
