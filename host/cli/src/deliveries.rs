//! Records that a consumer group has handed out, each with its id.

use papyra_persistence::consumer::Batch;
use serde_json::json;

use crate::output::Output;
use crate::problem::Problem;
use crate::records::Sink;
use crate::text::count;

/// The way of deliveries to standard output, and the entries that a document names at its end.
pub(super) struct Deliveries {
    sink: Sink,
    quarantined: Vec<String>,
    dead_lettered: Vec<String>,
    deleted: Vec<String>,
    made: Option<String>,
}

impl Deliveries {
    pub fn new(output: &Output) -> Self {
        Self {
            sink: Sink::new("consume", output),
            quarantined: Vec::new(),
            dead_lettered: Vec::new(),
            deleted: Vec::new(),
            made: None,
        }
    }

    pub fn take(&mut self, batch: &Batch, output: &mut Output) -> Result<(), Problem> {
        for entry in &batch.entries {
            let (id, deliveries) = (&entry.id, entry.deliveries);
            let head = format!(r#"{{"id":"{id}","deliveries":{deliveries},"record":"#);
            self.sink.record(&head, &entry.record, "}", output)?;
        }
        if self.sink.json() {
            // Only a document ends: without one the lists would grow for as long as it follows.
            self.quarantined.extend_from_slice(&batch.quarantined);
            self.dead_lettered.extend_from_slice(&batch.dead_lettered);
            self.deleted.extend_from_slice(&batch.deleted);
            self.made = self.made.take().or_else(|| batch.made.clone());
        }
        Ok(())
    }

    pub fn end(self, output: &mut Output) -> Result<(), Problem> {
        let fields = json!({
            "quarantined": self.quarantined,
            "dead_lettered": self.dead_lettered,
            "deleted": self.deleted,
            "group_made_after": self.made,
        });
        self.sink.end(fields, output)
    }
}

/// Reports entries of which no record is written.
pub(super) fn note(batch: &Batch, output: &Output) {
    if let Some(start) = &batch.made {
        output.note(&format!("the group did not exist; made it, to begin after {start}"));
    }
    let lists = [
        (&batch.quarantined, "quarantined: not records, or dead letters that failed too"),
        (&batch.dead_lettered, "sent to the dead letters: delivered too often"),
        (&batch.deleted, "acknowledged: pending, but no longer there"),
    ];
    for (ids, what) in lists {
        if let (Some(first), more) = (ids.first(), ids.len()) {
            let entries = count(more as u64, "entry", "entries");
            let first = if more == 1 { first.clone() } else { format!("{first}, …") };
            output.note(&format!("{entries} {what} ({first})"));
        }
    }
}
