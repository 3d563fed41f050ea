//! What is done about a batch of events: the provider is asked for all of them, some at a time.
//!
//! A charge that the provider refuses at once is told to the store as declined, under the event's id as idempotency key:
//! should the provider have taken the money nevertheless, the payment gives it back. Nobody can be told of a refund
//! that is refused: money is owed, so its partition stops there, loudly, until people have seen to it.

use factline::Fact;
use factline_client::{Client, Command};
use factline_kafka::reaction::{Failure, Unavailable};
use payment_schemas::payment::Event;
use serde_json::json;
use tokio::task::JoinSet;

use crate::provider::{Answer, Provider, Refused};
use crate::request::Request;

/// Requests under way at once.
const TOGETHER: usize = 16;

/// Whom it has to do with.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Who moves money.
    pub provider: Provider,
    /// Who is told of charges that are refused at once.
    pub store: Client,
}

impl Effect {
    /// Asks for everything that these events want. After a failure all are asked for again, which the provider knows
    /// by their keys.
    pub async fn carry_out(&self, facts: &[Fact<Event>]) -> Result<(), Failure> {
        let mut wanted = facts.iter().enumerate().filter_map(|(place, fact)| {
            let request = Request::of(fact.event()?)?;
            Some((place, fact.envelope.id.to_string(), request))
        });
        loop {
            let mut asking = JoinSet::new();
            for (place, key, request) in wanted.by_ref().take(TOGETHER) {
                let effect = self.clone();
                asking.spawn(async move { effect.ask(place, &key, &request).await });
            }
            if asking.is_empty() {
                return Ok(());
            }
            while let Some(asked) = asking.join_next().await {
                asked.map_err(Unavailable::new)??;
            }
        }
    }

    async fn ask(&self, place: usize, key: &str, request: &Request) -> Result<(), Failure> {
        let answer = self.provider.ask(key, request).await;
        let refused = match answer.map_err(Unavailable::new)? {
            Answer::Accepted => return Ok(()),
            Answer::Refused(refused) => refused,
        };
        match request {
            Request::Charge { payment_id, .. } => {
                self.decline(place, key, payment_id, refused).await
            }
            Request::Refund { payment_id, .. } => {
                tracing::error!(payment_id, error = %refused, "the provider refuses a refund");
                Err(poison(place, refused))
            }
        }
    }

    /// Tells the store that no money will be taken.
    async fn decline(
        &self,
        place: usize,
        key: &str,
        payment_id: &str,
        refused: Refused,
    ) -> Result<(), Failure> {
        tracing::error!(payment_id, error = %refused, "the provider refuses a charge");
        let path = format!("/payments/{payment_id}/declined");
        let body = json!({"code": refused.code});
        match self
            .store
            .submit(Command::post(&path, &body).key(key))
            .await
        {
            Ok(_) => Ok(()),
            Err(error @ factline_client::Error::Refused { .. }) => Err(poison(place, error)),
            Err(error) => Err(Unavailable::new(error).into()),
        }
    }
}

fn poison(fact: usize, cause: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let cause = Box::new(cause);
    Failure::Poison { fact, cause }
}
