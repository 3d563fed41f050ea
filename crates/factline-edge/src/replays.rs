//! The keyed requests that this process has accepted: a repetition gets the same answer without
//! another record, and another body under the same key gets 422.
//!
//! This is a shortcut and not a guarantee. The process forgets, and another instance does not know.
//! Then the command is appended once more, and the aggregate's handler recognizes it: as the same
//! operation, or as `rejected` with the code `idempotency_key_reused`.

use axum::http::StatusCode;
use factline_http::Problem;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::idempotency::{HEADER, Keyed};

/// Number of requests that are remembered. Each takes about 300 bytes.
const REMEMBERED: usize = 20_000;

/// The accepted requests by their scope.
pub(crate) struct Replays(Cache<String, Remembered>);

#[derive(Debug, Clone)]
struct Remembered {
    fingerprint: String,
    operation: Uuid,
    place: String,
}

impl Replays {
    pub(crate) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    /// Remembers a request whose command is in the log, at this place.
    pub(crate) fn accepted(&self, keyed: Keyed, place: &str) {
        let operation = keyed.operation();
        let remembered = Remembered {
            fingerprint: keyed.fingerprint,
            operation,
            place: place.to_owned(),
        };
        self.0.insert(keyed.scope, remembered);
    }

    /// Returns the place of the command if this is a repetition, and none if the key is not known.
    ///
    /// # Errors
    ///
    /// If the key was used for another request.
    pub(crate) fn place(&self, keyed: &Keyed) -> Result<Option<String>, Problem> {
        match self.0.get(&keyed.scope) {
            None => Ok(None),
            Some(known) if known.fingerprint == keyed.fingerprint => Ok(Some(known.place)),
            Some(known) => {
                let operation = format!("operations/{}", known.operation);
                Err(key_reused().member("operation", operation.as_str()))
            }
        }
    }
}

/// Creates the 422 of a key that was used for another request.
pub(crate) fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The idempotency key was used for another request",
    )
    .parameter(HEADER, "belongs to a request with another body")
    .member("outcome", factline_http::accepted::NOT_ACCEPTED)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn keyed(scope: &str, name: &str) -> Keyed {
        let body = Map::from_iter([("name".to_owned(), json!(name))]);
        Keyed::new(scope.to_owned(), &body)
    }

    #[test]
    fn repetition_is_known_and_another_body_is_refused() {
        let replays = Replays::new();
        assert_eq!(replays.place(&keyed("s", "Ada")), Ok(None));
        replays.accepted(keyed("s", "Ada"), "x.commands/1@7");
        let place = Some("x.commands/1@7".to_owned());
        assert_eq!(replays.place(&keyed("s", "Ada")), Ok(place));
        assert_eq!(replays.place(&keyed("t", "Eve")), Ok(None));
        let refused = replays.place(&keyed("s", "Eve")).unwrap_err();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let operation = format!("operations/{}", keyed("s", "Ada").operation());
        assert_eq!(refused.to_json()["operation"], operation);
    }
}
