//! Cursors: the place of a row in a list.
//!
//! A cursor names its list, that is its path, filters and order. The cursor of another list is
//! refused: its keys would be compared with other columns, and rows would be missing.

use factline_http::{Problem, etag, page};

use crate::value::{Kind, Value};

/// Returns the name of a list: equal for the pages of one list.
pub(super) fn list(
    path: &str,
    id: Option<&Value>,
    filters: &[Option<Value>],
    sort: &str,
) -> String {
    let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
    let filters: Vec<_> = filters.iter().map(text).collect();
    let parts = serde_json::json!([path, id.map(ToString::to_string), filters, sort]);
    etag::of(parts.to_string().as_bytes())
        .trim_matches('"')
        .to_owned()
}

/// Returns the cursor of a row, to be serialized.
pub(super) fn of(list: &str, keys: &[Value]) -> (String, Vec<String>) {
    let keys = keys.iter().map(ToString::to_string);
    (list.to_owned(), keys.collect())
}

/// Reads a cursor of this list.
pub(super) fn read(
    text: Option<&str>,
    list: &str,
    kinds: &[Kind],
) -> Result<Option<Vec<Value>>, Problem> {
    let Some((of, keys)) = page::after::<(String, Vec<String>)>(text)? else {
        return Ok(None);
    };
    let values = kinds.iter().zip(&keys).map(|(kind, text)| kind.parse(text));
    match values.collect::<Option<Vec<_>>>() {
        Some(values) if of == list && keys.len() == kinds.len() => Ok(Some(values)),
        _ => Err(page::foreign_cursor()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 2] = [Kind::Numeric, Kind::Text];

    fn keys() -> Vec<Value> {
        vec![Value::Whole(7), Value::Text("ann".to_owned())]
    }

    fn cursor(list: &str, keys: &[Value]) -> String {
        let page = page::Page::cut(vec![(), ()], 1, |()| of(list, keys));
        page.next.unwrap()
    }

    #[test]
    fn cursor_is_read_by_its_own_list() {
        let text = cursor("a", &keys());
        assert_eq!(read(Some(&text), "a", &KINDS), Ok(Some(keys())));
        assert_eq!(read(None, "a", &KINDS), Ok(None));
    }

    #[test]
    fn cursor_of_another_list_is_refused() {
        let others = [cursor("b", &keys()), cursor("a", &keys()[..1])];
        let wrong = cursor("a", &[Value::Text("ann".to_owned()), Value::Whole(7)]);
        let crafted = cursor("a", &[Value::Whole(7), Value::Text("\0".to_owned())]);
        for text in others.into_iter().chain([wrong, crafted]) {
            let problem = read(Some(&text), "a", &KINDS).unwrap_err();
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some("after"));
        }
    }

    #[test]
    fn lists_are_named_by_path_id_filters_and_order() {
        let some = |text: &str| Some(Value::Text(text.to_owned()));
        let names = [
            list("/a", None, &[None, None], "name"),
            list("/b", None, &[None, None], "name"),
            list("/a", some("1").as_ref(), &[None, None], "name"),
            list("/a", None, &[some("1"), None], "name"),
            list("/a", None, &[None, some("1")], "name"),
            list("/a", None, &[None, None], "-name"),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{index}");
        }
        assert_eq!(names[0], list("/a", None, &[None, None], "name"));
    }

    proptest! {
        #[test]
        fn every_cursor_is_read_by_its_list(number in any::<i128>(), text in "[^\0]*", name in any::<String>()) {
            let keys = vec![Value::Whole(number), Value::Text(text)];
            let cursor = cursor(&name, &keys);
            prop_assert_eq!(read(Some(&cursor), &name, &KINDS), Ok(Some(keys)));
        }

        #[test]
        fn crafted_cursor_is_refused_or_has_a_key_of_each_kind(
            list in "[ab]",
            keys in prop::collection::vec("[0-9a-z\0]{0,4}", 0..5),
        ) {
            let page = page::Page::cut(vec![(), ()], 1, |()| (list.clone(), keys.clone()));
            match read(page.next.as_deref(), "a", &KINDS) {
                Ok(read) => {
                    prop_assert_eq!(list, "a");
                    let [Value::Whole(_), Value::Text(_)] = read.as_deref().unwrap() else {
                        panic!("{keys:?}");
                    };
                }
                Err(problem) => prop_assert_eq!(problem.errors().len(), 1),
            }
        }
    }
}
