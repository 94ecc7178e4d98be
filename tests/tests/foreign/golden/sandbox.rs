//! The engine as a component, on a file, called by the names in `wit/` without bindings.

use std::fs;

use papyra_tests::command::names;
use papyra_tests::portable::{Loaded, State};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use wasmtime::Store;
use wasmtime::component::{Instance, Type, Val};

use super::Subject;
use super::case::{self, Call, Case, Reply, Report, Step, kebab};

pub fn folder(case: &Case) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("golden.ndjson"), &case.journal).unwrap();
    dir
}

pub struct Sandbox {
    store: Store<State>,
    instance: Instance,
    dir: TempDir,
}

impl Sandbox {
    pub async fn new(loaded: &Loaded, state: State, dir: TempDir) -> Self {
        let mut store = Store::new(&loaded.engine, state);
        let instance = loaded.pre.instantiate_async(&mut store).await.unwrap();
        Self { store, instance, dir }
    }

    /// Calls a function of `journal`.
    async fn ask(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Value> {
        let store = &mut self.store;
        let journal = "papyra:persistence/journal@0.2.0";
        let journal = self.instance.get_export_index(&mut *store, None, journal).unwrap();
        let index = self.instance.get_export_index(&mut *store, Some(&journal), name).unwrap();
        let func = self.instance.get_func(&mut *store, index).unwrap();
        let parameters = func.ty(&*store);
        let parameters = parameters.params().zip(arguments).map(|((_, of), json)| val(&of, json));
        let mut results = [Val::Bool(false)];
        let parameters: Vec<_> = parameters.collect();
        func.call_async(&mut *store, &parameters, &mut results).await.unwrap();
        let [Val::Result(result)] = results else { panic!("{name} gives no result") };
        match result {
            Ok(report) => Ok(value(*report.unwrap())),
            Err(failure) => Err(value(*failure.unwrap())),
        }
    }

    async fn pages(&mut self, mut arguments: Vec<Value>) -> Result<Value, Value> {
        let mut pages: Vec<Value> = Vec::new();
        while pages.last().is_none_or(|page| page["end"] == false) {
            let mut page = self.ask("query", &arguments).await?;
            arguments[0]["cursor"] = page.as_object_mut().unwrap().remove("cursor").unwrap();
            pages.push(page);
        }
        Ok(json!({ "pages": pages }))
    }
}

impl Subject for Sandbox {
    async fn call(&mut self, step: &Step) -> Reply {
        let arguments = step.call.arguments();
        let reply = match step.call {
            Call::Query(..) => self.pages(arguments).await,
            _ => self.ask(&step.name, &arguments).await,
        };
        let failed = |failure: Value| {
            let text = |name: &str| failure[name].as_str().unwrap().to_owned();
            case::failure(&text("code"), text("message"), failure["line"].as_u64())
        };
        reply.map(Report::Foreign).map_err(failed)
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        contents(&self.dir)
    }
}

/// Converts an argument to this type.
fn val(of: &Type, json: &Value) -> Val {
    match of {
        Type::Bool => Val::Bool(json.as_bool().unwrap()),
        Type::U32 => Val::U32(json.as_u64().unwrap().try_into().unwrap()),
        Type::U64 => Val::U64(json.as_u64().unwrap()),
        Type::Float64 => Val::Float64(json.as_f64().unwrap()),
        Type::String => Val::String(json.as_str().unwrap().to_owned()),
        Type::Enum(_) => Val::Enum(kebab(json.as_str().unwrap())),
        Type::Option(of) => Val::Option((!json.is_null()).then(|| Box::new(val(&of.ty(), json)))),
        Type::List(of) => {
            Val::List(json.as_array().unwrap().iter().map(|item| val(&of.ty(), item)).collect())
        }
        Type::Record(of) => {
            let field = |name: &str, of: &Type| val(of, &json[name.replace('-', "_")]);
            let fields = of.fields().map(|of| (of.name.to_owned(), field(of.name, &of.ty)));
            Val::Record(fields.collect())
        }
        other => panic!("the contract has no {other:?} among its arguments"),
    }
}

/// Converts a result, with the names of Rust.
fn value(val: Val) -> Value {
    match val {
        Val::Bool(flag) => json!(flag),
        Val::U32(number) => json!(number),
        Val::U64(number) => json!(number),
        Val::Float64(number) => json!(number),
        Val::String(text) | Val::Enum(text) => json!(text),
        Val::Option(some) => some.map_or(Value::Null, |some| value(*some)),
        Val::List(items) => items.into_iter().map(value).collect(),
        Val::Record(fields) => {
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(name, val)| (name.replace('-', "_"), value(val)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => panic!("the contract has no {other:?} among its results"),
    }
}

/// Returns the journal in a [`folder`], and the whole quarantine.
pub fn contents(dir: &TempDir) -> (Vec<u8>, Vec<u8>) {
    let quarantine = dir.path().join("quarantine");
    let mut aside = Vec::new();
    if quarantine.is_dir() {
        for name in names(&quarantine) {
            aside.extend(fs::read(quarantine.join(name)).unwrap());
        }
    }
    (fs::read(dir.path().join("golden.ndjson")).unwrap(), aside)
}
