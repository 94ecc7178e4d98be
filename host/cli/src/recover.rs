//! `recover`: repair a journal without losing a good record.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use papyra_persistence::config::Config;
use papyra_persistence::journal::{RecoverOptions, Recovery, RecoveryMode};
use papyra_persistence::store::Registry;
use serde_json::{Value, json};

use super::Context;
use super::args::{FindingsArgs, TargetArgs, apply_quarantine_dir};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::findings;
use super::output::Paint;
use super::problem::Problem;
use super::text::{bytes, count, field, grouped, printable};

/// Repair what is damaged; every sound record survives
///
/// `repair` drops damaged entries, completes an unterminated last record and keeps suspect records.
/// `quarantine` sets all of them aside first, byte for byte: those of files in a directory, those of
/// Redis in a stream.
/// Every file is replaced atomically: after a crash either the old or the new one is there, whole.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence recover --path app.ndjson --dry-run\n  \
     papyra persistence recover --path app.ndjson --mode quarantine --quarantine-dir quarantine\n\n{}",
    exit::help(&[
        (Exit::Done, "the journal is healthy now (--dry-run: would be)"),
        (Exit::Remaining, "recovery finished, anomalies remain (--dry-run: would remain)"),
    ])
))]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// What to do with what is damaged or suspect
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true, default_value_t)]
    mode: ModeWord,
    /// The directory where things of files are quarantined; made if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Report what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not append an audit record of what was done
    #[arg(long)]
    no_audit: bool,
    #[command(flatten)]
    findings: FindingsArgs,
}

/// A recovery mode, in Papyra's spellings too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeWord {
    /// Drop damaged entries, complete an unterminated record, keep suspect records
    #[default]
    Repair,
    /// Set aside damaged entries and suspect records
    Quarantine,
    /// Papyra's name for a repair that rewrites the file, which ours always does
    #[value(hide = true)]
    Rebuild,
}

impl From<ModeWord> for RecoveryMode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Repair | ModeWord::Rebuild => Self::Repair,
            ModeWord::Quarantine => Self::Quarantine,
        }
    }
}

/// Checks that there is a place for quarantine if there can be some, and that none is named in vain.
pub(super) fn check_quarantine(
    mode: RecoveryMode,
    option: &str,
    directory: Option<&PathBuf>,
    config: &Config,
) -> Result<(), Problem> {
    match (mode, directory) {
        (_, Some(directory)) if directory.as_os_str().is_empty() => {
            Err(Problem::usage("--quarantine-dir needs the name of a directory"))
        }
        (RecoveryMode::Quarantine, None) if config.lacks_quarantine_dir(&Registry::standard()) => {
            Err(Problem::usage(format!(
                "{option} quarantine needs --quarantine-dir DIR, where damaged entries are kept"
            )))
        }
        (RecoveryMode::Repair, Some(_)) => Err(Problem::usage(format!(
            "--quarantine-dir is only for {option} quarantine; {option} repair keeps no quarantine"
        ))),
        _ => Ok(()),
    }
}

impl RecoverArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        apply_quarantine_dir(self.quarantine_dir.as_ref(), config);
    }
}

pub(super) async fn run(args: RecoverArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let mode = RecoveryMode::from(args.mode);
    check_quarantine(mode, "--mode", args.quarantine_dir.as_ref(), context.config)?;
    if args.mode == ModeWord::Rebuild {
        context.output.note("`rebuild` is called `repair` here");
    }
    each::rewritten_if_interrupted(args.dry_run).clone_into(&mut context.output.if_interrupted);
    let options = RecoverOptions {
        mode,
        dry_run: args.dry_run,
        max_findings: args.findings.findings,
        record_audit: !args.no_audit,
    };
    each::run(context, "papyra.recover/1", async |context, target| {
        let meter = context.meter("recover");
        let journal = context.journal(target.store.clone())?;
        let recovery = journal.with_progress(meter.callback()).recover(options).await?;
        Ok(Report {
            text: people(&recovery, &target.flags, context.output.paint()),
            fields: fields(&recovery),
            exit: if recovery.remaining > 0 { Exit::Remaining } else { Exit::Done },
        })
    })
    .await
}

/// What recovery did, for people.
fn people(recovery: &Recovery, flags: &str, paint: Paint) -> String {
    let location = printable(&recovery.before.location);
    let done = match (recovery.changed, recovery.dry_run) {
        (true, false) => paint.good("recovered"),
        (true, true) => paint.doubtful("would be recovered (dry run, nothing was changed)"),
        (false, false) => paint.good("nothing to recover"),
        (false, true) => paint.good("nothing to recover (dry run)"),
    };
    let mut text = format!("{}: {done}\n", paint.bold(&location));
    body(&mut text, recovery, paint);
    if !findings::is_healthy(&recovery.before) {
        text.push_str(match recovery.changed && !recovery.dry_run {
            true => "\nFound before, by the line numbers of then:\n",
            false => "\nFound:\n",
        });
        findings::list(&mut text, &recovery.before, paint);
    }
    if recovery.remaining > 0
        && recovery.mode == RecoveryMode::Repair
        && recovery.before.suspect > 0
    {
        text.push_str(&findings::to_quarantine(&recovery.before, flags));
    }
    if recovery.dry_run && recovery.changed {
        text.push_str("\nTo do it, type the same without --dry-run.\n");
    }
    text
}

/// The block of numbers; shared with the startup check.
pub(super) fn body(text: &mut String, recovery: &Recovery, paint: Paint) {
    let label = |done, to_do| if recovery.dry_run { to_do } else { done };
    field(text, "found", &findings::verdict(&recovery.before, paint));
    if recovery.removed_entries > 0 {
        let label = match recovery.mode {
            RecoveryMode::Repair => label("dropped", "to drop"),
            RecoveryMode::Quarantine => label("quarantined", "to quarantined"),
        };
        let entries = count(recovery.removed_entries, "entry", "entries");
        field(text, label, &format!("{entries}, {}", bytes(recovery.removed_bytes)));
    }
    if recovery.terminated > 0 {
        let records = count(recovery.terminated.into(), "record", "records");
        let value = format!("{records} that lacked only the line end");
        field(text, label("completed", "to complete"), &value);
    }
    if recovery.bytes_before != recovery.bytes_after {
        let (before, after) = (grouped(recovery.bytes_before), bytes(recovery.bytes_after));
        field(text, "size", &format!("{before} -> {after}"));
    }
    quarantine(text, &recovery.quarantine);
    audit(text, &recovery.audit);
    if recovery.remaining > 0 {
        let left = count(recovery.remaining, "anomaly", "anomalies");
        field(text, label("remaining", "to remain"), &paint.doubtful(&left));
    }
    if !recovery.note.is_empty() {
        field(text, "note", &printable(&recovery.note));
    }
}

/// What holds the quarantine, one name per line.
pub(super) fn quarantine(text: &mut String, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        field(text, if index == 0 { "quarantine" } else { "" }, &printable(name));
    }
}

/// That the journal tells of it.
pub(super) fn audit(text: &mut String, line: &str) {
    if !line.is_empty() {
        field(text, "audit", "1 audit record appended");
    }
}

/// What recovery did, as the fields of a document.
pub(super) fn fields(recovery: &Recovery) -> Value {
    json!({
        "mode": match recovery.mode {
            RecoveryMode::Repair => "repair",
            RecoveryMode::Quarantine => "quarantine",
        },
        "dry_run": recovery.dry_run,
        "changed": recovery.changed,
        "removed_entries": recovery.removed_entries,
        "removed_bytes": recovery.removed_bytes,
        "terminated": recovery.terminated,
        "rewritten": recovery.rewritten,
        "quarantine": recovery.quarantine,
        "remaining": recovery.remaining,
        "bytes_before": recovery.bytes_before,
        "bytes_after": recovery.bytes_after,
        "audit": audit_fields(&recovery.audit),
        "note": recovery.note,
        "before": findings::fields(&recovery.before),
    })
}

/// An audit record as the document that it is.
pub(super) fn audit_fields(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or(Value::Null)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::findings::tests::damaged;
    use super::*;

    /// One damaged line quarantined.
    pub fn recovery() -> Recovery {
        Recovery {
            mode: RecoveryMode::Quarantine,
            dry_run: false,
            before: damaged(),
            changed: true,
            removed_entries: 1,
            removed_bytes: 48,
            terminated: 0,
            rewritten: vec!["app.ndjson".into()],
            quarantine: vec!["quarantine/app.ndjson.1".into()],
            remaining: 0,
            bytes_before: 2_048,
            bytes_after: 2_000,
            audit: String::new(),
            note: String::new(),
        }
    }

    #[test]
    fn what_was_done_is_said_with_numbers_and_quarantine() {
        let text = people(&recovery(), "--path a", Paint::NONE);
        assert!(
            text.starts_with(
                "/var/log/app.ndjson: recovered\n  \
                 found        1 damaged\n  \
                 quarantined    1 entry, 48 bytes\n  \
                 size         2,048 -> 2,000 bytes (2.0 KiB)\n  \
                 quarantine     quarantine/app.ndjson.1\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_dry_run_is_marked_and_tells_how_to_do_it() {
        let dry = Recovery { dry_run: true, quarantine: Vec::new(), ..recovery() };
        let text = people(&dry, "--path a", Paint::NONE);
        assert!(text.contains("would be recovered (dry run, nothing was changed)"), "{text}");
        assert!(text.contains("to quarantined 1 entry, 48 bytes\n"), "{text}");
        assert!(text.ends_with("without --dry-run.\n"), "{text}");
    }

    #[test]
    fn quarantine_needs_a_directory_and_repair_refuses_one() {
        let (directory, nowhere) = (PathBuf::from("q"), PathBuf::new());
        let config = |url: &str| Config::parse(&format!("store = {url:?}")).unwrap();
        let check =
            |mode, directory, url: &str| check_quarantine(mode, "--mode", directory, &config(url));
        let (repair, quarantine) = (RecoveryMode::Repair, RecoveryMode::Quarantine);
        assert!(check(quarantine, Some(&directory), "a").is_ok());
        let error = check(quarantine, None, "a").unwrap_err();
        assert!(error.exit == Exit::Usage && error.message.contains("--quarantine-dir DIR"));
        assert_eq!(check(repair, Some(&directory), "a").unwrap_err().exit, Exit::Usage);
        assert!(check(quarantine, Some(&nowhere), "a").is_err());
        assert!(check(quarantine, None, "file:a?quarantine=q").is_ok());
        let configured = Config::parse("store = \"a\"\nquarantine_dir = \"q\"").unwrap();
        assert!(check_quarantine(quarantine, "--mode", None, &configured).is_ok());
        // What is configured for other modes is no mistake here.
        assert!(check_quarantine(repair, "--mode", None, &configured).is_ok());
    }
}
