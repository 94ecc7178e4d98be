// Fails to compile where the code is not what `src/public.d.ts` declares, or does more. `tsc -p tsconfig.json`

import * as actual from "../src/index.js";
import transport from "../src/pino.js";
import { preopened } from "../src/wasi.js";
import type * as declared from "../src/public.js";
import type * as pino from "../src/public-pino.js";
import type * as wasi from "../src/public-wasi.js";

/** Members that only the package itself uses. */
type Internal = "settings";
/** The members of a class, without what is private. */
type Members<T> = { [K in keyof T]: T[K] };
type Keys<T> = Exclude<keyof T, Internal>;
/** Holds only if both have the same members, and the actual ones are of the declared types. */
type Agrees<Actual extends Members<Declared>, Declared> = [Keys<Actual>] extends [keyof Declared] ? true : never;

export const instances: [
  Agrees<actual.Engine, declared.Engine>,
  Agrees<actual.EngineError, declared.EngineError>,
  Agrees<actual.Failure, declared.Failure>,
  Agrees<actual.FileStore, declared.FileStore>,
  Agrees<actual.Journal, declared.Journal>,
  Agrees<actual.MemoryStore, declared.MemoryStore>,
  Agrees<actual.StoreError, declared.StoreError>,
] = [true, true, true, true, true, true, true];

/** What can be called on the classes themselves. */
type Statics<T> = { [K in Exclude<keyof T, "prototype">]: T[K] };
export const classes: {
  Engine: Statics<typeof declared.Engine>;
  Failure: typeof declared.Failure;
  FileStore: new (...given: ConstructorParameters<typeof declared.FileStore>) => declared.FileStore;
  Journal: Statics<typeof declared.Journal>;
  MemoryStore: typeof declared.MemoryStore;
  StoreError: typeof declared.StoreError;
  EngineError: typeof declared.EngineError;
} = actual;

/** Every export is declared. */
export const names: keyof typeof declared = "" as keyof typeof actual;
export const functions: typeof wasi & typeof pino = { preopened, default: transport };
