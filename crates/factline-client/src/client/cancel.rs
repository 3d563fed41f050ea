//! Requests to cancel an operation.

use std::time::Instant;

use reqwest::StatusCode;

use super::{Client, Kind, header, refused, send_with_retries};
use crate::error::Error;
use crate::operation::Accepted;

impl Client {
    /// Asks for the cancellation of an operation, by the location from its acceptance or by its
    /// address. The request is an operation of its own: it ends as completed if the command is
    /// cancelled or its process has begun to cancel it, and as rejected otherwise. A lost response
    /// is harmless, because all attempts are the same operation.
    ///
    /// # Errors
    ///
    /// - [`Error::Refused`] with the problem `too-late` if the operation has ended.
    /// - [`Error::Unknown`] if `patience` ended before it was certain whether the request was
    ///   accepted.
    pub async fn cancel(&self, location: &str) -> Result<Accepted, Error> {
        let request = format!("DELETE {location}");
        let until = Instant::now() + self.patience;
        let make = || self.http.delete(self.at(location));
        let kind = Kind::Command { key: None };
        let answer = send_with_retries(make, &request, kind, until).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(refused(request, &answer));
        }
        Ok(Accepted {
            operation: header(&request, &answer, "x-operation")?,
            // An aggregate type without routes has no addresses.
            resource: answer.header("x-resource").unwrap_or_default(),
            location: header(&request, &answer, "location")?,
            retry_after: answer.retry_after(),
        })
    }
}
