//! Paths of routes, as declarations write them: `/orders/{id}`.

use crate::misuse::Misuse;

/// Returns the place of a mistake: the method and the path.
pub(crate) fn place(path: &str) -> String {
    format!("GET {path}")
}

/// Returns the names of the parameters.
pub(crate) fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(parameter)
}

/// Returns the path without the names of its parameters. Two paths are the same route if these are
/// equal.
pub(crate) fn shape(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|segment| parameter(segment).map_or(segment, |_| "{}"));
    segments.collect::<Vec<_>>().join("/")
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Checks a path with this number of parameters.
pub(crate) fn check(path: &str, parameters: usize, place: &str) -> Result<(), Misuse> {
    check_form(path, place)?;
    let found = self::parameters(path).count();
    if found == parameters {
        return Ok(());
    }
    let text = match parameters {
        0 => {
            "the path has a parameter, and the list is not read within an item: declare the id of \
              the item with `within`, or remove the parameter"
        }
        _ if found == 0 => "the path has no parameter for the id: write it as `{id}`",
        _ => {
            "the path has more than one parameter, and an item has one id: write the route by hand"
        }
    };
    Err(Misuse::new(place, text))
}

/// Checks the form of a path.
pub(crate) fn check_form(path: &str, place: &str) -> Result<(), Misuse> {
    let is_name = |name: &str| {
        let mut letters = name.chars();
        letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') && !name.is_empty()
    };
    let is_literal = |segment: &str| !segment.is_empty() && !segment.contains(['{', '}']);
    let valid = path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/')
            .all(|segment| parameter(segment).map_or(is_literal(segment), is_name))
    });
    if valid {
        return Ok(());
    }
    let text = "the path is not valid: begin with `/`, end without it, and write a parameter as a \
                whole segment, such as `/orders/{id}`";
    Err(Misuse::new(place, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_the_same_shape_are_one_route() {
        assert_eq!(shape("/books/{id}/loans"), shape("/books/{book}/loans"));
        assert_ne!(shape("/books/{id}"), shape("/books/loans"));
    }

    #[test]
    fn invalid_paths_are_refused() {
        for path in [
            "",
            "books",
            "/books/",
            "//",
            "/books/{id",
            "/books/{}",
            "/b{id}",
            "/{*all}",
        ] {
            assert!(check_form(path, "").is_err(), "{path}");
        }
        for path in ["/books", "/books/{id}", "/books/{book_id}/loans"] {
            assert_eq!(check_form(path, ""), Ok(()), "{path}");
        }
    }
}
