//! One record as one line of JSON, written into a buffer that each thread keeps.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::store::Kind;

/// A thread's buffer is not kept beyond this.
const KEPT: usize = 64 << 10;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The value cannot become a record.
#[derive(Debug)]
pub(super) struct Unfit;

/// Composes a line and hands it to `then`. `None` is what cannot become a record; so is a value whose
/// `Serialize` panics, because no caller of a recorder is to go down with it.
pub(super) fn compose<R>(
    kind: Kind,
    timestamp: Option<f64>,
    fields: impl FnOnce(&mut Line<'_>) -> Result<(), Unfit>,
    then: impl FnOnce(Option<&[u8]>) -> R,
) -> R {
    // Taken out meanwhile: a `Serialize` may itself record something. While a thread ends there is none.
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    let written = catch_unwind(AssertUnwindSafe(|| {
        let mut line = Line { out: &mut buffer };
        line.begin(kind, timestamp)?;
        fields(&mut line)?;
        line.end();
        Ok::<_, Unfit>(())
    }));
    let result = then(matches!(written, Ok(Ok(()))).then_some(&buffer));
    if buffer.capacity() <= KEPT {
        let _ = BUFFER.try_with(|kept| kept.set(buffer));
    }
    result
}

/// The line that is being written.
pub(super) struct Line<'b> {
    out: &'b mut Vec<u8>,
}

impl Line<'_> {
    fn begin(&mut self, kind: Kind, timestamp: Option<f64>) -> Result<(), Unfit> {
        self.out.extend_from_slice(match kind {
            Kind::Event => b"{\"kind\": \"event\", \"timestamp\": ",
            Kind::Audit => b"{\"kind\": \"audit\", \"timestamp\": ",
            Kind::DeadLetter => b"{\"kind\": \"dead_letter\", \"timestamp\": ",
            Kind::Metric => b"{\"kind\": \"metric\", \"timestamp\": ",
        });
        match timestamp {
            Some(timestamp) if timestamp.is_finite() => self.value(&timestamp),
            Some(_) => Err(Unfit),
            None => self.now(),
        }
    }

    /// Seconds with six decimals, without the detour over a floating-point number.
    fn now(&mut self) -> Result<(), Unfit> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.value(&now.as_secs())?;
        let mut micros = now.subsec_micros();
        let mut digits = *b".000000";
        for digit in digits.iter_mut().skip(1).rev() {
            *digit += (micros % 10) as u8;
            micros /= 10;
        }
        self.out.extend_from_slice(&digits);
        Ok(())
    }

    /// A field; `name` brings the comma, the quotes and the colon.
    pub fn field<V: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &V,
    ) -> Result<(), Unfit> {
        self.out.extend_from_slice(name.as_bytes());
        self.value(value)
    }

    /// The fields of an object, which come after those that are there already.
    pub fn spread<V: Serialize + ?Sized>(&mut self, object: &V) -> Result<(), Unfit> {
        self.out.push(b',');
        let start = self.out.len();
        self.value(object)?;
        let inside = self.out.get(start..).unwrap_or_default();
        match inside {
            // Ready-made JSON may have blanks in it.
            [b'{', inside @ .., b'}'] if inside.trim_ascii().is_empty() => {
                self.out.truncate(start - 1);
            }
            [b'{', .., b'}'] => {
                self.out.pop();
                if let Some(brace) = self.out.get_mut(start) {
                    *brace = b' ';
                }
            }
            _ => return Err(Unfit),
        }
        Ok(())
    }

    /// Numbers that are not finite become `null`.
    fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), Unfit> {
        let start = self.out.len();
        let mut serializer = serde_json::Serializer::with_formatter(&mut *self.out, Spaced);
        value.serialize(&mut serializer).map_err(|_| Unfit)?;
        // Ready-made JSON passes through as it is. Between its tokens a line break is a blank like any
        // other; inside a string it cannot be.
        let written = self.out.get_mut(start..).unwrap_or_default();
        if memchr::memchr(b'\n', written).is_some() {
            written.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        }
        Ok(())
    }

    fn end(&mut self) {
        self.out.extend_from_slice(b"}\n");
    }
}

/// A space after each comma and colon, as Papyra writes.
struct Spaced;

impl Formatter for Spaced {
    #[inline]
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    #[inline]
    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    #[inline]
    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::Value;

    use super::*;
    use crate::recorder::models::{Address, Event, Model};

    fn line(kind: Kind, timestamp: Option<f64>, more: &Value) -> Option<String> {
        let text =
            |line: Option<&[u8]>| line.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        compose(kind, timestamp, |line| line.spread(more), text)
    }

    #[test]
    fn a_record_begins_with_its_kind_and_time_and_reads_like_papyras() {
        let more = json!({"a": [1, 2.5, null], "b": {"c": "é\n\""}, "n": f64::NAN});
        assert_eq!(
            line(Kind::DeadLetter, Some(1.5), &more).unwrap(),
            "{\"kind\": \"dead_letter\", \"timestamp\": 1.5, \"a\": [1, 2.5, null], \
             \"b\": {\"c\": \"é\\n\\\"\"}, \"n\": null}\n"
        );
        assert_eq!(
            line(Kind::Event, Some(1.0), &json!({})).unwrap(),
            "{\"kind\": \"event\", \"timestamp\": 1.0}\n"
        );
        let event = Event::new("s", ("local", 7), "E").payload(&[1, 2]).at(2.0);
        let text = compose(
            Kind::Event,
            event.timestamp(),
            |line| Model::fields(&event, line),
            |line| String::from_utf8(line.unwrap().to_vec()).unwrap(),
        );
        assert_eq!(
            text,
            "{\"kind\": \"event\", \"timestamp\": 2.0, \"system_id\": \"s\", \"actor_address\": \
             {\"system\": \"local\", \"actor_id\": 7}, \"event_type\": \"E\", \"payload\": [1, 2]}\n"
        );
        assert_eq!(Address::from("local:7"), Address::Text("local:7"));
    }

    #[test]
    fn the_clock_is_written_with_six_decimals() {
        let text = line(Kind::Metric, None, &json!({})).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((value["timestamp"].as_f64().unwrap() - now).abs() < 60.0, "{text}");
        let decimals = text.split_once('.').unwrap().1;
        assert_eq!(decimals.trim_end_matches("}\n").len(), 6, "{text}");
    }

    #[test]
    fn what_is_no_object_or_has_no_finite_time_is_unfit() {
        for more in [json!([1]), json!(1), json!("{}"), json!(null)] {
            assert!(line(Kind::Event, None, &more).is_none(), "{more}");
        }
        for timestamp in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(line(Kind::Event, Some(timestamp), &json!({})).is_none());
        }
    }

    #[test]
    fn a_serialize_that_panics_costs_its_record_only() {
        struct Bomb;
        impl Serialize for Bomb {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("boom")
            }
        }
        let unfit = compose(Kind::Event, None, |line| line.spread(&Bomb), |line| line.is_none());
        assert!(unfit);
        assert!(line(Kind::Event, None, &json!({})).is_some());
    }
}
