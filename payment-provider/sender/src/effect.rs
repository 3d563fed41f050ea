//! What is done about a batch of events: the provider is asked for all of them, some payments at a time, and for what concerns
//! one payment in its order.
//!
//! What the provider refuses at once is told to the store, under the event's id as idempotency key: a charge as declined, and
//! should the provider have taken the money nevertheless, the payment gives it back; a refund as refused, and the payment
//! says that money is owed. People hear of both by the log and by `factline_provider_requests_total`.

use std::collections::HashMap;

use factline::Fact;
use factline_client::{Client, Command};
use factline_policy::subscription::{Failure, Unavailable};
use payment_schemas::payment::Event;
use tokio::task::JoinSet;

use crate::provider::{Answer, Provider};
use crate::request::Request;

/// Payments asked about at once.
const TOGETHER: usize = 16;

/// Whom it has to do with.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Who moves money.
    pub provider: Provider,
    /// Who is told of what is refused at once.
    pub store: Client,
}

/// Something that an event wants.
struct Wanted {
    /// The event's place in the batch.
    place: usize,
    /// Its id.
    key: String,
    request: Request,
}

impl Effect {
    /// Asks for everything that these events want. After a failure all are asked for again, which the provider knows
    /// by their keys.
    pub async fn carry_out(&self, facts: &[Fact<Event>]) -> Result<(), Failure> {
        let mut payments = by_payment(facts).into_iter();
        loop {
            let mut asking = JoinSet::new();
            for wanted in payments.by_ref().take(TOGETHER) {
                let effect = self.clone();
                asking.spawn(async move { effect.ask_in_order(wanted).await });
            }
            if asking.is_empty() {
                return Ok(());
            }
            while let Some(asked) = asking.join_next().await {
                asked.map_err(Unavailable::new)??;
            }
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
        let refused = match answer.map_err(Unavailable::new)? {
            Answer::Accepted => return Ok(()),
            Answer::Refused(refused) => refused,
        };
        let (kind, payment_id) = (request.path(), request.payment_id());
        tracing::error!(kind, payment_id, error = %refused, "the provider refuses what a payment wants");
        let (path, body) = request.refused(&refused);
        let command = Command::post(&path, &body).key(&key);
        match self.store.submit(command).await {
            Ok(_) => Ok(()),
            Err(error @ factline_client::Error::Refused { .. }) => Err(poison(place, error)),
            Err(error) => Err(Unavailable::new(error).into()),
        }
    }
}

/// What the events want, a list for each payment: in the order of the events, as are the payments by their first.
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
