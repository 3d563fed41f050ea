//! The map in ARCHITECTURE.md against the folders, and the files of each crate against import
//! cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{files, root};

/// Folders that are not part of the map.
const NOT_MAPPED: &[&str] = &["command-handlers/src", "projectors/src", "projectors/tests"];

/// The tracked folders, without those that are hidden.
fn folders(depth: usize) -> BTreeSet<String> {
    let listed = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .expect("git lists files");
    let listed = String::from_utf8(listed.stdout).expect("paths are text");
    listed
        .lines()
        .filter_map(|file| {
            let parts: Vec<&str> = file.split('/').collect();
            (parts.len() > depth && !file.starts_with('.')).then(|| parts[..depth].join("/"))
        })
        .collect()
}

#[test]
fn architecture_map_matches_the_folders() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let places: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| {
            let first = line.split(" | ").next().unwrap_or_default();
            let named = first.split('`').skip(1).step_by(2);
            named.map(|place| place.trim_end_matches('/').to_owned())
        })
        .filter(|place| !place.contains("src/"))
        .collect();
    let top = folders(1);
    let crates: BTreeSet<String> = folders(2)
        .into_iter()
        .filter(|folder| folder.starts_with("crates/") || folder.starts_with("tests/"))
        .collect();
    let unnamed: Vec<&String> = top
        .iter()
        .filter(|folder| {
            let below = format!("{folder}/");
            !places
                .iter()
                .any(|place| place == *folder || place.starts_with(&below))
        })
        .chain(crates.iter().filter(|folder| !places.contains(*folder)))
        .filter(|folder| !NOT_MAPPED.contains(&folder.as_str()))
        .collect();
    assert!(
        unnamed.is_empty(),
        "ARCHITECTURE.md does not name {unnamed:?}"
    );
    let missing: Vec<&String> = places
        .iter()
        .filter(|place| !place.contains('<') && !root().join(place).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names {missing:?}, which do not exist"
    );
}

/// Returns the module of a file below `src`, as a path of names; none for programs.
fn module(file: &Path) -> Option<Vec<String>> {
    let inside: Vec<String> = file
        .iter()
        .skip_while(|part| *part != "src")
        .skip(1)
        .map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    match inside.as_slice() {
        [only] if only == "main" => None,
        [only] if only == "lib" => Some(Vec::new()),
        _ => Some(inside),
    }
}

/// Expands the tree of a `use` to one path for each name in braces.
fn paths(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        found.push(format!("{prefix}{name}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths(&inner[from..at], &prefix, found);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !inner[from..].trim().is_empty() {
        paths(&inner[from..], &prefix, found);
    }
}

/// Returns the files of its own crate that a file imports from. A file and the folder of its
/// children depend on each other only where one names the other.
fn imports(file: &Path, text: &str, modules: &BTreeMap<Vec<String>, PathBuf>) -> BTreeSet<PathBuf> {
    let own = module(file).expect("programs are left out");
    let production = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for statement in production.split("\nuse ").skip(1) {
        let tree = statement.split(';').next().unwrap_or_default();
        paths(&tree.replace('\n', " "), "", &mut found);
    }
    let targets = found.iter().filter_map(|path| {
        let mut parts: Vec<String> = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        let base = match parts.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("super") => {
                let mut base = own.clone();
                while parts.get(1).is_some_and(|part| part == "super") {
                    parts.remove(1);
                    base.pop();
                }
                base.pop();
                base
            }
            _ => return None,
        };
        let mut whole: Vec<String> = base.into_iter().chain(parts.into_iter().skip(1)).collect();
        while !whole.is_empty() {
            if let Some(file) = modules.get(&whole) {
                return Some(file.clone());
            }
            whole.pop();
        }
        None
    });
    targets.filter(|target| target != file).collect()
}

/// Returns a cycle of imports through a file.
fn cycle(imports: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Option<Vec<PathBuf>> {
    fn visit(
        file: &PathBuf,
        imports: &BTreeMap<PathBuf, BTreeSet<PathBuf>>,
        way: &mut Vec<PathBuf>,
        done: &mut BTreeSet<PathBuf>,
    ) -> Option<Vec<PathBuf>> {
        if let Some(begin) = way.iter().position(|known| known == file) {
            return Some(way[begin..].to_vec());
        }
        if !done.contains(file) {
            way.push(file.clone());
            for next in imports.get(file).into_iter().flatten() {
                if let Some(cycle) = visit(next, imports, way, done) {
                    return Some(cycle);
                }
            }
            way.pop();
            done.insert(file.clone());
        }
        None
    }
    let mut done = BTreeSet::new();
    imports
        .keys()
        .find_map(|file| visit(file, imports, &mut Vec::new(), &mut done))
}

#[test]
fn crates_have_no_import_cycles() {
    let mut crates: BTreeMap<PathBuf, BTreeMap<PathBuf, String>> = BTreeMap::new();
    for (file, text) in files("rs") {
        let Some(root) = file.ancestors().find(|above| above.ends_with("src")) else {
            continue;
        };
        if module(&file).is_some() {
            crates
                .entry(root.to_owned())
                .or_default()
                .insert(file, text);
        }
    }
    let mut wrong = Vec::new();
    for files in crates.values() {
        let modules: BTreeMap<Vec<String>, PathBuf> = files
            .keys()
            .filter_map(|file| Some((module(file)?, file.clone())))
            .collect();
        let imports = files
            .iter()
            .map(|(file, text)| (file.clone(), imports(file, text, &modules)))
            .collect();
        wrong.extend(cycle(&imports));
    }
    assert!(wrong.is_empty(), "import cycles: {wrong:#?}");
}

#[test]
fn import_cycle_is_found_through_braces_and_parents() {
    let texts = [
        ("src/lib.rs", "mod a;\n"),
        ("src/a.rs", "//!\n\nuse crate::b::{\n    Thing, self};\n"),
        (
            "src/b.rs",
            "//!\n\nuse std::fmt;\nuse super::c::deep::Other;\n",
        ),
        ("src/c.rs", "//!\n"),
        ("src/c/deep.rs", "//!\n\nuse super::super::a::X;\n"),
    ];
    let files: BTreeMap<PathBuf, &str> = texts
        .iter()
        .map(|(file, text)| (PathBuf::from(file), *text))
        .collect();
    let modules = files
        .keys()
        .filter_map(|file| Some((module(file)?, file.clone())))
        .collect();
    let imports = files
        .iter()
        .map(|(file, text)| (file.clone(), imports(file, text, &modules)))
        .collect();
    let found = cycle(&imports).expect("there is one");
    assert_eq!(found.len(), 3, "{found:?}");
}

/// The workspace's packages, each with the names of what its production code depends on.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for text in files("toml").into_values() {
        let (mut section, mut name, mut needed) = ("", String::new(), BTreeSet::new());
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if let ("[package]", Some(value)) = (section, line.strip_prefix("name = ")) {
                value.trim_matches('"').clone_into(&mut name);
            } else if section == "[dependencies]" && !line.starts_with('#') {
                let end = line.find([' ', '.', '=']).unwrap_or_default();
                needed.insert(line[..end].to_owned());
            }
        }
        found.insert(name, needed);
    }
    found
}

#[test]
fn edits_of_the_handler_rebuild_no_other_side() {
    let dependencies = dependencies();
    for process in [
        "projectors",
        "operations-tracker",
        "command-api",
        "read-api",
        "gateway",
    ] {
        assert!(dependencies.contains_key(process), "{process} is a package");
        let (mut reached, mut next) = (BTreeSet::new(), vec![process]);
        while let Some(package) = next.pop() {
            if reached.insert(package) {
                next.extend(
                    dependencies
                        .get(package)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        for side in ["factline-handler", "factline-policy"] {
            assert!(dependencies.contains_key(side), "{side} is a package");
            assert!(!reached.contains(side), "{process} depends on {side}");
        }
    }
}
