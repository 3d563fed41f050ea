//! The provider's books: what it was asked, what it did with money, and what it has told. A pure fold of the journal's
//! entries, so that a restart comes to the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::behaviour::{Plan, Verdict};
use crate::money::{Money, Sums};

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The payment, as whoever asks calls it.
    pub payment_id: Uuid,
    /// Which way the money goes.
    pub kind: Kind,
    /// How much.
    pub amount: Money,
    /// Where to tell the end: the beginning of a URL.
    pub callback: String,
}

/// Which way money goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From the customer, by this method.
    Charge {
        /// Such as `card-ok`.
        method: String,
    },
    /// Back to the customer.
    Refund {
        /// The provider's name for the charge.
        charge: String,
    },
}

/// An order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The provider's name for it.
    pub reference: String,
    /// The idempotency key under which it was asked for.
    pub key: String,
    /// What was asked.
    pub order: Order,
    /// What will become of it.
    pub plan: Plan,
    /// When, in milliseconds since 1970.
    pub due: i64,
}

/// One fact of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An order was accepted.
    Accepted(Movement),
    /// It came to its end, as planned.
    Settled {
        /// Which.
        reference: String,
    },
    /// Whoever asked has been told, and has said so.
    Told {
        /// Which.
        reference: String,
        /// Which of its webhooks, from 1.
        notice: u8,
    },
    /// Whoever asked does not want to be told.
    GivenUp {
        /// Which.
        reference: String,
        /// Which of its webhooks, from 1.
        notice: u8,
        /// The answer's status.
        status: u16,
    },
}

/// An order and what has become of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The order.
    pub movement: Movement,
    /// Whether it has come to its end.
    pub settled: bool,
    /// Webhooks that need no more tries.
    closed: BTreeSet<u8>,
}

/// Everything that the provider knows.
#[derive(Debug, Default)]
pub struct Book {
    accounts: BTreeMap<String, Account>,
    by_key: HashMap<String, String>,
    by_payment: HashMap<Uuid, Vec<String>>,
}

impl Account {
    /// Whether the money has moved.
    pub fn moved(&self) -> bool {
        self.settled && self.movement.plan.verdict == Verdict::Done
    }

    /// Webhooks that are still to be heard, in their order; none before it has come to its end.
    pub fn unheard(&self) -> impl Iterator<Item = u8> {
        let tells = self.settled && self.movement.plan.verdict != Verdict::Silence;
        let last = if tells { self.movement.plan.notices } else { 0 };
        (1..=last).filter(|notice| !self.closed.contains(notice))
    }

    /// Whether something is still to be done about it.
    pub fn is_open(&self) -> bool {
        let silent = self.movement.plan.verdict == Verdict::Silence;
        !silent && (!self.settled || self.unheard().next().is_some())
    }
}

impl Book {
    /// Takes a fact in. One about an order that is not known changes nothing.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Accepted(movement) => {
                let reference = movement.reference.clone();
                self.by_key.insert(movement.key.clone(), reference.clone());
                let orders = self.by_payment.entry(movement.order.payment_id);
                orders.or_default().push(reference.clone());
                let account = Account {
                    movement,
                    settled: false,
                    closed: BTreeSet::new(),
                };
                self.accounts.insert(reference, account);
            }
            Entry::Settled { reference } => {
                if let Some(account) = self.accounts.get_mut(&reference) {
                    account.settled = true;
                }
            }
            Entry::Told { reference, notice }
            | Entry::GivenUp {
                reference, notice, ..
            } => {
                if let Some(account) = self.accounts.get_mut(&reference) {
                    account.closed.insert(notice);
                }
            }
        }
    }

    /// What was asked under a key.
    pub fn under(&self, key: &str) -> Option<&Movement> {
        Some(&self.account(self.by_key.get(key)?)?.movement)
    }

    /// An order by the provider's name for it.
    pub fn account(&self, reference: &str) -> Option<&Account> {
        self.accounts.get(reference)
    }

    /// All orders of a payment, in their order.
    pub fn payment(&self, payment_id: Uuid) -> Vec<&Account> {
        let references = self.by_payment.get(&payment_id).into_iter().flatten();
        references
            .filter_map(|reference| self.account(reference))
            .collect()
    }

    /// Every order.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// How much of a charge is not given back, nor promised to be.
    pub fn left_of(&self, charge: &Account) -> i64 {
        let refunds = self.payment(charge.movement.order.payment_id).into_iter();
        let promised = refunds.filter(|account| match &account.movement.order.kind {
            Kind::Charge { .. } => false,
            Kind::Refund { charge: of } => *of == charge.movement.reference,
        });
        let promised: i64 = promised
            .map(|refund| refund.movement.order.amount.amount)
            .sum();
        charge.movement.order.amount.amount - promised
    }
}

/// Money that was taken, and money that was given back.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Taken.
    pub captured: Sums,
    /// Given back.
    pub refunded: Sums,
}

impl<'a> FromIterator<&'a Account> for Moved {
    fn from_iter<T: IntoIterator<Item = &'a Account>>(accounts: T) -> Self {
        let mut moved = Self::default();
        for account in accounts.into_iter().filter(|account| account.moved()) {
            let order = &account.movement.order;
            match order.kind {
                Kind::Charge { .. } => moved.captured.add(&order.amount),
                Kind::Refund { .. } => moved.refunded.add(&order.amount),
            }
        }
        moved
    }
}
