//! What may be written: whole, sound records, all of a batch or none.

pub use crate::bindings::exports::papyra::persistence::journal::{Appended, Draft};
use crate::failure::{Failure, FailureCode, Outcome, Written};
use crate::host::{Host, Run};
use crate::json::{Damage, Envelope, Form, Kind, Suspect, Validator, Verdict};
use crate::{MAX_DEPTH, MAX_ENTRY};

/// Writes records, `kind` first and `timestamp` second.
pub fn append<H: Host>(host: &mut H, drafts: &[Draft]) -> Outcome<Appended> {
    if host.form().is_foreign() {
        return Err(Failure::argument(
            "the store has a profile, and typed records are written in the form of Papyra only; append \
             ready lines",
        ));
    }
    let now = host.now();
    let size: usize = drafts.iter().map(|draft| draft.fields.len() + 64).sum();
    let mut lines = String::with_capacity(size);
    for (index, draft) in drafts.iter().enumerate() {
        compose(&mut lines, draft, now).map_err(|reason| bad_record(index as u64 + 1, &reason))?;
    }
    write(host, &lines, Accept::Sound)
}

/// The line that a draft becomes.
pub fn line<H: Host>(host: &mut H, draft: &Draft) -> Outcome<String> {
    let mut line = String::with_capacity(draft.fields.len() + 64);
    compose(&mut line, draft, host.now()).map_err(|reason| bad_record(1, &reason))?;
    Ok(line)
}

fn compose(lines: &mut String, draft: &Draft, now: f64) -> Result<(), String> {
    use std::fmt::Write;

    let timestamp = draft.timestamp.unwrap_or(now);
    if !timestamp.is_finite() {
        return Err("the timestamp is not a finite number of seconds".to_owned());
    }
    let fields = draft.fields.trim();
    let inside = fields.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inside = inside.ok_or_else(|| "`fields` is not a JSON object".to_owned())?.trim();
    if inside.contains('\n') {
        return Err("`fields` contains a line break; serialise it on one line".to_owned());
    }
    let comma = if inside.is_empty() { "" } else { ", " };
    let kind = draft.kind.as_str();
    writeln!(lines, "{{\"kind\": \"{kind}\", \"timestamp\": {timestamp:?}{comma}{inside}}}")
        .map_err(|error| error.to_string())
}

/// What a line must be to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A sound record.
    Sound,
    /// Any whole JSON object, as queries return them.
    Suspects,
}

/// Writes ready lines verbatim.
pub fn append_lines<H: Host>(host: &mut H, mut lines: String, accept: Accept) -> Outcome<Appended> {
    if !lines.is_empty() && !lines.ends_with('\n') {
        lines.push('\n');
    }
    write(host, &lines, accept)
}

fn write<H: Host>(host: &mut H, lines: &str, accept: Accept) -> Outcome<Appended> {
    let Checked { runs, suspects } = check(host.form(), lines, accept)?;
    let records = runs.iter().map(|run| u64::from(run.lines)).sum();
    if records > 0 {
        host.append(lines, &runs)?;
    }
    Ok(Appended { records, bytes: lines.len() as u64, suspects })
}

/// Whether a line, with its line end, may be written.
pub fn is_acceptable(line: &str) -> bool {
    check(Form::Papyra, line, Accept::Sound)
        .is_ok_and(|checked| matches!(checked.runs.as_slice(), [Run { lines: 1, .. }]))
}

/// Lines that may be written.
#[derive(Default)]
struct Checked {
    /// Which kinds follow each other.
    runs: Vec<Run>,
    /// Lines that only [`Accept::Suspects`] lets through.
    suspects: u64,
}

fn check(form: Form, lines: &str, accept: Accept) -> Outcome<Checked> {
    let bytes = lines.as_bytes();
    let foreign = form.is_foreign();
    let mut validator = Validator::new(form);
    let mut checked = Checked::default();
    let (mut at, mut number) = (0, 0);
    while at < bytes.len() {
        number += 1;
        let line = validator.line(bytes, at);
        let kind = match judge(line.end - at, &line.verdict, foreign) {
            Judged::Sound(kind) => kind,
            Judged::Suspect(kind, _) if accept == Accept::Suspects => {
                checked.suspects += 1;
                kind
            }
            Judged::Suspect(_, reason) => {
                return Err(bad_record(number, &format!("{reason} (a lenient append takes it)")));
            }
            Judged::Unfit(reason) => return Err(bad_record(number, &reason)),
        };
        match checked.runs.last_mut() {
            Some(run) if run.kind == kind => run.lines += 1,
            _ => checked.runs.push(Run { kind, lines: 1 }),
        }
        at = line.end + 1;
    }
    Ok(checked)
}

enum Judged {
    Sound(Kind),
    /// A whole record, and what is questionable about it. One without a known kind counts as an event.
    Suspect(Kind, &'static str),
    /// No record, and why.
    Unfit(String),
}

fn judge(length: usize, verdict: &Verdict, foreign: bool) -> Judged {
    if length > MAX_ENTRY {
        let reason = format!("it is {length} bytes long, more than the limit of {MAX_ENTRY}");
        return Judged::Unfit(reason);
    }
    match verdict {
        Verdict::Record(envelope) => match (envelope.kind, objection(envelope, foreign)) {
            (Some(kind), None) => Judged::Sound(kind),
            (kind, reason) => {
                Judged::Suspect(kind.unwrap_or(Kind::Event), reason.unwrap_or_default())
            }
        },
        Verdict::Damaged(Damage::NotAnObject) => {
            Judged::Unfit("it is not a JSON object (one record per line)".to_owned())
        }
        Verdict::Damaged(_) => Judged::Unfit("it is not valid JSON on one line".to_owned()),
    }
}

/// What is questionable about a record.
fn objection(envelope: &Envelope, foreign: bool) -> Option<&'static str> {
    const REASONS: [(Suspect, &str); 5] = [
        (Suspect::MISSING_KIND, "it has no field `kind`: one of event, audit, dead_letter, metric"),
        (Suspect::UNKNOWN_KIND, "its `kind` is none of event, audit, dead_letter, metric"),
        (Suspect::DUPLICATE_KEY, "`kind` or `timestamp` occurs twice"),
        (
            Suspect::INVALID_TIMESTAMP,
            "its `timestamp` is missing or not a finite number of seconds since the epoch",
        ),
        (Suspect::NONSTANDARD_NUMBER, "it contains NaN or Infinity, which is not JSON"),
    ];
    const FOREIGN: &str = "it has no kind or no time where the profile says, or two of them";
    const _: () = assert!(MAX_DEPTH == 512, "as said below");
    if envelope.suspect.is_empty() {
        return (envelope.depth > MAX_DEPTH).then_some("it is nested more than 512 deep");
    }
    let (_, reason) = REASONS.iter().find(|(flag, _)| envelope.suspect.contains(*flag))?;
    let strange = envelope.suspect == Suspect::NONSTANDARD_NUMBER;
    Some(if foreign && !strange { FOREIGN } else { reason })
}

fn bad_record(number: u64, reason: &str) -> Failure {
    let message = format!("record {number} cannot be written: {reason}; nothing was written");
    let failure = Failure::new(FailureCode::InvalidRecord, message).at_line(number);
    Failure { written: Some(Written::None), ..failure }
}
