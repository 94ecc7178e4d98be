//! One operation on every store of a route: a report for each, and one exit code.

use papyra_persistence::store::Kind;
use serde_json::{Map, Value, json};

use super::Context;
use super::exit::Exit;
use super::findings;
use super::problem::Problem;
use super::target::Target;

/// What an operation has come to in one store.
pub(super) struct Report {
    /// For people.
    pub text: String,
    /// For programs.
    pub fields: Value,
    pub exit: Exit,
}

/// Runs `operation` on one store after the other. With one store, what it reports is what the
/// command reports; with several, a store that fails does not keep the others from their turn.
pub(super) async fn run(
    context: &mut Context<'_>,
    schema: &str,
    operation: impl AsyncFn(&Context<'_>, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    let (route, targets) = context.route()?;
    match targets.as_slice() {
        [] => Err(nowhere()),
        [only] => {
            let Report { text, fields, exit } = operation(context, only).await?;
            context.output.report(|_| text, || findings::document(schema, [fields]))?;
            Ok(exit)
        }
        several => all(context, schema, &route.discarded(), several, operation).await,
    }
}

/// What an interruption leaves of an operation that replaces files, and removes from Redis in steps.
pub(super) fn rewritten_if_interrupted(dry_run: bool) -> &'static str {
    match dry_run {
        true => "nothing was changed",
        false => {
            "part of it can be done, each file as a whole or not at all; the same command does the rest"
        }
    }
}

/// What is said of a route that has no store at all.
pub(super) fn nowhere() -> Problem {
    Problem::new(
        Exit::NotFound,
        "not-found",
        "every kind goes to `none`, so there is no store; see `papyra config show --origin`",
    )
}

async fn all(
    context: &mut Context<'_>,
    schema: &str,
    discarded: &[Kind],
    targets: &[Target],
    operation: impl AsyncFn(&Context<'_>, &Target) -> Result<Report, Problem>,
) -> Result<Exit, Problem> {
    let mut worst = Exit::Done;
    let mut stores = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let exit = match operation(context, target).await {
            Ok(Report { text, fields, exit }) => {
                stores.push(entry(target, fields));
                if !context.output.json() {
                    let gap = if index > 0 { "\n" } else { "" };
                    context.output.report(|_| format!("{gap}{text}"), || Value::Null)?;
                }
                exit
            }
            Err(problem) if problem.exit == Exit::Interrupted => return Err(problem),
            Err(problem) => {
                context.output.complain(&failure(target, &problem));
                stores.push(entry(target, json!({ "error": problem.fields() })));
                problem.exit
            }
        };
        worst = worst.worse(exit);
    }
    if context.output.json() {
        let discarded: Vec<_> = discarded.iter().map(|kind| kind.name()).collect();
        let fields = json!({ "stores": stores, "discarded": discarded, "exit": worst.code() });
        context.output.report(|_| String::new(), || findings::document(schema, [fields]))?;
    }
    Ok(worst)
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
    let mut entry = Map::new();
    entry.insert("backend".to_owned(), json!(described.backend));
    entry.insert("location".to_owned(), json!(described.location));
    entry.insert("route".to_owned(), json!(kinds));
    if let Value::Object(fields) = fields {
        entry.extend(fields);
    }
    Value::Object(entry)
}
