/** The types of `papyra-persistence/pino`, a transport of pino. */

import type { FileStoreOptions } from "./types.js";

/** The options of the transport; the others are those of `FileStore`. */
export interface PinoOptions extends FileStoreOptions {
  /** The path of the journal. */
  path: string;
  /** The `.js` file that `jco transpile papyra-node.wasm` has written, instead of the engine in this package. */
  engine?: string;
  /** The `system_id` of the records; `local` by default. */
  systemId?: string;
  /** The key of the message, if pino was given another one than `msg`. */
  messageKey?: string;
  /** Maximum milliseconds for which a write is tried again while the journal is locked; 10,000 by default. */
  retryFor?: number;
}

/** What pino writes its lines to. A stream of Node, whose types a program need not have. */
export interface PinoStream {
  write(chunk: string | Uint8Array): boolean;
  end(): unknown;
}

/** Makes the stream to which pino writes its lines. */
export default function transport(options: PinoOptions): Promise<PinoStream>;
