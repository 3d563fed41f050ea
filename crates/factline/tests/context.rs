//! The context of a decision, as the rules and their tests see it.

use chrono::TimeDelta;
use factline::avro::{Codec, Error};
use factline::testing::given;
use factline::{
    Aggregate, AggregateType, Context, Deadline, Decision, Messages, RecordSchema, Roles, Sender,
    Timestamp,
};

/// The only message, as a command and as an event.
#[derive(Debug, Clone, PartialEq)]
struct Ask;

impl Messages for Ask {
    const RECORDS: &'static [RecordSchema] = &[];

    fn record(&self) -> &'static str {
        "test.Ask"
    }

    fn encode(&self, _: &Codec) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn decode(_: &str, _: &Codec, _: &[u8]) -> Result<Self, Error> {
        Ok(Self)
    }
}

struct EchoType;

impl AggregateType for EchoType {
    const NAME: &'static str = "test.echo";
    const PARTITIONS: i32 = 1;
    type Command = Ask;
    type Event = Ask;
}

/// Refuses everything, and repeats the context. After an event it has a deadline.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Echo {
    waits: bool,
}

/// Time of the deadline.
fn due() -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(14)
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{actor} asks")]
struct Asked {
    now: Timestamp,
    actor: String,
    roles: Roles,
    sender: Sender,
}

impl factline::Rejection for Asked {
    fn code(&self) -> &'static str {
        "asked"
    }
}

impl Aggregate for Echo {
    type Type = EchoType;
    type Rejection = Asked;

    fn decide(&self, _: Ask, context: &Context) -> Result<Decision<Ask>, Asked> {
        Err(Asked {
            now: context.now(),
            actor: context.actor().to_owned(),
            roles: context.roles().clone(),
            sender: context.sender(),
        })
    }

    fn evolve(self, _: &Ask) -> Self {
        Self { waits: true }
    }

    fn deadline(&self) -> Option<Deadline<Ask>> {
        self.waits.then(|| Deadline::at(due(), Ask))
    }
}

fn anonymous() -> Asked {
    Asked {
        now: Timestamp::UNIX_EPOCH,
        actor: "anonymous".to_owned(),
        roles: Roles::none(),
        sender: Sender::Client,
    }
}

#[test]
fn given_defaults_to_an_anonymous_client() {
    given::<Echo>([]).when(Ask).then_rejected(&anonymous());
}

#[test]
fn given_sets_time_actor_roles_and_sender() {
    let now = Timestamp::UNIX_EPOCH + TimeDelta::days(1);
    let asked = Asked {
        now,
        actor: "eve".to_owned(),
        roles: Roles::of(["clerk", "librarian"]).unwrap(),
        sender: Sender::Policy,
    };
    let given = given::<Echo>([]).at(now).by("eve");
    let given = given.with_role("librarian").with_role("clerk");
    given
        .sent_by(Sender::Policy)
        .when(Ask)
        .then_rejected(&asked);
}

#[test]
fn due_deadline_has_an_actor_and_no_roles() {
    let asked = Asked {
        now: due(),
        actor: "eve".to_owned(),
        sender: Sender::Deadline,
        ..anonymous()
    };
    let given = given::<Echo>([Ask]).by("eve").with_role("clerk");
    given.when_due().then_rejected(&asked);
}

#[test]
#[should_panic(expected = "role \"guest admin\" is empty or has characters")]
fn given_refuses_a_name_that_would_be_two() {
    let _ = given::<Echo>([]).with_role("guest admin");
}
