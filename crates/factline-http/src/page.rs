//! Keyset pagination: a cursor names the last row seen, so that pages neither skip nor repeat rows
//! while rows are added.
//!
//! ```
//! use factline_http::page;
//!
//! let limit = page::limit(Some("2"), 20, 100).unwrap();
//! // The query asks for limit + 1 rows: the extra row only shows that there is a next page.
//! let page = page::Page::cut(vec![1, 2, 3], limit, |row| *row);
//! assert_eq!(page.items, [1, 2]);
//! let after: Option<i32> = page::after(page.next.as_deref()).unwrap();
//! assert_eq!(after, Some(2));
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The value of `after` for the next page; `None` (JSON `null`) on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the rows of a query for `limit + 1` rows to a page; `cursor` is the sort key of a row.
    pub fn cut<C: Serialize>(mut rows: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| encode(&cursor(last)));
        Self { items: rows, next }
    }

    /// Converts each row of the page.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            next: self.next,
        }
    }
}

/// Reads the parameter `limit`: rows per page, from 1 to `most`. A larger number is refused, not
/// reduced: a client that asks for 500 and gets 100 would take those for all rows.
pub fn limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = text else {
        return Ok(default);
    };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::invalid_request()
            .parameter("limit", format!("must be a whole number from 1 to {most}"))),
    }
}

/// Reads the parameter `after`: the cursor from [`Page::next`] of an earlier page.
pub fn after<C: DeserializeOwned>(text: Option<&str>) -> Result<Option<C>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .map(Some)
        .ok_or_else(foreign_cursor)
}

/// Creates the 400 of a cursor that is not from this list.
pub fn foreign_cursor() -> Problem {
    Problem::invalid_request().parameter(
        "after",
        "must be the value of `next` from a page of the same list",
    )
}

/// Encodes a cursor as opaque text. A key that is not valid JSON does not occur in rows; it gives a
/// cursor that is refused.
fn encode(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn last_page_has_no_next() {
        assert_eq!(Page::cut(vec![1, 2], 2, |row| *row).next, None);
        assert_eq!(Page::cut(Vec::<i32>::new(), 2, |row| *row).next, None);
    }

    #[test]
    fn cursor_of_several_columns_roundtrips() {
        let page = Page::cut(vec![(7, "a"), (6, "b")], 1, |row| *row);
        let key: Option<(i64, String)> = after(page.next.as_deref()).unwrap();
        assert_eq!(key, Some((7, "a".to_owned())));
    }

    #[test]
    fn bad_parameter_is_named_in_the_problem() {
        for text in ["0", "101", "-1", "ten", ""] {
            let problem = limit(Some(text), 20, 100).unwrap_err();
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some("limit"));
        }
        for text in ["", "*", "bm9uc2Vuc2U"] {
            let problem = after::<(i64, String)>(Some(text)).unwrap_err();
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some("after"));
        }
        assert_eq!(limit(None, 20, 100), Ok(20));
    }

    proptest! {
        #[test]
        fn every_cursor_roundtrips(list in any::<String>(), keys in any::<Vec<String>>()) {
            let page = Page::cut(vec![0, 1], 1, |_| (list.clone(), keys.clone()));
            let read: Option<(String, Vec<String>)> = after(page.next.as_deref()).unwrap();
            prop_assert_eq!(read, Some((list, keys)));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in prop_oneof![
            any::<String>(),
            any::<Vec<u8>>().prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
            // Brackets that a parser could follow too deep.
            (0..20_000_usize).prop_map(|depth| URL_SAFE_NO_PAD.encode("[".repeat(depth))),
        ]) {
            if let Err(problem) = after::<(String, Vec<String>)>(Some(&text)) {
                prop_assert_eq!(problem.errors()[0].parameter.as_deref(), Some("after"));
            }
        }

        #[test]
        fn any_limit_is_within_its_range_or_refused(text in any::<String>(), number in any::<i64>()) {
            for text in [text, number.to_string()] {
                if let Ok(limit) = limit(Some(&text), 20, 100) {
                    prop_assert!((1..=100).contains(&limit));
                }
            }
        }
    }
}
