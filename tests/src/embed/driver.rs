//! Sends requests to a host in another language.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Map, Value, json};

use super::{Host, install};

/// Maximum time for one reply. The longest takes a scan of 300 MB.
const PATIENCE: Duration = Duration::from_mins(5);

/// The reply to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The operation succeeded.
    Done {
        /// The report, with names as in the command's documents, without absent fields.
        report: Value,
        /// Duration of the operation, without the start of the process.
        seconds: f64,
    },
    /// The operation failed: the class of the failure, and its message.
    Failed(String, String),
    /// The engine trapped, and the instance is gone.
    Trapped(String),
}

impl Reply {
    /// Returns the report.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn report(self) -> Value {
        match self {
            Self::Done { report, .. } => report,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the class of the failure; empty if there is none.
    pub fn failure(&self) -> &str {
        match self {
            Self::Failed(code, _) => code,
            _ => "",
        }
    }
}

/// A running host with one journal open; killed when dropped.
pub struct Driver {
    host: Host,
    child: Child,
    requests: ChildStdin,
    replies: Receiver<String>,
}

impl Driver {
    /// Starts the host's program.
    pub fn start(host: Host) -> Self {
        let mut command = match host {
            Host::Node | Host::NodeWasi => {
                let mut command = install::node_command();
                command.arg("test/driver.js");
                command
            }
            Host::Python | Host::PythonWasi => {
                let mut command = install::python_command();
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/driver.py"));
                command
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the host starts");
        let requests = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (lines, replies) = mpsc::channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        Self { host, child, requests, replies }
    }

    /// Asks for an operation with these options, and waits for the reply.
    ///
    /// # Panics
    ///
    /// If the host breaks down.
    pub fn ask(&mut self, op: &str, options: Value) -> Reply {
        self.send(op, options);
        self.reply()
    }

    /// Opens a journal in the host's own file store.
    pub fn open(&mut self, path: &std::path::Path, options: Value) {
        let store = if self.host.is_wasi() { "wasi" } else { "file" };
        let mut request = json!({"store": store, "path": path});
        merge(&mut request, options);
        self.open_store(request);
    }

    /// Opens a journal in any store.
    pub fn open_store(&mut self, mut options: Value) {
        let name = match options["store"].as_str() {
            Some("file") => self.host.component(),
            Some("wasi") => "papyra-wasi",
            _ => "papyra-engine",
        };
        merge(&mut options, json!({ "engine": self.host.installed(name) }));
        self.ask("open", options).report();
    }

    /// Makes an instance of the host's file store by itself. Returns its number.
    pub fn open_storage(&mut self, path: &std::path::Path, options: Value) -> u64 {
        let store = self.host.installed(&format!("{}-store", self.host.component()));
        let mut request = json!({"component": store, "path": path});
        merge(&mut request, options);
        let opened = self.ask_as_is("storage_open", request).expect("an instance");
        opened["instance"].as_u64().expect("a number")
    }

    /// Asks without waiting.
    pub fn send(&mut self, op: &str, mut options: Value) {
        merge(&mut options, json!({ "op": op }));
        writeln!(self.requests, "{options}").expect("the host listens");
    }

    /// Asks for an operation. Returns the report as the host has sent it, or the class of the failure, its
    /// message, and the line that it is about.
    ///
    /// # Errors
    ///
    /// If the engine refuses.
    ///
    /// # Panics
    ///
    /// If the host breaks down, or the engine traps.
    pub fn ask_as_is(
        &mut self,
        op: &str,
        options: Value,
    ) -> Result<Value, (String, String, Option<u64>)> {
        self.send(op, options);
        let mut reply = self.raw_reply();
        if let Some(failure) = reply.get("failure") {
            let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
            return Err((text("code"), text("message"), failure["line"].as_u64()));
        }
        assert!(reply.get("ok").is_some(), "{reply}");
        Ok(reply["ok"].take())
    }

    fn raw_reply(&mut self) -> Value {
        let line = self.replies.recv_timeout(PATIENCE).expect("the host answers");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{:?} said {line:?}: {error}", self.host))
    }

    /// Returns the next reply.
    ///
    /// # Panics
    ///
    /// If the host has ended.
    pub fn reply(&mut self) -> Reply {
        let reply = self.raw_reply();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(failure) = reply.get("failure") {
            return Reply::Failed(text(&failure["code"]), text(&failure["message"]));
        }
        if let Some(trap) = reply.get("trap") {
            return Reply::Trapped(text(trap));
        }
        let seconds = reply["seconds"].as_f64().unwrap_or_default();
        Reply::Done { report: as_documents(reply["ok"].clone()), seconds }
    }

    /// Limits the size of the files that the host writes. Python, and the program for Node, ignore the
    /// signal that comes with that.
    pub fn limit_files(&mut self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).expect("a limit");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Turns a report of the contract into the shape of the command's documents: lists of counts become
/// objects, absent fields are left out.
fn as_documents(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let shaped = fields.map(|(name, value)| {
        let value = match name.as_str() {
            "kinds" | "kept" => keyed(&value, "kind", None),
            "anomalies" => keyed(&value, "anomaly", Some("count")),
            "findings" => findings(&value),
            _ => as_documents(value),
        };
        (name, value)
    });
    Value::Object(shaped.collect())
}

fn keyed(list: &Value, key: &str, only: Option<&str>) -> Value {
    let mut all = Map::new();
    for entry in list.as_array().into_iter().flatten() {
        let mut entry = entry.clone();
        let name = entry[key].take().as_str().unwrap_or_default().to_owned();
        let value = match (only, &mut entry) {
            (Some(field), entry) => entry[field].take(),
            (None, Value::Object(fields)) => {
                fields.remove(key);
                Value::Object(std::mem::take(fields))
            }
            (None, _) => Value::Null,
        };
        all.insert(name, value);
    }
    Value::Object(all)
}

/// Findings without what does not apply to them.
fn findings(list: &Value) -> Value {
    let shorter = |finding: &Value| {
        let mut finding = finding.clone();
        if let Value::Object(fields) = &mut finding {
            let salvageable = fields["salvageable"] != 0;
            fields.retain(|name, value| match name.as_str() {
                "salvageable" | "ambiguous" => salvageable,
                _ => !value.is_null() && value != "",
            });
        }
        finding
    };
    list.as_array().into_iter().flatten().map(shorter).collect()
}
