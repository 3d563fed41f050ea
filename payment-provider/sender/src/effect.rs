//! Handles a batch of events: sends the provider a request for each, with several payments in
//! parallel and the events of one payment in order.
//!
//! If the provider refuses a request at once, the sender reports that to the store, with the
//! event's id as idempotency key. A refused charge is reported as declined; if the provider takes
//! the money nevertheless, the payment refunds it. A refused refund is reported as refused, and the
//! payment then records that money is owed. Operators learn of both from the log and from
//! `factline_provider_requests_total`.

use std::collections::HashMap;
use std::sync::Arc;

use factline::Fact;
use factline_client::{Client, Command};
use factline_policy::subscription::{Failure, Unavailable};
use payment_schemas::payment::Event;
use tokio::task::JoinSet;

use crate::circuit::Circuit;
use crate::provider::{self, Answer, Provider};
use crate::request::Request;

/// Number of rounds without an answer after which the provider counts as unavailable, and the rest
/// of a batch is not tried. The first payment of a batch may fail for itself.
const MAX_UNANSWERED: usize = 3;

/// Maximum number of payments in parallel.
const TOGETHER: usize = 16;

/// The clients that the handler needs.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The payment provider.
    pub provider: Provider,
    /// The store, which receives immediate refusals.
    pub store: Client,
    /// The circuit to the provider.
    pub circuit: Arc<Circuit>,
}

/// The provider fails for one payment only.
#[derive(Debug, thiserror::Error)]
#[error("the provider repeatedly fails for this payment, and not for others")]
struct FailsForOne(#[source] provider::Unavailable);

/// A request that an event requires.
struct Wanted {
    /// The event's index in the batch.
    place: usize,
    /// Its id.
    key: String,
    request: Request,
}

impl Effect {
    /// Sends the requests of these events, several payments at a time. After a failure all are
    /// sent again; the provider recognizes them by their keys. A payment that fails does not keep
    /// those of its round from being requested.
    pub async fn carry_out(&self, facts: &[Fact<Event>]) -> Result<(), Failure> {
        let mut payments = by_payment(facts);
        if !payments.is_empty() {
            let first = self.circuit.unanswered() % payments.len();
            payments.rotate_left(first);
        }
        let mut payments = payments.into_iter();
        let (mut failures, mut unanswered) = (Vec::new(), 0);
        while unanswered < MAX_UNANSWERED {
            let mut asking = JoinSet::new();
            for wanted in payments.by_ref().take(self.circuit.together(TOGETHER)) {
                let effect = self.clone();
                asking.spawn(async move { effect.ask_in_order(wanted).await });
            }
            if asking.is_empty() {
                break;
            }
            let (count, before) = (asking.len(), failures.len());
            while let Some(asked) = asking.join_next().await {
                failures.extend(asked.map_err(Unavailable::new)?.err());
            }
            if failures.len() - before == count {
                self.circuit.all_failed();
                unanswered += 1;
            }
        }
        // A payment to be parked comes first: then the rest of the batch is tried without it.
        let parked = |failure: &Failure| matches!(failure, Failure::Poison { .. });
        let first = failures.iter().position(parked).unwrap_or_default();
        match failures.into_iter().nth(first) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    async fn ask_in_order(&self, wanted: Vec<Wanted>) -> Result<(), Failure> {
        for wanted in wanted {
            self.ask(wanted).await?;
        }
        Ok(())
    }

    async fn ask(&self, wanted: Wanted) -> Result<(), Failure> {
        let Wanted {
            place,
            key,
            request,
        } = wanted;
        let answer = self.provider.ask(&key, &request).await;
        let refused = match answer {
            Ok(answer) => {
                self.circuit.answered(&key);
                match answer {
                    Answer::Accepted => return Ok(()),
                    Answer::Refused(refused) => refused,
                }
            }
            Err(error) if self.circuit.failed(&key) => {
                return Err(poison(place, FailsForOne(error)));
            }
            Err(error) => return Err(Unavailable::new(error).into()),
        };
        let (kind, payment_id) = (request.path(), request.payment_id());
        tracing::error!(kind, payment_id, error = %refused, "provider refused a request");
        let (path, body) = request.refused(&refused);
        let command = Command::post(&path, &body).key(&key);
        match self.store.submit(command).await {
            Ok(_) => Ok(()),
            Err(error @ factline_client::Error::Refused { .. }) => Err(poison(place, error)),
            Err(error) => Err(Unavailable::new(error).into()),
        }
    }
}

/// Returns the requests of the events, a list for each payment. Requests are in the order of the
/// events, and payments in the order of their first events.
fn by_payment(facts: &[Fact<Event>]) -> Vec<Vec<Wanted>> {
    let mut payments: Vec<Vec<Wanted>> = Vec::new();
    let mut known = HashMap::new();
    for (place, fact) in facts.iter().enumerate() {
        let Some(request) = fact.event().and_then(Request::of) else {
            continue;
        };
        let payment = *known
            .entry(request.payment_id().to_owned())
            .or_insert_with(|| {
                payments.push(Vec::new());
                payments.len() - 1
            });
        payments[payment].push(Wanted {
            place,
            key: fact.envelope.id.to_string(),
            request,
        });
    }
    payments
}

fn poison(fact: usize, cause: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let cause = Box::new(cause);
    Failure::Poison { fact, cause }
}
