//! One operation on every store of a route: a report for each, and one exit code.

use papyra_persistence::Journal;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::report::{document, joined};
use crate::target::Target;

/// The outcome of an operation in one store.
pub(super) struct Report {
    /// For people.
    pub text: String,
    /// For programs.
    pub fields: Value,
    pub exit: Exit,
}

/// Runs `operation` on one store after the other. With one store, its report is the command's; with
/// several, a store that fails does not keep the others from their turn.
///
/// `name` is that of the command, in its progress and in the schema of its document.
pub(super) async fn run(
    context: &mut Context<'_>,
    name: &'static str,
    operation: impl AsyncFn(&Journal, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    let (routed, targets) = context.routed()?;
    let single = targets.len() == 1;
    let mut worst = Exit::Done;
    let mut stores = Vec::new();
    for ((journal, _), target) in routed.journals().zip(&targets) {
        let meter = context.meter(name);
        let result = operation(&journal.clone().with_progress(meter.callback()), target).await;
        drop(meter);
        let exit = match result {
            Ok(Report { text, fields, exit }) if single => {
                context.output.report(|_| text, || document(name, [fields]))?;
                return Ok(exit);
            }
            Ok(Report { text, fields, exit }) => {
                if !context.output.json() {
                    let gap = if stores.is_empty() { "" } else { "\n" };
                    context.output.report(|_| format!("{gap}{text}"), || Value::Null)?;
                }
                stores.push(entry(target, fields));
                exit
            }
            Err(problem) if single || problem.exit == Exit::Interrupted => return Err(problem),
            Err(problem) => {
                context.output.eprint_line(&failure(target, &problem));
                stores.push(entry(target, json!({ "error": problem.fields() })));
                problem.exit
            }
        };
        worst = worst.worse(exit);
    }
    let discarded = routed.route().discarded();
    let fields = json!({
        "stores": stores,
        "discarded": discarded.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "exit": worst.code(),
    });
    context.output.report(|_| String::new(), || document(name, [fields]))?;
    Ok(worst)
}

/// The state after the interruption of an operation that replaces files, and works on Redis in steps.
pub(super) fn rewritten_if_interrupted(dry_run: bool) -> &'static str {
    match dry_run {
        true => "nothing was changed",
        false => {
            "part of it can be done, each file as a whole or not at all; the same command does the rest"
        }
    }
}

/// A failure with the store it belongs to.
pub(super) fn failure(target: &Target, problem: &Problem) -> String {
    let location = target.store.describe().location;
    if problem.message.contains(&location) {
        problem.message.clone()
    } else {
        format!("{location}: {}", problem.message)
    }
}

/// One store's part of a document. Reports name their store; failures do not.
pub(super) fn entry(target: &Target, fields: Value) -> Value {
    let described = target.store.describe();
    let kinds: Vec<_> = target.kinds.iter().map(|kind| kind.name()).collect();
    let head = json!({
        "backend": described.backend,
        "location": described.location,
        "route": kinds,
    });
    joined([head, fields])
}
