//! Paths and names, as plain text. WASI separates with `/` on every system.

/// After so many symlinks a path is taken to lead in circles.
pub const MAX_LINKS: u32 = 16;

/// Where `path` lies: the index of a preopened directory and the path in it. `preopens` are their
/// names; `cwd` is the directory in which the program was started, if the runtime says.
pub fn find(preopens: &[String], cwd: Option<&str>, path: &str) -> Option<(usize, String)> {
    if path.starts_with('/') {
        return find_absolute(preopens, path);
    }
    let here = preopens.iter().position(|name| matches!(tidy(name).as_str(), "" | "."));
    if let Some(index) = here {
        return Some((index, tidy(path)));
    }
    if let Some(cwd) = cwd.filter(|cwd| cwd.starts_with('/'))
        && let Some(found) = find_absolute(preopens, &join(cwd, path))
    {
        return Some(found);
    }
    preopens.first().map(|_| (0, tidy(path)))
}

fn find_absolute(preopens: &[String], path: &str) -> Option<(usize, String)> {
    let path = tidy(path);
    let fits = |name: &String| {
        let name = tidy(name);
        let rest = if name == "/" { path.strip_prefix('/') } else { path.strip_prefix(&name) }?;
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest,
            None if name == "/" || rest.is_empty() => rest,
            None => return None,
        };
        name.starts_with('/').then(|| (name.len(), rest.to_owned()))
    };
    let candidates = preopens.iter().enumerate().filter_map(|(index, name)| {
        let (length, rest) = fits(name)?;
        Some((length, index, rest))
    });
    candidates.max_by_key(|(length, ..)| *length).map(|(_, index, rest)| (index, rest))
}

/// Without empty parts, `.` and a slash at the end. What `..` means depends on symlinks, so it stays.
fn tidy(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let parts = parts.join("/");
    if path.starts_with('/') { format!("/{parts}") } else { parts }
}

/// `path` as seen from the directory `dir`.
pub fn join(dir: &str, path: &str) -> String {
    if dir.is_empty() || path.starts_with('/') {
        tidy(path)
    } else {
        tidy(&format!("{dir}/{path}"))
    }
}

/// The directory, empty for the one that everything is relative to, and the name in it.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Another name in the directory of `path`.
pub fn beside(path: &str, name: &str) -> String {
    join(split(path).0, name)
}

/// Where the new content of `path` grows until it takes that name.
pub fn temporary(path: &str) -> String {
    beside(path, &format!(".{}.papyra-wasi-rewrite", split(path).1))
}

/// Where the index of `path` lies; our other hosts look there as well.
pub fn checkpoint(path: &str) -> String {
    beside(path, &format!(".{}.papyra-checkpoint", split(path).1))
}

/// A moment in UTC, as it stands in names of quarantine: `20261121T144006.123Z`.
pub fn stamp(seconds: u64, nanoseconds: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        nanoseconds / 1_000_000
    )
}

/// The date so many days after 1970-01-01, in years that begin in March, so that the leap day is
/// their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era) + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(preopens: &[&str], cwd: Option<&str>, path: &str) -> Option<(usize, String)> {
        let preopens: Vec<_> = preopens.iter().map(|name| (*name).to_owned()).collect();
        find(&preopens, cwd, path)
    }

    fn at(index: usize, path: &str) -> Option<(usize, String)> {
        Some((index, path.to_owned()))
    }

    #[test]
    fn absolute_paths_lie_in_the_longest_preopen() {
        let preopens = ["/", "/var/log", "/var"];
        assert_eq!(found(&preopens, None, "/var/log/app.ndjson"), at(1, "app.ndjson"));
        assert_eq!(found(&preopens, None, "/var//logs/./a"), at(2, "logs/a"));
        assert_eq!(found(&preopens, None, "/etc/a"), at(0, "etc/a"));
        assert_eq!(found(&["/var"], None, "/variable/a"), None);
        assert_eq!(found(&[".", "data"], None, "/a"), None);
    }

    #[test]
    fn other_paths_begin_where_the_program_does() {
        assert_eq!(found(&["/", "."], Some("/home"), "a/b"), at(1, "a/b"));
        assert_eq!(found(&["/"], Some("/home/me"), "a"), at(0, "home/me/a"));
        assert_eq!(found(&["/data", "/"], Some("/data/x"), "./a"), at(0, "x/a"));
        assert_eq!(found(&["/data", "/tmp"], None, "a"), at(0, "a"));
        assert_eq!(found(&["/data"], Some("/elsewhere"), "a"), at(0, "a"));
        assert_eq!(found(&[], Some("/"), "a"), None);
    }

    #[test]
    fn names_stay_in_their_directory() {
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!(split("c"), ("", "c"));
        assert_eq!(beside("a/b", "../c"), "a/../c");
        assert_eq!(temporary("logs/app.ndjson"), "logs/.app.ndjson.papyra-wasi-rewrite");
        assert_eq!(temporary("app.ndjson"), ".app.ndjson.papyra-wasi-rewrite");
    }

    #[test]
    fn stamps_are_calendar_time() {
        assert_eq!(stamp(0, 0), "19700101T000000.000Z");
        assert_eq!(stamp(951_782_399, 999_999_999), "20000228T235959.999Z");
        assert_eq!(stamp(951_782_400, 0), "20000229T000000.000Z");
        assert_eq!(stamp(1_795_219_200, 5_000_000), "20261121T000000.005Z");
        assert_eq!(stamp(4_107_542_400, 0), "21000301T000000.000Z");
        assert!(stamp(u64::MAX, 0).ends_with('Z'), "no overflow");
    }
}
