// Writes, damages, repairs, compacts and reads a journal: node tour.js [ENGINE.js]
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, FileStore, Journal } from "papyra-persistence";

const directory = mkdtempSync(join(tmpdir(), "papyra-"));
try {
  const path = join(directory, "events.ndjson");
  const engine = await Engine.load(process.argv[2]);
  const store = new FileStore(path, { quarantineDir: join(directory, "quarantine") });
  const journal = Journal.open(engine, store, { retention: { journal: { maxRecords: 3 } } });

  for (const name of ["first", "second", "third"]) {
    journal.append([{ kind: "event", fields: JSON.stringify({ event_type: name }) }]);
  }
  appendFileSync(path, '{"kind": "event", "timest'); // as a crash leaves it

  const { records, damaged, anomalies } = journal.scan();
  console.log(`${records} records, ${damaged} damaged: ${anomalies.map((one) => one.anomaly)}`);
  const { removedEntries, removedBytes } = journal.recover("quarantine");
  console.log(`${removedEntries} entry, ${removedBytes} bytes quarantined`);
  const { recordsBefore, recordsAfter } = journal.compact();
  console.log(`${recordsBefore} records -> ${recordsAfter}`);
  for (const page of journal.query()) {
    for (const line of page.records.trimEnd().split("\n")) {
      const { event_type, action } = JSON.parse(line);
      console.log(event_type ?? action);
    }
  }
  journal.close();
} finally {
  rmSync(directory, { recursive: true });
}
