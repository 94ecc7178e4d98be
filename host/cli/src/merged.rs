//! `read` of several stores: one stream in the order of time.

use papyra_persistence::journal::{Order, Selection};
use papyra_persistence::route::{MergedPages, Route, RoutedJournal, StoreEnd};
use serde_json::{Value, json};

use super::Context;
use super::each;
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::read::{POLL, Sink, passes};
use super::target::Target;
use super::text::count;

/// Writes the records of all stores; of a store that fails those before the failure.
pub(super) async fn run(
    selection: Selection,
    follows: bool,
    route: Route,
    targets: &[Target],
    context: &mut Context<'_>,
) -> Result<Exit, Problem> {
    let journal = RoutedJournal::new(&context.engine()?, route);
    let journal = journal.with_retention(&context.config.retention());
    let output = &mut *context.output;
    let mut sink = Sink::new(output.json());
    debug_assert!(!follows || selection.order == Order::OldestFirst);
    let mut pages = journal.query(selection);
    while let Some(page) = pages.next().await {
        sink.records(&page.records, page.count, output)?;
        if output.is_closed() {
            return Ok(Exit::Done);
        }
    }
    if follows {
        follow(&mut pages, &mut sink, targets, output).await?;
        return Ok(Exit::Done);
    }
    end(pages.ends(), &sink, targets, output)
}

/// Says how each store has ended; the exit code is that of the most serious.
fn end(
    ends: Vec<StoreEnd>,
    sink: &Sink,
    targets: &[Target],
    output: &mut Output,
) -> Result<Exit, Problem> {
    let mut worst = Exit::Done;
    let mut stores = Vec::new();
    let mut damaged = 0;
    for (end, target) in ends.into_iter().zip(targets) {
        damaged += end.damaged;
        let mut fields = json!({ "damaged": end.damaged, "cursor": end.cursor });
        if let Some(error) = end.error {
            let problem = Problem::from(error);
            if problem.exit == Exit::Interrupted {
                return Err(problem);
            }
            output.complain(&each::failure(target, &problem));
            worst = worst.worse(problem.exit);
            fields["error"] = problem.fields();
        } else if end.damaged > 0 {
            passed_over(end.damaged, target, output);
        }
        stores.push(each::entry(target, fields));
    }
    if output.json() {
        let stores = Value::Array(stores);
        sink.close(json!({ "damaged": damaged, "stores": stores, "exit": worst.code() }), output)?;
    } else {
        output.flush()?;
    }
    Ok(worst)
}

fn passed_over(damaged: u64, target: &Target, output: &Output) {
    let damaged = count(damaged, "damaged entry was", "damaged entries were");
    let flags = &target.flags;
    output.note(&format!("{damaged} passed over; `papyra persistence scan {flags}` lists them"));
}

/// Writes what is appended to any store until nobody reads it any more. What is found in one look
/// is in the order of time; a store that cannot be reached now is waited for, the others go on.
async fn follow(
    pages: &mut MergedPages,
    sink: &mut Sink,
    targets: &[Target],
    output: &mut Output,
) -> Result<(), Problem> {
    let mut waiting = vec![false; targets.len()];
    loop {
        output.flush()?;
        if output.is_closed() || output.reader_gone() {
            return Ok(());
        }
        let (page, failed) = pages.poll().await;
        sink.records(&page.records, page.count, output)?;
        let mut waits = vec![false; targets.len()];
        for (index, error) in failed {
            if !passes(&error) {
                return Err(error.into());
            }
            if let (Some(waits), Some(target)) = (waits.get_mut(index), targets.get(index)) {
                *waits = true;
                if waiting.get(index) == Some(&false) {
                    let message = each::failure(target, &Problem::from(error));
                    output.note(&format!("{message}; waiting for it"));
                }
            }
        }
        waiting = waits;
        if page.count == 0 {
            tokio::time::sleep(POLL).await;
        }
    }
}
