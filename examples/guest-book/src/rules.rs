//! The rules: a guest signs, and may sign again with another text.

use factline::{Aggregate, Context, Decision};
pub use guest::{Command, Event};

include!(concat!(env!("OUT_DIR"), "/records.rs"));

/// The guest's last text.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Guest(Option<String>);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a guest has to say something")]
pub struct Speechless;

impl factline::Rejection for Speechless {
    fn code(&self) -> &'static str {
        "speechless"
    }
}

impl Aggregate for Guest {
    type Type = guest::Type;
    type Rejection = Speechless;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Speechless> {
        let Command::Sign(Sign { words }) = command;
        match &self.0 {
            _ if words.trim().is_empty() => Err(Speechless),
            Some(said) if *said == words => Ok(Decision::nothing()),
            _ => Ok(Decision::event(Signed { words })),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let Event::Signed(signed) = event;
        Self(Some(signed.words.clone()))
    }
}

#[test]
fn guest_signs_only_a_new_text() {
    let words = |words: &str| words.to_owned();
    let sign = |said| Sign { words: words(said) };
    let signed = |said| Event::from(Signed { words: words(said) });
    let given = || factline::testing::given::<Guest>([signed("hello")]);
    given().when(sign("goodbye")).then([signed("goodbye")]);
    given().when(sign("hello")).then_nothing();
    given().when(sign(" ")).then_rejected(&Speechless);
}
