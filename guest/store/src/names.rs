//! Paths and names, as plain text. WASI separates with `/` on every system.

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
fn join(dir: &str, path: &str) -> String {
    if dir.is_empty() || path.starts_with('/') {
        tidy(path)
    } else {
        tidy(&format!("{dir}/{path}"))
    }
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
}
