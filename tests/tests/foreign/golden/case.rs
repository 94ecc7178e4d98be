//! Reads and writes the cases; `tests/golden/README.md` describes the format.

use std::path::Path;

use papyra_engine::bindings::exports::papyra::persistence::journal::{
    Appended, CompactOptions, Compaction, Draft, InspectOptions, Inspection, Page, RecoverOptions,
    Recovery, ScanOptions, ScanReport, Selection, StartupOptions, StartupReport,
};
use papyra_engine::bindings::papyra::persistence::types::{Failure, Retention};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The shortest run of one byte that is written as such.
const RUN: usize = 400;

/// One file.
pub struct Case {
    about: String,
    /// Seconds since the epoch, throughout.
    pub clock: f64,
    written: Value,
    pub journal: Vec<u8>,
    pub steps: Vec<Step>,
}

pub struct Step {
    written: Map<String, Value>,
    /// The call and its arguments as written, except that bytes are text already.
    pub name: String,
    pub with: Value,
    pub call: Call,
    pub expected: Value,
}

pub enum Call {
    Scan(ScanOptions),
    Recover(RecoverOptions),
    Compact(Retention, CompactOptions),
    /// Asks for all pages.
    Query(Selection, Retention),
    Inspect(InspectOptions, Retention),
    Append(Vec<Draft>),
    AppendLines(String, bool),
    StartupCheck(StartupOptions),
}

impl Call {
    /// The arguments of the function, by the names that they have in Rust.
    pub fn arguments(&self) -> Vec<Value> {
        match self {
            Self::Scan(options) => vec![json!(options)],
            Self::Recover(options) => vec![json!(options)],
            Self::Compact(retention, options) => vec![json!(retention), json!(options)],
            Self::Query(selection, retention) => vec![json!(selection), json!(retention)],
            Self::Inspect(options, retention) => vec![json!(options), json!(retention)],
            Self::Append(drafts) => vec![json!(drafts)],
            Self::AppendLines(lines, lenient) => vec![json!(lines), json!(lenient)],
            Self::StartupCheck(options) => vec![json!(options)],
        }
    }
}

#[allow(clippy::large_enum_variant, reason = "there are few at a time")]
pub enum Report {
    Scan(ScanReport),
    Recovery(Recovery),
    Compaction(Compaction),
    Pages(Vec<Page>),
    Inspection(Inspection),
    Appended(Appended),
    Startup(StartupReport),
    /// The report of another host, with the names of this one.
    Foreign(Value),
}

impl Report {
    /// Returns the audit record that the call has appended.
    fn audit(&self) -> &str {
        match self {
            Self::Recovery(done) => &done.audit,
            Self::Compaction(done) => &done.audit,
            Self::Startup(done) => done.recovery.as_ref().map_or("", |done| &done.audit),
            Self::Foreign(report) => {
                let nested = || report["recovery"]["audit"].as_str();
                report["audit"].as_str().or_else(nested).unwrap_or_default()
            }
            _ => "",
        }
    }
}

pub type Reply = Result<Report, Failure>;

/// Fields of an audit record that depend on the names and places of the host.
const NAMES: [&str; 4] = ["rewritten", "rewritten_total", "quarantine", "quarantine_total"];

const OUTCOME: [&str; 4] = ["gives", "fails", "leaves", "quarantines"];

impl Case {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut case: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Value::Array(steps) = case["steps"].take() else { panic!("{}", path.display()) };
        Self {
            about: case["about"].as_str().unwrap().to_owned(),
            clock: case["clock"].as_f64().unwrap(),
            journal: decode(&case["journal"]),
            written: case["journal"].take(),
            steps: steps.iter().map(Step::read).collect(),
        }
    }

    pub fn bless(&mut self, path: &Path, outcomes: Vec<Value>) {
        let steps = self.steps.iter().zip(outcomes).map(|(step, outcome)| {
            let mut written = step.written.clone();
            written.extend(outcome.as_object().unwrap().clone());
            Value::Object(written)
        });
        let case = json!({
            "about": self.about,
            "clock": self.clock,
            "journal": self.written,
            "steps": steps.collect::<Vec<_>>(),
        });
        std::fs::write(path, format!("{case:#}\n")).unwrap();
    }
}

impl Step {
    fn read(step: &Value) -> Self {
        let mut written = step.as_object().unwrap().clone();
        let mut expected = Map::new();
        for name in OUTCOME {
            if let Some(value) = written.remove(name) {
                expected.insert(name.to_owned(), value);
            }
        }
        let (name, mut with) = (step["call"].as_str().unwrap().to_owned(), step["with"].clone());
        let call = call(&name, &with);
        if let Call::AppendLines(lines, _) = &call {
            with["lines"] = json!(lines);
        }
        Self { written, name, with, call, expected: Value::Object(expected) }
    }
}

fn call(name: &str, with: &Value) -> Call {
    let flag = |name: &str| with[name].as_bool().unwrap_or(false);
    let max_findings = with["max_findings"].as_u64().unwrap_or(1000) as u32;
    let mode = || parse(&with["mode"], &[]);
    match name {
        "scan" => Call::Scan(ScanOptions { max_findings, sample: with["sample"].as_u64() }),
        "recover" => {
            let dry_run = flag("dry_run");
            let record_audit = flag("record_audit");
            let allow_loss = flag("allow_loss");
            let mode = mode();
            Call::Recover(RecoverOptions { mode, dry_run, max_findings, record_audit, allow_loss })
        }
        "compact" => {
            let options = CompactOptions {
                dry_run: flag("dry_run"),
                force: flag("force"),
                keep_quarantine: flag("keep_quarantine"),
                as_of: with["as_of"].as_f64(),
                record_audit: flag("record_audit"),
                allow_expire_all: flag("allow_expire_all"),
                full: flag("full"),
            };
            Call::Compact(retention(with), options)
        }
        "query" => {
            let defaults = [
                ("kinds", json!([])),
                ("matching", json!([])),
                ("order", json!("oldest-first")),
                ("no_index", json!(false)),
            ];
            Call::Query(parse(&with["selection"], &defaults), retention(with))
        }
        "inspect" => {
            let options = InspectOptions { limit: with["limit"].as_u64().unwrap() };
            Call::Inspect(options, retention(with))
        }
        "append" => {
            let drafts = with["drafts"].as_array().unwrap();
            Call::Append(drafts.iter().map(|draft| parse(draft, &[])).collect())
        }
        "append-lines" => {
            let lines = String::from_utf8(decode(&with["lines"])).unwrap();
            Call::AppendLines(lines, flag("lenient"))
        }
        "startup-check" => {
            let (mode, recovery) = (parse(&with["mode"], &[]), parse(&with["recovery"], &[]));
            let (full, record_audit) = (flag("full"), flag("record_audit"));
            Call::StartupCheck(StartupOptions { mode, recovery, full, record_audit })
        }
        other => panic!("there is no call {other}"),
    }
}

fn retention(with: &Value) -> Retention {
    parse(&with["retention"], &[("journal", json!({})), ("per_kind", json!([]))])
}

fn parse<T: DeserializeOwned>(written: &Value, defaults: &[(&str, Value)]) -> T {
    let mut value = written.clone();
    if !defaults.is_empty() {
        let mut whole: Map<_, _> =
            defaults.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        whole.extend(value.as_object().cloned().unwrap_or_default());
        value = Value::Object(whole);
    }
    names(&mut value, &|word| {
        word.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
    });
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {written}"))
}

/// Translates the names of enum cases, wherever they are.
fn names(value: &mut Value, translate: &impl Fn(&str) -> String) {
    match value {
        Value::String(word) => *word = translate(word),
        Value::Object(fields) => {
            for (name, field) in fields {
                let cases = matches!(
                    name.as_str(),
                    "mode" | "kind" | "kinds" | "order" | "outcome" | "code" | "severity"
                );
                if cases
                    || field.is_object()
                    || field.as_array().is_some_and(|all| all.iter().all(Value::is_object))
                {
                    names(field, translate);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| names(item, translate)),
        _ => {}
    }
}

/// Returns the outcome of a step, as it stands in a file.
pub fn outcome(reply: Reply, before: &[u8], after: &[u8], quarantined: &[u8]) -> Value {
    let mut outcome = Map::new();
    let audit = reply.as_ref().map_or("", Report::audit).as_bytes().to_vec();
    let after =
        after.strip_suffix(&audit[..]).unwrap_or_else(|| panic!("the audit is not the last line"));
    match reply {
        Ok(report) => {
            let mut gives = gives(report);
            if let Some(scan) = gives.get_mut("scan") {
                leave_out(scan, audit.len());
            }
            outcome.insert("gives".to_owned(), gives)
        }
        Err(failure) => {
            let mut fails = json!({ "code": failure.code });
            names(&mut fails, &kebab);
            if let Some(line) = failure.line {
                fails["line"] = json!(line);
            }
            outcome.insert("fails".to_owned(), fails)
        }
    };
    if before != after {
        outcome.insert("leaves".to_owned(), encode(after));
    }
    if !quarantined.is_empty() {
        outcome.insert("quarantines".to_owned(), encode(quarantined));
    }
    Value::Object(outcome)
}

/// Leaves the audit record out of the counts: its length depends on the names of the host.
fn leave_out(scan: &mut Value, audit: usize) {
    let less = |bytes: &mut Value| *bytes = json!(bytes.as_u64().unwrap() - audit as u64);
    if audit > 0 && scan.is_object() {
        less(&mut scan["bytes"]);
        let kinds = scan["kinds"].as_array_mut().unwrap();
        less(&mut kinds.iter_mut().find(|kind| kind["kind"] == "audit").unwrap()["bytes"]);
    }
}

fn gives(report: Report) -> Value {
    let mut value = match report {
        Report::Scan(report) => json!(report),
        Report::Recovery(report) => json!(report),
        Report::Compaction(report) => json!(report),
        Report::Inspection(report) => json!(report),
        Report::Appended(report) => json!(report),
        Report::Startup(report) => json!(report),
        Report::Pages(pages) => {
            let pages = pages.into_iter().map(|page| {
                json!({
                    "records": encode(page.records.as_bytes()),
                    "times": page.times,
                    "count": page.count,
                    "damaged": page.damaged,
                    "end": page.end,
                })
            });
            return json!({ "pages": pages.collect::<Vec<_>>() });
        }
        Report::Foreign(mut report) => {
            names(&mut report, &|word| word.replace('_', "-"));
            for page in report.get_mut("pages").and_then(Value::as_array_mut).into_iter().flatten()
            {
                page["records"] = encode(page["records"].as_str().unwrap().as_bytes());
            }
            portable(&mut report);
            return report;
        }
    };
    names(&mut value, &kebab);
    portable(&mut value);
    value
}

pub fn kebab(word: &str) -> String {
    let mut name = String::new();
    for letter in word.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Builds the failure that a host in another language has reported.
pub fn failure(code: &str, message: String, line: Option<u64>) -> Failure {
    Failure { line, ..Failure::new(parse(&json!(code), &[]), message) }
}

/// Writes numbers that are equal in the same way.
pub fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                json!(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(all) => all.iter().map(numbers).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), numbers(value))).collect()
        }
        _ => value.clone(),
    }
}

/// Leaves out fields that depend on the place of the journal.
fn portable(report: &mut Value) {
    let Value::Object(fields) = report else { return };
    fields.remove("backend");
    fields.remove("location");
    // Their number depends on the host: some stores keep the whole quarantine in one place.
    fields.remove("quarantine");
    if let Some(Value::String(line)) = fields.get("audit") {
        let mut audit = serde_json::from_str(line).unwrap_or(Value::Null);
        if let Value::Object(audit) = &mut audit {
            audit.retain(|name, _| !NAMES.contains(&name.as_str()));
        }
        fields.insert("audit".to_owned(), audit);
    }
    if let Some(Value::Array(names)) = fields.get("rewritten") {
        let count = names.len();
        fields.insert("rewritten".to_owned(), json!(count));
    }
    for finding in fields.get_mut("findings").and_then(Value::as_array_mut).into_iter().flatten() {
        finding.as_object_mut().unwrap().remove("segment");
    }
    fields.values_mut().for_each(portable);
}

/// Decodes bytes: text, or a list of texts, `{"hex": …}` and `{"repeat": …, "times": …}`.
fn decode(written: &Value) -> Vec<u8> {
    match written {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(pieces) => pieces.iter().flat_map(decode).collect(),
        Value::Object(piece) => match (piece.get("hex"), piece.get("repeat")) {
            (Some(Value::String(hex)), _) => (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect(),
            (_, Some(text)) => decode(text).repeat(piece["times"].as_u64().unwrap() as usize),
            _ => panic!("{written}"),
        },
        _ => panic!("{written} is not bytes"),
    }
}

fn encode(bytes: &[u8]) -> Value {
    let mut pieces = Vec::new();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| **byte == bytes[at]).count();
        if run >= RUN && bytes[at].is_ascii() {
            text(&mut pieces, &mut plain);
            pieces.push(json!({ "repeat": char::from(bytes[at]), "times": run }));
        } else {
            plain.extend_from_slice(&bytes[at..at + run]);
        }
        at += run;
    }
    text(&mut pieces, &mut plain);
    match pieces.as_mut_slice() {
        [] => json!(""),
        [Value::String(text)] => json!(text),
        _ => Value::Array(pieces),
    }
}

fn text(pieces: &mut Vec<Value>, plain: &mut Vec<u8>) {
    for chunk in plain.utf8_chunks() {
        if !chunk.valid().is_empty() {
            pieces.push(json!(chunk.valid()));
        }
        if !chunk.invalid().is_empty() {
            let hex: String = chunk.invalid().iter().map(|byte| format!("{byte:02x}")).collect();
            pieces.push(json!({ "hex": hex }));
        }
    }
    plain.clear();
}
