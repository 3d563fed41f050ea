//! The provider's books: its orders, its movements of money, and its delivered webhooks. They are a
//! pure fold of the journal's entries, so that a restart derives the same state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::behaviour::{Plan, Verdict};
use crate::money::{Money, Sums};

/// An order of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The payment's id at the client.
    pub payment_id: Uuid,
    /// Direction of the money.
    pub kind: Kind,
    /// The amount.
    pub amount: Money,
    /// Prefix of the URL for webhooks.
    pub callback: String,
}

/// Direction of the money.
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
    /// The provider's reference.
    pub reference: String,
    /// The idempotency key of the request.
    pub key: String,
    /// The order.
    pub order: Order,
    /// The plan for it.
    pub plan: Plan,
    /// Due time in milliseconds since 1970.
    pub due: i64,
}

/// One fact of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An order was accepted.
    Accepted(Movement),
    /// The order was settled as planned.
    Settled {
        /// Reference of the order.
        reference: String,
    },
    /// A webhook was accepted by the client.
    Told {
        /// Reference of the order.
        reference: String,
        /// Number of the webhook, from 1.
        notice: u8,
    },
    /// A webhook was permanently refused by the client.
    GivenUp {
        /// Reference of the order.
        reference: String,
        /// Number of the webhook, from 1.
        notice: u8,
        /// The response's status.
        status: u16,
    },
}

/// An order and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The order.
    pub movement: Movement,
    /// True if it is settled.
    pub settled: bool,
    /// Webhooks that need no more attempts.
    closed: BTreeSet<u8>,
}

/// The complete state of the provider.
#[derive(Debug, Default)]
pub struct Book {
    accounts: BTreeMap<String, Account>,
    by_key: HashMap<String, String>,
    by_payment: HashMap<Uuid, Vec<String>>,
}

impl Account {
    /// Returns true if the money has moved.
    pub fn moved(&self) -> bool {
        self.settled && self.movement.plan.verdict == Verdict::Done
    }

    /// Returns the webhooks that are not delivered, in their order; none before the order is
    /// settled.
    pub fn unheard(&self) -> impl Iterator<Item = u8> {
        let tells = self.settled && self.movement.plan.verdict != Verdict::Silence;
        let last = if tells { self.movement.plan.notices } else { 0 };
        (1..=last).filter(|notice| !self.closed.contains(notice))
    }

    /// Returns true if the order has work left.
    pub fn is_open(&self) -> bool {
        let silent = self.movement.plan.verdict == Verdict::Silence;
        !silent && (!self.settled || self.unheard().next().is_some())
    }
}

impl Book {
    /// Applies a fact. A fact about an unknown order changes nothing.
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

    /// Returns the movement with this idempotency key.
    pub fn under(&self, key: &str) -> Option<&Movement> {
        Some(&self.account(self.by_key.get(key)?)?.movement)
    }

    /// Returns an order by the provider's reference.
    pub fn account(&self, reference: &str) -> Option<&Account> {
        self.accounts.get(reference)
    }

    /// Returns all orders of a payment, in their order.
    pub fn payment(&self, payment_id: Uuid) -> Vec<&Account> {
        let references = self.by_payment.get(&payment_id).into_iter().flatten();
        references
            .filter_map(|reference| self.account(reference))
            .collect()
    }

    /// Returns every order.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Returns the amount of a charge that is neither refunded nor promised to be.
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

/// Money that was captured and refunded.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Captured.
    pub captured: Sums,
    /// Refunded.
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
