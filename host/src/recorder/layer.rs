//! Events of the crate `tracing` as records.

use std::fmt;

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{Recorder, writer};

/// The crate's own events have targets of this name.
const OWN: &str = env!("CARGO_CRATE_NAME");
/// The field in which `tracing` hands over the text of an event.
const MESSAGE: &str = "message";

/// Records the events of `tracing`, with the fields of the spans that they are in. Needs the feature
/// `tracing-layer`.
///
/// An event becomes a record of kind `event`, which Papyra lists as well: its level is the `event_type`,
/// its target the `actor_address`, and the payload has `message`, `fields`, and `spans` from the
/// outermost to the innermost:
///
/// ```json
/// {"kind": "event", "timestamp": 1738000000.5, "system_id": "local",
///  "actor_address": "shop::orders", "event_type": "WARN",
///  "payload": {"message": "no stock", "fields": {"item": 7},
///              "spans": [{"name": "order", "fields": {"id": 12}}]}}
/// ```
///
/// Like every call of a [`Recorder`], it never waits for the store. [`Recorder::tally`] counts what was
/// dropped. Values other than numbers, booleans and text are recorded as their `Debug` text.
///
/// Events of this crate, and those of stores while they write what was recorded, are left out: they
/// would lead to further ones for ever. Give them to another layer.
#[derive(Debug)]
pub struct TracingLayer {
    recorder: Recorder,
    system_id: Box<str>,
}

impl TracingLayer {
    /// A layer for the system `local`. Limit what it records with a filter, such as
    /// `layer.with_filter(LevelFilter::INFO)`.
    #[must_use]
    pub fn new(recorder: &Recorder) -> Self {
        Self { recorder: recorder.clone(), system_id: "local".into() }
    }

    /// Sets the `system_id` of the records.
    #[must_use]
    pub fn with_system_id(self, system_id: impl Into<Box<str>>) -> Self {
        Self { system_id: system_id.into(), ..self }
    }
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = SpanFields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            // Another layer of this type has left the same there.
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if writer::is_writing() || is_own(metadata.target()) {
            return;
        }
        let (system_id, level) = (&*self.system_id, metadata.level().as_str());
        let payload = Payload { event, context: &context };
        // The tally counts a record that is dropped.
        let _ = self
            .recorder
            .event(super::Event::new(system_id, metadata.target(), level).payload(&payload));
    }
}

fn is_own(target: &str) -> bool {
    target.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

struct Payload<'a, 'e, S> {
    event: &'a Event<'e>,
    context: &'a Context<'a, S>,
}

impl<S> Serialize for Payload<'_, '_, S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut map = serializer.serialize_map(None)?;
        Entries::write(self.event, true, &mut map)?;
        map.serialize_entry("fields", &EventFields(self.event))?;
        map.serialize_entry("spans", &Spans(self))?;
        map.end()
    }
}

/// All fields but the message.
struct EventFields<'a, 'e>(&'a Event<'e>);

impl Serialize for EventFields<'_, '_> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut map = serializer.serialize_map(None)?;
        Entries::write(self.0, false, &mut map)?;
        map.end()
    }
}

/// The spans that an event is in, the outermost first.
struct Spans<'a, 'e, S>(&'a Payload<'a, 'e, S>);

impl<S> Serialize for Spans<'_, '_, S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let scope = self.0.context.event_scope(self.0.event);
        for span in scope.into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<SpanFields>();
            list.serialize_element(&OneSpan { name: span.name(), fields })?;
        }
        list.end()
    }
}

struct OneSpan<'a> {
    name: &'a str,
    fields: Option<&'a SpanFields>,
}

impl Serialize for OneSpan<'_> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut one = serializer.serialize_struct("Span", 2)?;
        one.serialize_field("name", self.name)?;
        match self.fields {
            Some(fields) => one.serialize_field("fields", fields)?,
            None => one.serialize_field("fields", &super::Nothing)?,
        }
        one.end()
    }
}

/// The fields of a span, which outlive the values that they were made of.
#[derive(Debug, Default)]
struct SpanFields(Vec<(&'static str, Value)>);

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

impl SpanFields {
    fn set(&mut self, field: &Field, value: Value) {
        let name = name(field);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Serialize for SpanFields {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Visit for SpanFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(format!("{value:?}")));
    }
}

/// Writes fields as they come into a record: the message alone, or all others.
struct Entries<'m, M: SerializeMap> {
    map: &'m mut M,
    message: bool,
    result: Result<(), M::Error>,
}

impl<'m, M: SerializeMap> Entries<'m, M> {
    fn write(event: &Event<'_>, message: bool, map: &'m mut M) -> Result<(), M::Error> {
        let mut entries = Self { map, message, result: Ok(()) };
        event.record(&mut entries);
        entries.result
    }

    fn entry<V: Serialize + ?Sized>(&mut self, field: &Field, value: &V) {
        let name = name(field);
        if self.result.is_ok() && (name == MESSAGE) == self.message {
            self.result = self.map.serialize_entry(name, value);
        }
    }
}

impl<M: SerializeMap> Visit for Entries<'_, M> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.entry(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.entry(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.entry(field, &Shown(value));
    }
}

/// Written without a copy of the text.
struct Shown<'v>(&'v dyn fmt::Debug);

impl Serialize for Shown<'_> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

/// As it was written, without the mark of names that are words of Rust.
fn name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}
