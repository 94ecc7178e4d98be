//! Files import one another in one direction. A circle between files makes each of them readable only
//! together with all others, so this test names every one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use papyra_tests::portable::root;

const CRATES: [&str; 4] = ["guest/engine/src", "guest/file-store/src", "host/src", "host/cli/src"];

/// Folders that are one concept each: a circle within one of them is allowed.
const ONE_CONCEPT: [&str; 2] = ["host/src/store/redis/", "guest/file-store/src/rotating/"];

#[test]
fn files_import_one_another_in_one_direction() {
    let circles: Vec<String> = CRATES.iter().flat_map(|dir| circles(&root(), dir)).collect();
    assert!(circles.is_empty(), "import circles:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_through_whatever_names_a_file() {
    for (name, files, found) in [
        (
            "use",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "use super::a::A;"),
            ][..],
            true,
        ),
        (
            "one way",
            &[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")],
            false,
        ),
        (
            "a path in code",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "fn f() { crate::b::g() }"),
                ("b.rs", "use super::a;"),
            ],
            true,
        ),
        (
            "a name exported again",
            &[
                ("lib.rs", "mod a; mod b; pub use b::B;"),
                ("a.rs", "use crate::B;"),
                ("b.rs", "use crate::{a::{A, C}, D};"),
            ],
            true,
        ),
        (
            "a glob exported again",
            &[
                ("lib.rs", "mod a; mod b; pub use b::*;"),
                ("a.rs", "use crate::B;"),
                ("b.rs", "use crate::a; pub struct B;"),
            ],
            true,
        ),
        (
            "a part and its folder",
            &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; use b::B; pub struct A;"),
                ("a/b.rs", "use super::A;"),
            ],
            false,
        ),
        (
            "its parent's list of exports",
            &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; pub use b::B; pub struct A;"),
                ("a/b.rs", "use super::A;"),
            ],
            false,
        ),
        (
            "a module within the file",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "mod c { use super::super::b::B; }"),
                ("b.rs", "use crate::a;"),
            ],
            true,
        ),
        (
            "text and comments",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "// crate::b::B\nconst T: &str = \"crate::b\"; const Q: char = '\"';"),
                ("b.rs", "use crate::a;"),
            ],
            false,
        ),
        (
            "tests",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "#[cfg(test)]\nmod tests { use crate::b::B; }"),
                ("b.rs", "use crate::a;"),
            ],
            false,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(!circles(dir.path(), "").is_empty(), found, "{name}");
    }
}

/// The circles of a crate, each as a line of file names.
fn circles(root: &Path, dir: &str) -> Vec<String> {
    let mut tree = Tree::default();
    let main = root.join(dir).join("lib.rs");
    let main = if main.is_file() { main } else { root.join(dir).join("main.rs") };
    tree.read(&main, &[]);
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, path) in &tree.uses {
        for to in tree.files_of(path) {
            let (from, to) = (name(from), name(to));
            let together = |dir: &str| from.starts_with(dir) && to.starts_with(dir);
            // A part of a folder may use what `mod.rs` has for all parts.
            let parent = to.strip_suffix("mod.rs").is_some_and(|folder| from.starts_with(folder));
            if from != to && !parent && !ONE_CONCEPT.iter().any(|dir| together(dir)) {
                edges.entry(from).or_default().insert(to);
            }
        }
    }
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        edges.keys().map(|file| (file, reaches(&edges, file))).collect();
    let mut found = BTreeSet::new();
    for (file, others) in &reached {
        let back = |other: &&&String| reached.get(**other).is_some_and(|set| set.contains(*file));
        let circle: BTreeSet<&String> = others.iter().filter(back).copied().collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    let line = |circle: BTreeSet<&String>| {
        let inside = |from: &&String| {
            let to = edges[*from].iter().filter(|to| circle.contains(to)).cloned();
            format!("{from} -> {}", to.collect::<Vec<_>>().join(", "))
        };
        circle.iter().map(inside).collect::<Vec<_>>().join("\n  ")
    };
    found.into_iter().map(line).collect()
}

/// All files to which the imports of one lead.
fn reaches<'a>(edges: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(file) = todo.pop() {
        for to in edges.get(file).into_iter().flatten() {
            if seen.insert(to) {
                todo.push(to);
            }
        }
    }
    seen
}

/// A module's path from the root of the crate.
type Module = Vec<String>;

#[derive(Default)]
struct Tree {
    /// Where each module is written.
    files: BTreeMap<Module, PathBuf>,
    /// The items that each module defines.
    items: HashSet<(Module, String)>,
    /// What a module exports again, by its name there; `*` is all of a module.
    exports: BTreeMap<(Module, String), Vec<Module>>,
    /// What a file names, from the root of the crate.
    uses: Vec<(PathBuf, Module)>,
}

impl Tree {
    /// Reads a file and the files of its modules.
    fn read(&mut self, file: &Path, module: &[String]) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        self.files.insert(module.to_vec(), file.to_owned());
        let tokens = tokens(&text);
        let mut parser = Parser { tree: self, file, tokens: &tokens, at: 0, children: Vec::new() };
        parser.items(&mut module.to_vec());
        for (child, test) in parser.children {
            if test {
                continue;
            }
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let dir = file.parent().unwrap();
            let own = matches!(stem, "lib" | "main" | "mod");
            let dir = if own { dir.to_owned() } else { dir.join(stem) };
            let name = child.last().unwrap();
            let flat = dir.join(format!("{name}.rs"));
            let path = if flat.is_file() { flat } else { dir.join(name).join("mod.rs") };
            if path.is_file() {
                self.read(&path, &child);
            }
        }
    }

    /// The file that a path leads to, and the one that defines it, if that is another one. None if that
    /// is outside the crate.
    fn files_of(&self, path: &[String]) -> BTreeSet<&PathBuf> {
        let mut module: Module = Vec::new();
        let mut rest = path;
        while let Some((name, after)) = rest.split_first() {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if !self.files.contains_key(&child) {
                break;
            }
            (module, rest) = (child, after);
        }
        let mut files: BTreeSet<_> = self.files.get(&module).into_iter().collect();
        let Some((name, after)) = rest.split_first() else { return files };
        let exported =
            |name: &str| self.exports.get(&(module.clone(), name.to_owned())).into_iter().flatten();
        if !self.items.contains(&(module.clone(), name.clone())) {
            for target in exported(name).filter(|target| *target != path) {
                files.extend(self.files_of(&[target, after].concat()));
            }
            let defines =
                |target: &&Module| self.items.contains(&((*target).clone(), name.clone()));
            for target in exported("*").filter(defines) {
                files.extend(self.files.get(target));
            }
        }
        files
    }
}

struct Parser<'a> {
    tree: &'a mut Tree,
    file: &'a Path,
    tokens: &'a [String],
    at: usize,
    /// Modules in files of their own, and whether they are tests.
    children: Vec<(Module, bool)>,
}

impl Parser<'_> {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    /// Everything up to the brace that closes this module.
    fn items(&mut self, module: &mut Module) {
        // The names of modules that are declared here lead to them without `self::`.
        let mut declared = BTreeSet::new();
        let mut depth = 0;
        let mut nested = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(self.at) {
            nested += i32::from(token == "{") - i32::from(token == "}");
            if nested < 0 {
                break;
            }
            if nested == 0 && token == "mod" {
                declared.extend(self.tokens.get(at + 1).cloned());
            }
        }
        let (mut exported, mut test) = (false, false);
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "{" => depth += 1,
                "}" if depth == 0 => return,
                "}" => depth -= 1,
                "#" => {
                    let attribute: Vec<_> = (0..8).map(|ahead| self.peek(ahead)).collect();
                    test |= attribute[..5] == ["#", "[", "cfg", "(", "test"]
                        || attribute[..7] == ["#", "[", "cfg", "(", "all", "(", "test"];
                }
                "pub" => {
                    exported = true;
                    if self.peek(1) == "(" {
                        while self.peek(0) != ")" {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    continue;
                }
                "mod" if self.peek(2) == ";" => {
                    module.push(self.peek(1).to_owned());
                    self.children.push((module.clone(), test));
                    module.pop();
                    self.at += 2;
                    test = false;
                }
                "mod" if self.peek(2) == "{" => {
                    module.push(self.peek(1).to_owned());
                    self.at += 3;
                    if test {
                        self.skip();
                    } else {
                        self.tree.files.insert(module.clone(), self.file.to_owned());
                        self.items(module);
                    }
                    module.pop();
                    test = false;
                }
                "use" => {
                    self.at += 1;
                    for (path, name) in self.use_tree(&[]) {
                        let Some(path) = absolute(module, &declared, &path) else { continue };
                        if exported {
                            let place = (module.clone(), name);
                            self.tree.exports.entry(place).or_default().push(path);
                        } else {
                            self.tree.uses.push((self.file.to_owned(), path));
                        }
                    }
                    test = false;
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union"
                    if depth == 0 =>
                {
                    let name = self.peek(1).to_owned();
                    self.tree.items.insert((module.clone(), name));
                    test = false;
                }
                _ if self.peek(1) == "::" && (self.at == 0 || self.tokens[self.at - 1] != "::") => {
                    let mut path = vec![self.peek(0).to_owned()];
                    while self.peek(1) == "::" && is_word(self.peek(2)) {
                        path.push(self.peek(2).to_owned());
                        self.at += 2;
                    }
                    if let Some(path) = absolute(module, &declared, &path) {
                        self.tree.uses.push((self.file.to_owned(), path));
                    }
                }
                _ => {}
            }
            exported = false;
            self.at += 1;
        }
    }

    /// Goes to the brace that closes the one that was just passed.
    fn skip(&mut self) {
        let mut depth = 1;
        while depth > 0 && self.at < self.tokens.len() {
            depth += i32::from(self.peek(0) == "{") - i32::from(self.peek(0) == "}");
            self.at += 1;
        }
        self.at -= 1;
    }

    /// All paths of a `use`, each with the name that it gets.
    fn use_tree(&mut self, before: &[String]) -> Vec<(Module, String)> {
        let mut path = before.to_vec();
        loop {
            match self.peek(0) {
                "{" => {
                    let mut all = Vec::new();
                    while self.peek(0) != "}" {
                        self.at += 1;
                        if self.peek(0) != "}" {
                            all.extend(self.use_tree(&path));
                        }
                    }
                    self.at += 1;
                    return all;
                }
                "*" => {
                    self.at += 1;
                    return vec![(path, "*".to_owned())];
                }
                "::" => self.at += 1,
                word if is_word(word) && word != "as" => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if name == "self" && path.len() > 1 {
            path.pop();
            name = path.last().cloned().unwrap_or_default();
        }
        if self.peek(0) == "as" {
            name = self.peek(1).to_owned();
            self.at += 2;
        }
        vec![(path, name)]
    }
}

/// A path from the root of the crate; none if it leads to another crate.
fn absolute(module: &[String], declared: &BTreeSet<String>, path: &[String]) -> Option<Module> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        name if declared.contains(name) => return Some([module, path].concat()),
        _ => return None,
    };
    for name in path.iter().skip_while(|name| matches!(name.as_str(), "crate" | "self")) {
        if name == "super" {
            base.pop();
        } else {
            base.push(name.clone());
        }
    }
    Some(base)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

/// The words and marks of a source file, without its comments and texts.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if is_word(rest) {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let end = end.unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the text or character that begins here.
fn literal(rest: &str) -> Option<usize> {
    let bare = rest.strip_prefix('b').or_else(|| rest.strip_prefix('c')).unwrap_or(rest);
    let prefix = rest.len() - bare.len();
    if let Some(raw) = bare.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = prefix + 1 + hashes + 1;
            return Some(
                rest[begin..].find(&close).map_or(rest.len(), |end| begin + end + close.len()),
            );
        }
    }
    if bare.starts_with('"') {
        return closed(bare, '"').map(|length| prefix + length);
    }
    // A lifetime has no second quote right behind it.
    let inside = bare.strip_prefix('\'')?;
    let single = inside.chars().nth(1) == Some('\'') || inside.starts_with('\\');
    if single { closed(bare, '\'').map(|length| prefix + length) } else { None }
}

/// How far a text reaches, from its quote to the next one that is not escaped.
fn closed(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(text.len())
}
