//! What becomes of a record that nobody manages to process.

use std::fmt::Write;

use super::Subscription;
use crate::groups::DeliveredFrame;
use crate::write::append;

/// Writes the dead letter for a record, with its line end. `None` if it would not be a sound record:
/// too long, too deep, or with numbers that are no JSON.
///
/// `message_type` and `payload` are what Papyra calls the two in its own dead letters.
pub fn compose(
    subscription: &Subscription,
    frame: &DeliveredFrame,
    record: &str,
    now: f64,
) -> Option<String> {
    let Subscription { kind, group, consumer, max_deliveries, .. } = subscription;
    // This delivery is the first that nobody gets to see.
    let deliveries = frame.deliveries.saturating_sub(1);
    let deliveries_of = if deliveries == 1 { "delivery" } else { "deliveries" };
    let reason = format!(
        "not acknowledged in {deliveries} {deliveries_of}; at most {max_deliveries} are allowed"
    );
    let mut line = String::with_capacity(record.len() + 512);
    write!(
        line,
        "{{\"kind\": \"dead_letter\", \"timestamp\": {now:?}, \"reason\": {}, \
         \"message_type\": \"{kind}\", \"id\": {}, \"group\": {}, \"consumer\": {}, \
         \"deliveries\": {deliveries}, \"payload\": ",
        quoted(&reason)?,
        quoted(&frame.id)?,
        quoted(group)?,
        quoted(consumer)?,
    )
    .ok()?;
    line.push_str(record.trim());
    line.push_str("}\n");
    append::is_acceptable(&line).then_some(line)
}

fn quoted(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}
