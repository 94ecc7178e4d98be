"""Writes, damages, repairs, compacts and reads a journal: python tour.py [papyra-python.wasm]"""

import json
import sys
import tempfile
from pathlib import Path

from papyra_persistence import Draft, Engine, FileStore, Journal, Limits, Retention

with tempfile.TemporaryDirectory() as directory:
    path = Path(directory, "events.ndjson")
    engine = Engine(*sys.argv[1:])
    store = FileStore(path, quarantine_dir=Path(directory, "quarantine"))
    journal = Journal(engine, store, Retention(Limits(max_records=3)))

    for name in ("first", "second", "third"):
        journal.append([Draft("event", json.dumps({"event_type": name}))])
    with path.open("a") as file:
        file.write('{"kind": "event", "timest')  # as a crash leaves it

    report = journal.scan()
    names = ", ".join(one.anomaly for one in report.anomalies)
    print(f"{report.records} records, {report.damaged} damaged: {names}")
    recovery = journal.recover("quarantine")
    print(f"{recovery.removed_entries} entry, {recovery.removed_bytes} bytes quarantined")
    compaction = journal.compact()
    print(f"{compaction.records_before} records -> {compaction.records_after}")
    for page in journal.query():
        for line in page.records.rstrip("\n").split("\n"):
            record = json.loads(line)
            print(record.get("event_type") or record["action"])
