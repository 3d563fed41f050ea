//! A store in memory. It has the rules of checkout, ordering and payment, and the policies between
//! them. Its provider is unreliable. Its log delivers in any order, twice, or as a dead letter. It
//! is stricter than the real log: it remembers no command ids, so a command that arrives twice is
//! decided twice.

use std::collections::BTreeMap;

use checkout_schemas::checkout as of_checkout;
use factline::aggregate::Workflow;
use factline::avro::Codec;
use factline::outcome::State;
use factline::testing::{ended, happened, react};
use factline::{
    Aggregate, AggregateType as _, CommandOf, Conclusion, Context, Emit, EventOf, Fact, Messages,
    Policy, Rejection as _, Timestamp,
};
use ordering_schemas::order as of_order;
use payment::{Payment, Refund};
use payment_schemas::payment as of_payment;
use payment_schemas::{
    RecordPaymentCaptured, RecordPaymentDeclined, RecordPaymentRefundRefused, RecordPaymentRefunded,
};
use policies::checkout::{Checkouts, Orders, Payments};

/// A source of chance, as a list of numbers. When it is used up, every further step succeeds.
pub(crate) struct Dice(pub(crate) Vec<u16>);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0.pop().map_or(0, |number| usize::from(number) % sides)
    }
}

/// A command of any context.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Checkout(of_checkout::Command),
    Order(of_order::Command),
    Payment(of_payment::Command),
}

/// A command that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) subject: String,
    pub(crate) process: Option<(String, String)>,
    pub(crate) command: Command,
}

/// A message that is not delivered yet.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Command(Asked),
    Checkout(Fact<of_checkout::Event>),
    Order(Fact<of_order::Event>),
    Payment(Fact<of_payment::Event>),
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) under_way: Vec<Message>,
    pub(crate) dead_letters: Vec<Asked>,
    pub(crate) checkouts: BTreeMap<String, checkout::Checkout>,
    pub(crate) orders: BTreeMap<String, ordering::Order>,
    pub(crate) payments: BTreeMap<String, Payment>,
    /// Workflows that began, and their conclusions.
    pub(crate) begun: BTreeMap<String, usize>,
    pub(crate) ends: BTreeMap<String, Vec<Conclusion>>,
    /// Money in minor units: the amount that the provider keeps, and the amount of the confirmed
    /// orders.
    pub(crate) kept: i64,
    pub(crate) confirmed: i64,
    now: Timestamp,
    codecs: BTreeMap<String, Codec>,
    /// The commands that each checkout sent to others, the first one first.
    pub(crate) sent: BTreeMap<String, Vec<String>>,
}

impl Store {
    pub(crate) fn ask(&mut self, subject: String, command: Command) {
        self.under_way.push(Message::Command(Asked {
            subject,
            process: None,
            command,
        }));
    }

    /// Returns the money that should be refunded and that the provider keeps.
    pub(crate) fn owed(&self) -> i64 {
        let charges = self.payments.values().flat_map(|payment| match payment {
            Payment::Unrequested | Payment::Requested { .. } => &[][..],
            Payment::Captured { charges, .. }
            | Payment::Declined { charges, .. }
            | Payment::Voided { charges, .. } => charges,
        });
        let owed = charges.filter(|charge| charge.refund == Refund::Refused);
        owed.map(|charge| charge.amount.amount).sum()
    }

    pub(crate) fn deliver(&mut self, message: Message, dice: &mut Dice) {
        match message {
            Message::Command(asked) => self.handle(&asked),
            Message::Checkout(fact) => self.react::<Checkouts>(&fact),
            Message::Order(fact) => self.react::<Orders>(&fact),
            Message::Payment(fact) => {
                self.react::<Payments>(&fact);
                self.provider(&fact, dice);
            }
        }
    }

    /// Fails a command as one that cannot be handled, and keeps it as a dead letter.
    pub(crate) fn fail(&mut self, asked: Asked) {
        let name = match &asked.command {
            Command::Checkout(command) => command.record(),
            Command::Order(command) => command.record(),
            Command::Payment(command) => command.record(),
        };
        self.end(&asked, name, State::Failed, Some("failed"));
        self.dead_letters.push(asked);
    }

    /// Lets the deadline of a checkout come due.
    pub(crate) fn expire(&mut self, id: &str) {
        let Some(due) = self.checkouts[id].deadline() else {
            return;
        };
        self.now = self.now.max(due.due);
        self.handle(&Asked {
            subject: id.to_owned(),
            process: None,
            command: Command::Checkout(due.command),
        });
    }

    fn handle(&mut self, asked: &Asked) {
        let (subject, now) = (asked.subject.clone(), self.now);
        match asked.command.clone() {
            Command::Checkout(command) => {
                let name = command.record();
                let decided = decide(&mut self.checkouts, &subject, command, now);
                self.workflow(&subject, decided.workflow);
                for event in decided.events {
                    let fact = of(asked, happened(&subject, event));
                    self.under_way.push(Message::Checkout(fact));
                }
                self.end(asked, name, decided.state, decided.code);
            }
            Command::Order(command) => {
                let name = command.record();
                let decided = decide(&mut self.orders, &subject, command, now);
                for event in decided.events {
                    if let of_order::Event::OrderConfirmed(event) = &event {
                        self.confirmed += event.total.amount;
                    }
                    let fact = of(asked, happened(&subject, event));
                    self.under_way.push(Message::Order(fact));
                }
                self.end(asked, name, decided.state, decided.code);
            }
            Command::Payment(command) => {
                let name = command.record();
                let decided = decide(&mut self.payments, &subject, command, now);
                for event in decided.events {
                    match &event {
                        of_payment::Event::PaymentCaptured(event) => {
                            self.kept += event.amount.amount;
                        }
                        of_payment::Event::PaymentRefunded(event) => {
                            self.kept -= event.amount.amount;
                        }
                        _ => {}
                    }
                    let fact = of(asked, happened(&subject, event));
                    self.under_way.push(Message::Payment(fact));
                }
                self.end(asked, name, decided.state, decided.code);
            }
        }
    }

    fn workflow(&mut self, subject: &str, workflow: Option<Workflow>) {
        match workflow {
            Some(Workflow::Begins) => *self.begun.entry(subject.to_owned()).or_default() += 1,
            Some(Workflow::Ends(conclusion)) => self
                .ends
                .entry(subject.to_owned())
                .or_default()
                .push(conclusion),
            None => {}
        }
    }

    /// Adds the outcome of a command. An outcome is a fact only if a process sent the command.
    fn end(&mut self, asked: &Asked, name: &str, state: State, code: Option<&str>) {
        if asked.process.is_none() {
            return;
        }
        let subject = &asked.subject;
        self.under_way.push(match asked.command {
            Command::Checkout(_) => Message::Checkout(of(asked, ended(subject, name, state, code))),
            Command::Order(_) => Message::Order(of(asked, ended(subject, name, state, code))),
            Command::Payment(_) => Message::Payment(of(asked, ended(subject, name, state, code))),
        });
    }

    /// Sends the commands of a policy, encoded and decoded with the schemas as in Kafka.
    fn react<P: Policy>(&mut self, fact: &Fact<EventOf<P::Source>>) {
        for (number, emit) in react::<P>(fact).iter().enumerate() {
            let envelope = fact.emitted(P::NAME, P::Source::NAME, number, emit);
            if P::NAME == Checkouts::NAME {
                let sent = self.sent.entry(fact.subject().to_owned()).or_default();
                sent.push(emit.record().to_owned());
            }
            let asked = Asked {
                subject: emit.id().to_owned(),
                process: envelope.process_type.zip(envelope.process_id),
                command: self.read(emit),
            };
            self.under_way.push(Message::Command(asked));
        }
    }

    fn read(&mut self, emit: &Emit) -> Command {
        let (contract, record) = (emit.contract(), emit.record());
        let schema = contract.commands.iter().find(|one| one.name == record);
        let codec = self
            .codecs
            .entry(record.to_owned())
            .or_insert_with(|| Codec::parse(schema.unwrap().json).unwrap());
        let datum = emit.encode(codec).unwrap();
        match contract.aggregate {
            "checkout.checkout" => {
                Command::Checkout(Messages::decode(record, codec, &datum).unwrap())
            }
            "ordering.order" => Command::Order(Messages::decode(record, codec, &datum).unwrap()),
            "payment.payment" => Command::Payment(Messages::decode(record, codec, &datum).unwrap()),
            other => panic!("no handler of {other}"),
        }
    }

    /// Sends random replies of the provider.
    fn provider(&mut self, fact: &Fact<of_payment::Event>, dice: &mut Dice) {
        let subject = fact.subject().to_owned();
        match fact.event() {
            Some(of_payment::Event::PaymentRequested(asked)) => {
                let payment_id = asked.payment_id;
                let capture = |charge: &str, more: i64| -> of_payment::Command {
                    let mut amount = asked.amount.clone();
                    amount.amount += more;
                    RecordPaymentCaptured {
                        payment_id,
                        provider_reference: charge.to_owned(),
                        amount,
                    }
                    .into()
                };
                let decline: of_payment::Command = RecordPaymentDeclined {
                    payment_id,
                    code: "no_funds".to_owned(),
                }
                .into();
                let answers = match dice.roll(8) {
                    0..3 => vec![capture("ch-1", 0)],
                    3 => vec![decline],
                    4 => vec![],
                    5 => vec![capture("ch-1", 0), decline],
                    6 => vec![capture("ch-1", 0), capture("ch-2", 0)],
                    _ => vec![capture("ch-3", 1)],
                };
                for answer in answers {
                    self.ask(subject.clone(), Command::Payment(answer));
                }
            }
            Some(of_payment::Event::PaymentRefundRequested(asked)) => {
                let (payment_id, provider_reference) =
                    (asked.payment_id, asked.provider_reference.clone());
                let answer = if dice.roll(4) == 3 {
                    RecordPaymentRefundRefused {
                        payment_id,
                        provider_reference,
                        code: "card_closed".to_owned(),
                        reason: String::new(),
                    }
                    .into()
                } else {
                    RecordPaymentRefunded {
                        payment_id,
                        provider_reference,
                    }
                    .into()
                };
                self.ask(subject, Command::Payment(answer));
            }
            _ => {}
        }
    }
}

struct Decided<E> {
    events: Vec<E>,
    workflow: Option<Workflow>,
    state: State,
    code: Option<&'static str>,
}

fn decide<A: Aggregate>(
    states: &mut BTreeMap<String, A>,
    subject: &str,
    command: CommandOf<A::Type>,
    now: Timestamp,
) -> Decided<EventOf<A::Type>> {
    let state = states.entry(subject.to_owned()).or_default();
    match state.decide(command, &Context::at(now)) {
        Ok(decision) => {
            let workflow = decision.workflow().cloned();
            let events = decision.into_events();
            for event in &events {
                *state = state.clone().evolve(event);
            }
            Decided {
                events,
                workflow,
                state: State::Completed,
                code: None,
            }
        }
        Err(rejection) => Decided {
            events: Vec::new(),
            workflow: None,
            state: State::Rejected,
            code: Some(rejection.code()),
        },
    }
}

/// Returns a fact with the command's process.
fn of<E>(asked: &Asked, fact: Fact<E>) -> Fact<E> {
    match &asked.process {
        Some((aggregate, id)) => fact.of_process(aggregate, id),
        None => fact,
    }
}
