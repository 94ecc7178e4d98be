//! The stores of Node and Python: two processes, of which one appends, and the other one reads and rewrites.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use papyra_persistence::conformance::Fixture;
use papyra_persistence::store::{
    Chunk, Description, Edit, Framing, Layout, Payload, Position, Purpose, Rewrite, RewriteOptions,
    Rewritten, Role, Run, Segment, Snapshot, Store, StoreError, StoreErrorKind, Written,
};
use papyra_persistence::{Engine, Journal};
use papyra_tests::embed::{Driver, Host};
use papyra_tests::{scale, survival};
use serde_json::{Value, json};

use super::{Files, Opened, journal, pass};

/// A running Node or Python.
type Process = Arc<Mutex<Driver>>;

fn started(host: Host) -> Process {
    Arc::new(Mutex::new(Driver::start(host)))
}

/// An instance of the component, in a process.
struct Instance {
    process: Process,
    number: u64,
}

impl Instance {
    fn open(process: &Process, path: &Path, options: &Value) -> Self {
        let number = locked(process).open_storage(path, options.clone());
        Self { process: Arc::clone(process), number }
    }

    /// Calls a function of the exported `storage`.
    fn call(&self, name: &str, parameters: &Value) -> Result<Value, StoreError> {
        let request = json!({"instance": self.number, "name": name, "parameters": parameters});
        let answer = locked(&self.process).ask_as_is("storage_call", request);
        let mut answer = answer.unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        match answer.get("refusal") {
            None => Ok(answer["answer"].take()),
            Some(refusal) => Err(refused(refusal)),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = locked(&self.process).ask("storage_close", json!({"instance": self.number}));
    }
}

fn locked(process: &Process) -> std::sync::MutexGuard<'_, Driver> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(refusal: &Value) -> StoreError {
    let kind = match refusal["code"].as_str().unwrap() {
        "unavailable" => StoreErrorKind::Unavailable,
        "full" => StoreErrorKind::Full,
        "locked" => StoreErrorKind::Locked,
        "denied" => StoreErrorKind::Denied,
        "not-found" => StoreErrorKind::NotFound,
        "unsupported" => StoreErrorKind::Unsupported,
        "corrupt" => StoreErrorKind::Corrupt,
        "failed" => StoreErrorKind::Failed,
        other => panic!("{other}"),
    };
    let error = StoreError::new(kind, refusal["message"].as_str().unwrap());
    match refusal["written"].as_str() {
        None => error,
        Some("none") => error.wrote(Written::None),
        Some("all") => error.wrote(Written::All),
        Some("some") => error.wrote(Written::Some),
        Some("unknown") => error.wrote(Written::Unknown),
        Some(other) => panic!("{other}"),
    }
}

type Idle = Arc<Mutex<Vec<Instance>>>;

/// The instance of one snapshot.
struct Reader {
    instance: Option<Instance>,
    idle: Idle,
}

impl Reader {
    fn call(&self, name: &str, parameters: &Value) -> Result<Value, StoreError> {
        self.instance.as_ref().unwrap().call(name, parameters)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.instance.take());
    }
}

/// The store of a host.
#[derive(Clone)]
struct Embedded {
    path: PathBuf,
    options: Value,
    appending: Process,
    reading: Process,
    writer: Arc<Mutex<Option<Arc<Instance>>>>,
    /// Instances whose snapshots are over: making one takes a tenth of a second.
    idle: Idle,
    /// The process that appends may not make files any larger.
    limited: Arc<AtomicBool>,
}

impl Embedded {
    fn open(dir: &Path, more: &Value, appending: &Process, reading: &Process) -> Self {
        let mut options = json!({"quarantine_dir": dir.join("quarantine")});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Self {
            path: journal(dir),
            options,
            appending: Arc::clone(appending),
            reading: Arc::clone(reading),
            writer: Arc::default(),
            idle: Arc::default(),
            limited: Arc::default(),
        }
    }

    fn reader(&self) -> Reader {
        let idle = self.idle.lock().unwrap().pop();
        let open = || Instance::open(&self.reading, &self.path, &self.options);
        Reader { instance: Some(idle.unwrap_or_else(open)), idle: Arc::clone(&self.idle) }
    }

    /// The instance that appends, which stays.
    fn writer(&self) -> Arc<Instance> {
        let mut writer = self.writer.lock().unwrap();
        let open = || Arc::new(Instance::open(&self.appending, &self.path, &self.options));
        Arc::clone(writer.get_or_insert_with(open))
    }

    fn append_now(&self, lines: &str) -> Result<(), StoreError> {
        let writer = self.writer();
        let done = writer.call("append", &json!([lines, []]));
        if self.limited.swap(false, Ordering::Relaxed) {
            locked(&self.appending).limit_files(None);
        }
        done.map(drop)
    }
}

/// Runs what waits for another process.
async fn waiting<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

impl Opened for Embedded {
    fn reopened(&self) -> Option<Arc<dyn Store>> {
        // What this one appends is appended by the other process.
        let (appending, reading) = (Arc::clone(&self.reading), Arc::clone(&self.appending));
        let (writer, idle, limited) = (Arc::default(), Arc::default(), Arc::default());
        Some(Arc::new(Self { appending, reading, writer, idle, limited, ..self.clone() }))
    }

    fn fail_next_append(&self) -> bool {
        let length = fs::metadata(&self.path).unwrap().len();
        locked(&self.appending).limit_files(Some(length + 100));
        self.limited.store(true, Ordering::Relaxed);
        true
    }
}

#[async_trait]
impl Store for Embedded {
    fn describe(&self) -> Description {
        let rotating = self.options.get("max_bytes").is_some();
        Description {
            backend: if rotating { "rotating" } else { "file" }.to_owned(),
            location: self.path.to_str().unwrap().to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, _: &[Run]) -> Result<(), StoreError> {
        let store = self.clone();
        waiting(move || store.append_now(&lines)).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let store = self.clone();
        waiting(move || {
            let instance = Arc::new(store.reader());
            let said = instance.call("describe", &json!([]))?;
            let Description { backend, location, .. } = store.describe();
            assert_eq!((&said["backend"], &said["location"]), (&json!(backend), &json!(location)));
            assert_eq!((&said["framing"], &said["layout"]), (&json!("lines"), &json!("sequence")));
            let segments = instance.call("segments", &json!([]))?;
            let segments = segments.as_array().unwrap().iter().map(segment).collect();
            Ok(Arc::new(View { instance, segments }) as Arc<dyn Snapshot>)
        })
        .await
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        let store = self.clone();
        let loaded = waiting(move || store.reader().call("load-index", &json!([]))).await?;
        Ok(loaded.as_str().unwrap().to_owned())
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        let store = self.clone();
        waiting(move || store.writer().call("save-index", &json!([text])).map(drop)).await
    }
}

fn segment(value: &Value) -> Segment {
    assert!(["kind", "partition", "pinned"].iter().all(|of| value[of].is_null()), "{value}");
    Segment {
        name: value["name"].as_str().unwrap().to_owned(),
        role: match value["role"].as_str().unwrap() {
            "active" => Role::Active,
            "sealed" => Role::Sealed,
            "stray" => Role::Stray,
            "leftover" => Role::Leftover,
            other => panic!("{other}"),
        },
        number: u32::try_from(value["number"].as_u64().unwrap()).unwrap(),
        start: position(&value["start"]),
        end: position(&value["end"]),
        bytes: value["bytes"].as_u64().unwrap(),
        entries: value["entries"].as_u64(),
        kind: None,
        partition: None,
        pinned: None,
    }
}

fn position(value: &Value) -> Position {
    let half = |name: &str| value[name].as_u64().unwrap();
    Position { major: half("major"), minor: half("minor") }
}

fn lowered(Position { major, minor }: Position) -> Value {
    json!({"major": major.to_string(), "minor": minor.to_string()})
}

struct View {
    instance: Arc<Reader>,
    segments: Vec<Segment>,
}

impl View {
    async fn chunk(
        &self,
        call: &'static str,
        segment: &str,
        at: Position,
        most: u32,
    ) -> Result<Chunk, StoreError> {
        let (instance, asked) = (Arc::clone(&self.instance), json!([segment, lowered(at), most]));
        let found = waiting(move || instance.call(call, &asked)).await?;
        let (text, raw) = (&found["data"]["text"], &found["data"]["raw"]);
        Ok(Chunk {
            start: position(&found["start"]),
            data: match text {
                Value::String(text) => Payload::Text(text.clone()),
                _ => Payload::Raw(serde_json::from_value(raw.clone()).unwrap()),
            },
            frames: Vec::new(),
            last: found["last"].as_bool().unwrap(),
        })
    }
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        self.chunk("read", segment, at, most).await
    }

    async fn read_back(&self, segment: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        self.chunk("read-back", segment, at, most).await
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let RewriteOptions { purpose, keep_quarantine, force } = options;
        let purpose = match purpose {
            Purpose::Recover => "recover",
            Purpose::Compact => "compact",
        };
        let options =
            json!({"purpose": purpose, "keep_quarantine": keep_quarantine, "force": force});
        let (instance, asked) = (Arc::clone(&self.instance), json!([segment, options]));
        let begun = Arc::clone(&instance);
        waiting(move || begun.call("rewrite-begin", &asked)).await?;
        Ok(Box::new(Open { instance: Some(instance) }))
    }
}

struct Open {
    /// `None` once it is committed.
    instance: Option<Arc<Reader>>,
}

#[async_trait]
impl Rewrite for Open {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let edit = |edit: &Edit| {
            let (start, end) = (lowered(edit.start), lowered(edit.end));
            json!({"start": start, "end": end, "line_end": edit.line_end})
        };
        let edits: Vec<Value> = edits.iter().map(edit).collect();
        let instance = Arc::clone(self.instance.as_ref().unwrap());
        waiting(move || instance.call("rewrite-edit", &json!([edits])).map(drop)).await
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        let instance = self.instance.take().unwrap();
        let done = waiting(move || instance.call("rewrite-commit", &json!([]))).await?;
        Ok(Rewritten {
            bytes_before: done["bytes_before"].as_u64().unwrap(),
            bytes_after: done["bytes_after"].as_u64().unwrap(),
            removed_entries: done["removed_entries"].as_u64(),
            quarantine: serde_json::from_value(done["quarantine"].clone()).unwrap(),
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // At once: whoever drops a rewrite may begin another one.
        if let Some(instance) = self.instance.take() {
            instance.call("rewrite-abort", &json!([])).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_passes_the_suite_of_all_stores() {
    pass_all(Host::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_passes_the_suite_of_all_stores() {
    pass_all(Host::Python).await;
}

/// With rotating files, which do all that one file does, and at full size with one file as well.
async fn pass_all(host: Host) {
    pass_the_suite(host, &json!({"max_bytes": 200_000, "max_files": 1000})).await;
    if scale::all_suites() {
        pass_the_suite(host, &json!({})).await;
    }
}

async fn pass_the_suite(host: Host, more: &Value) {
    let (appending, reading) = (started(host), started(host));
    let make = async || {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Embedded::open(dir.path(), more, &appending, &reading));
        Ok(Box::new(Files { dir, store }) as Box<dyn Fixture>)
    };
    pass(make, &["rewrite-pinned"]).await;
}

#[test]
fn every_undamaged_record_survives_in_node() {
    survives(Host::Node);
}

#[test]
fn every_undamaged_record_survives_in_python() {
    survives(Host::Python);
}

/// Of the files a hundredth: each begins an instance, which takes a tenth of a second.
fn survives(host: Host) {
    let engine = Engine::new().unwrap();
    for more in [json!({}), json!({"max_bytes": 200_000, "max_files": survival::MAX_FILES})] {
        let (engine, more) = (&engine, &more);
        survival::check_all(scale::damage_files().div_ceil(200), more != &json!({}), || {
            let process = started(host);
            async move |dir| Journal::new(engine, Embedded::open(dir, more, &process, &process))
        });
    }
}
