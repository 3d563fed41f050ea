//! Query parameters. An invalid parameter is refused by its name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use factline_http::problem::FieldError;
use factline_http::{Problem, Query};

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
