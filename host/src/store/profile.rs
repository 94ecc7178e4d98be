//! What the records of other programs look like.

use super::{Profile, TimeFormat};

/// Each preset with the field that gives the time. None of these programs writes a kind.
const PRESETS: [(&str, &str, TimeFormat); 8] = [
    ("pino", "time", TimeFormat::Milliseconds),
    ("zap", "ts", TimeFormat::Seconds),
    ("slog", "time", TimeFormat::Rfc3339),
    ("bunyan", "time", TimeFormat::Rfc3339),
    ("ecs", "@timestamp", TimeFormat::Rfc3339),
    ("caddy", "ts", TimeFormat::Seconds),
    ("docker", "time", TimeFormat::Rfc3339),
    ("journald", "__REALTIME_TIMESTAMP", TimeFormat::Microseconds),
];

/// The preset of journals that Papyra writes: no profile.
const OURS: &str = "papyra";

const FORMATS: [(&str, TimeFormat); 5] = [
    ("seconds", TimeFormat::Seconds),
    ("milliseconds", TimeFormat::Milliseconds),
    ("microseconds", TimeFormat::Microseconds),
    ("nanoseconds", TimeFormat::Nanoseconds),
    ("rfc3339", TimeFormat::Rfc3339),
];

impl TimeFormat {
    /// The format with this name.
    ///
    /// # Errors
    ///
    /// One line that says what to write instead.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = FORMATS.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            "write seconds, milliseconds, microseconds, nanoseconds or rfc3339".to_owned()
        })
    }

    /// The name of the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// A profile as people give it: a preset, and what differs from it.
///
/// ```
/// use papyra_persistence::store::{ProfileOptions, TimeFormat};
///
/// let pino = ProfileOptions { preset: Some("pino".to_owned()), ..ProfileOptions::default() };
/// let profile = pino.profile().expect("pino is not Papyra");
/// assert_eq!((&*profile.time_field, profile.time_format), ("time", TimeFormat::Milliseconds));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileOptions {
    /// One of [`preset_names`](Self::preset_names). Others count as none.
    pub preset: Option<String>,
    /// The field that names the kind. Default: none, so that every record is an event.
    pub kind_field: Option<String>,
    /// The field that gives the time, or its path, joined by dots. Default: that of the preset, or `timestamp`.
    pub time_field: Option<String>,
    /// How that field gives the time. Default: that of the preset, or in seconds.
    pub time_format: Option<TimeFormat>,
}

impl ProfileOptions {
    /// The names of all presets. `papyra` stands for no profile.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        std::iter::once(OURS).chain(PRESETS.iter().map(|(name, ..)| *name))
    }

    /// The name of a preset.
    ///
    /// # Errors
    ///
    /// One line that says what to write instead.
    pub fn parse_preset(name: &str) -> Result<String, String> {
        match Self::preset_names().any(|known| known == name) {
            true => Ok(name.to_owned()),
            false => {
                let known: Vec<_> = Self::preset_names().collect();
                Err(format!("write one of {}", known.join(", ")))
            }
        }
    }

    /// The name of a field.
    ///
    /// # Errors
    ///
    /// One line that says what to write instead.
    pub fn parse_field(name: &str) -> Result<String, String> {
        match name.len() {
            1..=256 => Ok(name.to_owned()),
            _ => Err("write the name of a field, 1 to 256 bytes long".to_owned()),
        }
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The profile; `None` if the records are as Papyra writes them.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        let Self { preset, kind_field, time_field, time_format } = self;
        let preset = preset.as_deref().filter(|preset| *preset != OURS);
        if (preset, kind_field, time_field, time_format) == (None, &None, &None, &None) {
            return None;
        }
        let preset = PRESETS.iter().find(|(name, ..)| Some(*name) == preset);
        let (_, field, format) = preset.unwrap_or(&(OURS, "timestamp", TimeFormat::Seconds));
        Some(Profile {
            kind_field: kind_field.clone(),
            time_field: time_field.clone().unwrap_or_else(|| (*field).to_owned()),
            time_format: time_format.unwrap_or(*format),
        })
    }
}
