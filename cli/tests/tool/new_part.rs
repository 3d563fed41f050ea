//! `factline new` refuses with one sentence, and writes nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the tool in a folder, where it must refuse, and returns the sentence.
fn refused(folder: &Path, arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_factline"))
        .args(["new"].into_iter().chain(arguments.split(' ')))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn invalid_names_and_existing_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, sentence) in [
        ("project Shop", "use lower-case words"),
        ("project ../shop", "use lower-case words"),
        ("project match", "the word is reserved"),
        ("project serde", "depends on a crate of this name"),
        ("project factline-shop", "depends on a crate of this name"),
        ("project shop --aggregate records", "the word is reserved"),
        (
            "aggregate parcel",
            "is not a project of `factline new project`",
        ),
        ("context billing", "no crate for each context"),
    ] {
        let text = refused(folder.path(), arguments);
        assert!(text.contains(sentence), "{arguments}: {text}");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "{arguments} writes nothing");
    }
    fs::create_dir(folder.path().join("shop")).unwrap();
    let text = refused(folder.path(), "project shop");
    assert_eq!(text, "factline: shop already exists\n");
}

#[test]
fn parts_of_one_crate_are_refused_in_a_project_with_several() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for arguments in [
        "aggregate parcel",
        "command Rename --of product --event Renamed",
        "view histories --of product",
        "resource histories",
        "policy dispatch --on ProductCreated --send PlaceOrder",
        "process delivery --send PlaceOrder",
    ] {
        let text = refused(project, arguments);
        let sentence = "has a crate for each context, and this command adds to a project with one";
        assert!(text.contains(sentence), "{arguments}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
