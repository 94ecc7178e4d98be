//! One operation on every store of a route, or on every file: a report for each, and one exit code.

use papyra_persistence::Journal;
use papyra_persistence::route::RoutedJournal;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::missing;
use crate::output::Output;
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
/// several, a store that fails does not keep the others from their turn. Of several files, each has the report
/// that it would have alone.
///
/// `name` is that of the command, in its progress and in the schema of its document.
pub(super) async fn run(
    context: &mut Context<'_>,
    name: &'static str,
    operation: impl AsyncFn(&Journal, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    let mut journals = context.journals()?;
    match (journals.pop(), journals.is_empty()) {
        (Some((routed, targets)), true) => {
            of_route(context, name, &routed, &targets, operation).await
        }
        (last, _) => {
            journals.extend(last);
            of_files(context, name, &journals, operation).await
        }
    }
}

async fn of_route(
    context: &mut Context<'_>,
    name: &'static str,
    routed: &RoutedJournal,
    targets: &[Target],
    operation: impl AsyncFn(&Journal, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    let single = targets.len() == 1;
    let mut worst = Exit::Done;
    let mut stores = Vec::new();
    for ((journal, _), target) in routed.journals().zip(targets) {
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

async fn of_files(
    context: &mut Context<'_>,
    name: &'static str,
    journals: &[(RoutedJournal, Vec<Target>)],
    operation: impl AsyncFn(&Journal, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    context.output.write_lines();
    let (mut worst, mut gap) = (Exit::Done, "");
    for (journal, target) in files(journals) {
        let meter = context.meter(name);
        let result = operation(&journal.clone().with_progress(meter.callback()), target).await;
        drop(meter);
        worst = worst.worse(match result {
            Ok(Report { text, fields, exit }) => {
                context.output.report(|_| format!("{gap}{text}"), || document(name, [fields]))?;
                gap = "\n";
                exit
            }
            Err(problem) => failed(context.output, target, problem)?,
        });
    }
    Ok(worst)
}

/// The journal of each file.
fn files(journals: &[(RoutedJournal, Vec<Target>)]) -> impl Iterator<Item = (&Journal, &Target)> {
    journals
        .iter()
        .flat_map(|(routed, targets)| routed.journals().map(|(journal, _)| journal).zip(targets))
}

/// Tries on every file what the command is to do, where there are several: if one cannot be worked on, none
/// is changed.
pub(super) async fn plan(
    context: &mut Context<'_>,
    name: &'static str,
    trial: impl AsyncFn(&Journal) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if context.files.len() < 2 {
        return Ok(());
    }
    let journals = context.journals()?;
    let (mut worst, mut failures) = (Exit::Done, 0);
    for (journal, target) in files(&journals) {
        let meter = context.meter(name);
        let result = trial(&journal.clone().with_progress(meter.callback())).await;
        drop(meter);
        if let Err(problem) = result {
            context.output.write_lines();
            worst = worst.worse(failed(context.output, target, problem)?);
            failures += 1;
        }
    }
    if failures == 0 {
        return Ok(());
    }
    let message = format!(
        "no file was changed, because {failures} of {} cannot be worked on; correct this or leave \
         them out",
        journals.len()
    );
    Err(Problem::new(worst, "not-all", message))
}

/// Says that a file could not be worked on; the others have their turn. An interruption ends the command.
pub(super) fn failed(
    output: &mut Output,
    target: &Target,
    problem: Problem,
) -> Result<Exit, Problem> {
    if problem.exit == Exit::Interrupted {
        return Err(problem);
    }
    let advice = missing::advice(Some(&target.place), &problem);
    let message = format!("{}{advice}", failure(target, &problem));
    let location = Some(target.store.describe().location);
    let problem = Problem { message, location, ..problem };
    output.problem(&problem);
    Ok(problem.exit)
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
