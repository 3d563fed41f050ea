//! Extractors that reject with a problem document.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The query's parameters. Give the target `#[serde(deny_unknown_fields)]`, so that a misspelt
/// filter is refused and not ignored.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        no_nul(parts.uri.query().unwrap_or_default(), "query")?;
        AxumQuery::try_from_uri(&parts.uri)
            .map(|AxumQuery(query)| Self(query))
            .map_err(|error| {
                let cause = std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string);
                Problem::invalid_request().detail(format!("query: {cause}"))
            })
    }
}

/// The path's parameters.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        no_nul(parts.uri.path(), "path")?;
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(path)) => Ok(Self(path)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Problem::invalid_request().detail(format!("path: {}", error.body_text())))
            }
            Err(error) => Err(Problem::internal(&error)),
        }
    }
}

/// Refuses an escaped NUL. It is legal in a URI, but no text in the database contains one, so no
/// resource can have such a name.
fn no_nul(escaped: &str, place: &str) -> Result<(), Problem> {
    if escaped.contains("%00") {
        return Err(Problem::invalid_request().detail(format!("{place}: contains a NUL character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        name: String,
        count: Option<u8>,
    }

    async fn query(uri: &str) -> Result<Filter, Problem> {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let Query(filter) = Query::from_request_parts(&mut parts, &()).await?;
        Ok(filter)
    }

    #[tokio::test]
    async fn bad_parameter_is_named_in_the_problem() {
        let filter = query("/list?name=%C3%A9&count=2").await.unwrap();
        assert_eq!((filter.name.as_str(), filter.count), ("é", Some(2)));
        for (uri, name) in [
            ("/list?name=a&count=two", "count"),
            ("/list?name=a&colour=red", "colour"),
            ("/list", "name"),
        ] {
            let problem = query(uri).await.unwrap_err();
            assert_eq!(problem.status().as_u16(), 400);
            let detail = problem.to_json()["detail"].to_string();
            assert!(detail.contains(name), "{detail}");
        }
    }
}
