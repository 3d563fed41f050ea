//! Query parameters. An invalid parameter is refused by its name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use factline_http::problem::FieldError;
use factline_http::{Problem, Query};

/// Maximum number of errors in a response. A query has room for thousands of parameters.
const MAX_ERRORS: usize = 16;

/// The parameters of a request, as the client sent them.
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::from_request_parts(parts, state).await?;
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// Returns the values of the known parameters. Unknown parameters are refused, so that a
    /// misspelt filter is not ignored. Duplicate parameters are refused, because it is unclear
    /// which value counts.
    pub fn read<const N: usize>(self, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
        let values = self.named(&known)?;
        Ok(values.try_into().unwrap_or([const { None }; N]))
    }

    /// Returns the values of the known parameters, one for each.
    pub(crate) fn named(self, known: &[&str]) -> Result<Vec<Option<String>>, Problem> {
        let mut values = vec![None; known.len()];
        let mut problem = Problem::invalid_request();
        for (name, value) in self.0 {
            problem = match known.iter().position(|known| *known == name) {
                None => {
                    let hint = format!("is not a known parameter; known are {}", known.join(", "));
                    problem.parameter(name, hint)
                }
                Some(place) if values[place].is_some() => {
                    problem.parameter(name, "is given more than once")
                }
                Some(place) => {
                    values[place] = Some(value);
                    continue;
                }
            };
            if problem.errors().len() == MAX_ERRORS {
                break;
            }
        }
        if problem.errors().is_empty() {
            Ok(values)
        } else {
            Err(problem)
        }
    }
}

/// Refuses a request that has any parameter.
pub fn none(parameters: Parameters) -> Result<(), Problem> {
    match parameters.0.into_iter().next() {
        None => Ok(()),
        Some((name, _)) => {
            Err(Problem::invalid_request()
                .parameter(name, "is not a known parameter; none are known"))
        }
    }
}

/// Returns the error of a parameter.
pub(crate) fn refused(name: &str, detail: String) -> FieldError {
    FieldError {
        pointer: None,
        parameter: Some(name.to_owned()),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    /// Reads the parameters of a query.
    fn read(query: &str) -> Result<[Option<String>; 2], Problem> {
        let request = Request::get(format!("/list?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let parameters = Parameters::from_request_parts(&mut parts, &());
        // No await in it is ever pending.
        let mut parameters = std::pin::pin!(parameters);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match parameters.as_mut().poll(&mut context) {
            std::task::Poll::Ready(parameters) => parameters?.read(["name", "count"]),
            std::task::Poll::Pending => panic!("pending"),
        }
    }

    #[test]
    fn errors_are_limited() {
        let problem = read(&"a&".repeat(10_000)).unwrap_err();
        assert_eq!(problem.errors().len(), MAX_ERRORS);
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "([a-z%&=+0-9;]|name=|count=|%C3|%00){0,60}") {
            if let Err(problem) = read(&query) {
                prop_assert_eq!(problem.status().as_u16(), 400);
                prop_assert!(problem.errors().len() <= MAX_ERRORS);
            }
        }
    }
}
