//! What the records are about.

use super::json::{Hole, Json, Style, Template};
use super::{LONGEST, SHORTEST};
use crate::random::Random;

const WORDS: &[&str] = &[
    "mailbox",
    "worker",
    "timeout",
    "retry",
    "order",
    "invoice",
    "session",
    "cache",
    "upstream",
    "shipment",
    "rejected",
    "accepted",
    "pending",
    "checkpoint",
    "tenant",
    "replica",
    "quota",
];

/// Latin with accents, German, Czech, Polish, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai,
/// Chinese, Japanese, Korean, mathematics, emoji with modifiers and joiners.
const TEXTS: &[&str] = &[
    "Café déjà fermé à 18 h",
    "Größe geändert, Straße unbekannt",
    "Příliš žluťoučký kůň",
    "Zażółć gęślą jaźń",
    "Η παραγγελία στάλθηκε",
    "Заказ отправлен, ждём оплату",
    "ההזמנה נשלחה",
    "تم إرسال الطلب",
    "आदेश भेज दिया गया है",
    "ส่งคำสั่งซื้อแล้ว",
    "订单已发货，等待确认",
    "注文を受け付けました。",
    "주문이 접수되었습니다",
    "Δx ≤ ε ⇒ ∑ 𝑓(x) ≠ ∞",
    "shipped 📦🚚 👩🏽‍💻 ok",
];

/// What JSON must escape, as it turns up in the field.
const ESCAPED: &[&str] = &[
    "Traceback (most recent call last):\n  File \"app/worker.py\", line 42, in run\n    raise Boom(\"x\")",
    "C:\\Users\\papyra\\journal.ndjson",
    "id\tname\tcount\r\n1\t\"first\"\t3\r\n",
    "\u{1b}[31mred\u{1b}[0m \u{8}\u{c}\u{1f}\u{7f}",
    "{\"nested\": \"JSON in a string\", \"n\": [1, 2]}",
    "GET /v1/items?q=a&b=\"c\" HTTP/1.1",
];

/// All shapes that the grammar allows and a double can hold.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "42",
    "255",
    "-32768",
    "65536",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775808",
    "123456789012345678901234567890",
    "0.0",
    "-0.0",
    "0.1",
    "1.10",
    "3.141592653589793",
    "-273.15",
    "1e3",
    "1E3",
    "1e+3",
    "2.5e-7",
    "-6.02214076E23",
    "5e-324",
    "1.7976931348623157e308",
];

pub(super) fn record(random: &mut Random) -> Template {
    loop {
        let template = attempt(random);
        if template.shortest() >= SHORTEST && template.longest() < LONGEST {
            return template;
        }
    }
}

fn attempt(random: &mut Random) -> Template {
    let (kind, mut fields) = match random.below(100) {
        0..70 => ("event", event(random)),
        70..82 => ("audit", audit(random)),
        82..92 => ("dead_letter", dead_letter(random)),
        _ => ("metric", metric(random)),
    };
    let kind = ("kind".to_owned(), text(kind));
    let timestamp = ("timestamp".to_owned(), Json::Hole(timestamp(random)));
    let style = match random.below(10) {
        // Papyra's file backend.
        0..4 => {
            fields.insert(0, kind);
            fields.push(timestamp);
            Style { spaced: true, ascii: false }
        }
        // Papyra's rotating backend.
        4..6 => {
            fields.push(timestamp);
            fields.push(kind);
            Style { spaced: true, ascii: true }
        }
        // This project, and writers in other languages.
        _ => {
            fields.insert(0, timestamp);
            fields.insert(0, kind);
            Style { spaced: false, ascii: random.once_in(8) }
        }
    };
    Template::new(&Json::Object(fields), style)
}

fn timestamp(random: &mut Random) -> Hole {
    match random.below(200) {
        0 => Hole::Seconds,
        1 => Hole::Exponent,
        2..80 => Hole::Micros,
        _ => Hole::Millis,
    }
}

type Fields = Vec<(String, Json)>;

fn event(random: &mut Random) -> Fields {
    let mut payload = match random.below(10) {
        0 => fields([("reason", text("stopped"))]),
        1 => {
            let error = text(random.pick(ESCAPED));
            fields([("error", error), ("reason", text("actor restarted"))])
        }
        2..4 => {
            let items = (0..random.between(1, 5)).map(|_| item(random)).collect();
            fields([("order", Json::Hole(Hole::Sequence)), ("items", Json::List(items))])
        }
        4 => {
            let samples = (0..random.between(4, 40)).map(|_| measurement(random)).collect();
            fields([("unit", text("°C")), ("samples", Json::List(samples))])
        }
        5 => {
            let depth = random.between(3, 12);
            fields([("config", nested(random, depth))])
        }
        _ => fields([("message", phrase(random))]),
    };
    pad(random, &mut payload);
    let name = random.pick(&["ActorStarted", "OrderPlaced", "UserRenamed", "Imported", "注文"]);
    fields([
        ("system_id", text("local")),
        ("actor_address", address(random)),
        ("event_type", text(name)),
        ("payload", Json::Object(payload)),
    ])
}

fn audit(random: &mut Random) -> Fields {
    let names =
        |random: &mut Random| Json::List((0..random.below(6)).map(|_| actor(random)).collect());
    fields([
        ("system_id", text("local")),
        ("total_actors", count(random)),
        ("alive_actors", count(random)),
        ("stopping_actors", count(random)),
        ("restarting_actors", Json::Number("0".to_owned())),
        ("registry_size", count(random)),
        ("registry_orphans", names(random)),
        ("registry_dead", names(random)),
        ("dead_letters_count", count(random)),
    ])
}

fn dead_letter(random: &mut Random) -> Fields {
    let target = if random.once_in(5) { Json::Null } else { address(random) };
    let mut payload = fields([("request", Json::Hole(Hole::Sequence)), ("body", phrase(random))]);
    pad(random, &mut payload);
    fields([
        ("system_id", text("local")),
        ("target", target),
        ("message_type", text(random.pick(&["str", "Ping", "Réponse", "dict"]))),
        ("payload", Json::Object(payload)),
    ])
}

fn metric(random: &mut Random) -> Fields {
    let labels = fields([("actor", actor(random)), ("zone", text(random.pick(&["a", "b", "ü"])))]);
    fields([
        ("name", text(random.pick(&["mailbox_depth", "handled_seconds", "restarts"]))),
        ("value", number(random)),
        ("labels", Json::Object(labels)),
        ("sequence", Json::Hole(Hole::Sequence)),
    ])
}

/// Adds fields up to a size drawn with a long tail: the median record has some 300 bytes.
fn pad(random: &mut Random, payload: &mut Fields) {
    let wish = (30.0 * (random.unit() * 4.0).exp()) as usize;
    let mut size = 0;
    while size < wish {
        let word = random.pick(WORDS);
        let (value, about) = match random.below(12) {
            0 => (Json::Bool(random.once_in(2)), 5),
            1 => (Json::Null, 5),
            2..5 => (number(random), 10),
            5 => {
                let list = (0..random.between(0, 12)).map(|_| number(random)).collect();
                (Json::List(list), 60)
            }
            6 => {
                let depth = random.between(1, 4);
                (nested(random, depth), 60)
            }
            7 => {
                let blob = blob(random);
                let about = blob.len();
                (Json::Text(blob), about)
            }
            _ => (phrase(random), 50),
        };
        payload.push((format!("{word}_{}", payload.len()), value));
        size += about + 12;
    }
}

fn nested(random: &mut Random, depth: usize) -> Json {
    if depth == 0 {
        return number(random);
    }
    let inside = nested(random, depth - 1);
    if random.once_in(3) {
        Json::List(vec![inside, Json::Object(Vec::new()), Json::List(Vec::new())])
    } else {
        Json::Object(fields([(random.pick(WORDS), inside)]))
    }
}

fn item(random: &mut Random) -> Json {
    Json::Object(fields([
        ("sku", Json::Text(format!("{}-{:05}", random.pick(WORDS), random.below(100_000)))),
        ("quantity", count(random)),
        ("price", Json::Number(format!("{}.{:02}", random.below(500), random.below(100)))),
        ("note", if random.once_in(3) { phrase(random) } else { Json::Null }),
    ]))
}

fn phrase(random: &mut Random) -> Json {
    match random.below(10) {
        0 => text(random.pick(ESCAPED)),
        1..4 => text(random.pick(TEXTS)),
        _ => {
            let words: Vec<_> = (0..random.between(3, 14)).map(|_| random.pick(WORDS)).collect();
            Json::Text(words.join(" "))
        }
    }
}

fn blob(random: &mut Random) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let length = random.between(20, 300) / 4 * 4;
    (0..length).map(|_| char::from(ALPHABET[random.below(ALPHABET.len())])).collect()
}

fn address(random: &mut Random) -> Json {
    if random.once_in(3) {
        return actor(random);
    }
    Json::Object(fields([("system", text("local")), ("actor_id", count(random))]))
}

fn actor(random: &mut Random) -> Json {
    Json::Text(format!("local://{}/{}", random.pick(WORDS), random.below(1000)))
}

fn measurement(random: &mut Random) -> Json {
    Json::Number(format!("{:.*}", random.below(6), random.unit() * 80.0 - 20.0))
}

fn number(random: &mut Random) -> Json {
    if random.once_in(2) { count(random) } else { Json::Number(random.pick(NUMBERS).to_owned()) }
}

fn count(random: &mut Random) -> Json {
    let digits = random.between(1, 6) as u32;
    Json::Number(random.below(10_usize.pow(digits)).to_string())
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

fn fields<const N: usize>(fields: [(&str, Json); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
