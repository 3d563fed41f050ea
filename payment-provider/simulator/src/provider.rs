//! The provider: accepts orders, moves money when it is due, and sends webhooks.
//!
//! Every change is in the journal before it is visible. Therefore a restart continues where the
//! last process ended: orders that came due meanwhile are settled late, and unanswered webhooks are
//! sent again.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use factline_service::Health;
use uuid::Uuid;

use crate::behaviour::{Habits, Verdict, gives_back};
use crate::book::{Account, Book, Entry, Kind, Movement, Order};
use crate::journal::{self, Journal};
use crate::webhook::{Answer, Courier};

/// Component name in readiness.
pub const COMPONENT: &str = "journal";

/// Reasons for which an order is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Refused by the provider's rules, permanently. Has a stable code.
    #[error("{1}")]
    Rule(&'static str, &'static str),
    /// The journal cannot be written, so the order is not executed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// The provider.
pub struct Provider {
    habits: Habits,
    health: Health,
    courier: Courier,
    books: Mutex<Books>,
}

struct Books {
    journal: Journal,
    book: Book,
}

impl Books {
    fn write(&mut self, entry: Entry) -> Result<(), journal::Error> {
        self.journal.append(&entry)?;
        self.book.apply(entry);
        Ok(())
    }
}

impl Provider {
    /// Opens the provider with the journal of this folder; orders make no progress before
    /// [`Self::resume`].
    pub fn open(folder: &Path, habits: Habits, health: Health) -> anyhow::Result<Arc<Self>> {
        let (journal, entries) = Journal::open(folder)?;
        let mut book = Book::default();
        for entry in entries {
            book.apply(entry);
        }
        health.set(COMPONENT, Ok(()));
        Ok(Arc::new(Self {
            habits,
            health,
            courier: Courier::new()?,
            books: Mutex::new(Books { journal, book }),
        }))
    }

    /// Continues the open orders of an earlier process.
    pub fn resume(self: &Arc<Self>) {
        let open: Vec<String> = self.read(|book| {
            let open = book.all().filter(|account| account.is_open());
            open.map(|account| account.movement.reference.clone())
                .collect()
        });
        tracing::info!(orders = open.len(), "resuming open orders");
        for reference in open {
            self.pursue(reference);
        }
    }

    /// Reads from the books.
    pub fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.lock().book)
    }

    /// Accepts an order with a key, and returns the provider's reference. The same order with the
    /// same key is the same order.
    pub fn accept(self: &Arc<Self>, key: &str, order: Order) -> Result<String, Refusal> {
        let mut books = self.lock();
        if let Some(known) = books.book.under(key) {
            return if known.order == order {
                Ok(known.reference.clone())
            } else {
                Err(Refusal::Rule(
                    "idempotency_key_reused",
                    "the key was used for another order",
                ))
            };
        }
        check(&books.book, &order)?;
        let (prefix, plan) = match &order.kind {
            Kind::Charge { method } => ("ch", self.habits.charge(key, method)),
            Kind::Refund { .. } => ("re", self.habits.refund(key)),
        };
        let reference = format!("{prefix}_{}", Uuid::new_v4().simple());
        let due = Utc::now()
            .timestamp_millis()
            .saturating_add_unsigned(plan.after_ms);
        let movement = Movement {
            reference: reference.clone(),
            key: key.to_owned(),
            order,
            plan,
            due,
        };
        let labels = [("kind", prefix)];
        let entry = Entry::Accepted(movement);
        self.said(books.write(entry))?;
        drop(books);
        metrics::counter!("factline_simulator_orders_total", &labels).increment(1);
        self.pursue(reference.clone());
        Ok(reference)
    }

    /// Settles an order in the background. [`Self::resume`] continues it after a kill.
    fn pursue(self: &Arc<Self>, reference: String) {
        let provider = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = provider.see_through(&reference).await {
                tracing::error!(reference, error = %error, "order abandoned until the next restart");
            }
        });
    }

    async fn see_through(&self, reference: &str) -> Result<(), journal::Error> {
        let Some(mut account) = self.account(reference) else {
            return Ok(());
        };
        if account.movement.plan.verdict == Verdict::Silence {
            return Ok(());
        }
        let left = account.movement.due - Utc::now().timestamp_millis();
        tokio::time::sleep(Duration::from_millis(
            u64::try_from(left).unwrap_or_default(),
        ))
        .await;
        if !account.settled {
            let reference = reference.to_owned();
            self.write(Entry::Settled { reference })?;
            account.settled = true;
        }
        for notice in account.unheard() {
            let answer = self.courier.tell(&account.movement, notice).await;
            let reference = reference.to_owned();
            self.write(match answer {
                Answer::Heard => Entry::Told { reference, notice },
                Answer::Unwanted(status) => Entry::GivenUp {
                    reference,
                    notice,
                    status,
                },
            })?;
        }
        Ok(())
    }

    fn account(&self, reference: &str) -> Option<Account> {
        self.read(|book| book.account(reference).cloned())
    }

    fn write(&self, entry: Entry) -> Result<(), journal::Error> {
        let written = self.lock().write(entry);
        self.said(written)
    }

    /// Reports to readiness whether the journal could be written.
    fn said(&self, written: Result<(), journal::Error>) -> Result<(), journal::Error> {
        let state = match &written {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        self.health.set(COMPONENT, state);
        written
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The provider's rules.
fn check(book: &Book, order: &Order) -> Result<(), Refusal> {
    if !order.amount.is_possible() {
        return Err(Refusal::Rule(
            "invalid_amount",
            "no such amount can be moved",
        ));
    }
    let Kind::Refund { charge } = &order.kind else {
        return Ok(());
    };
    let charge = book.account(charge).filter(|charge| {
        let asked = &charge.movement.order;
        let is_charge = matches!(asked.kind, Kind::Charge { .. });
        is_charge && asked.payment_id == order.payment_id
    });
    let Some(charge) = charge else {
        return Err(Refusal::Rule("unknown_charge", "there is no such charge"));
    };
    if !charge.moved() {
        return Err(Refusal::Rule("not_captured", "no money was taken"));
    }
    if matches!(&charge.movement.order.kind, Kind::Charge { method } if !gives_back(method)) {
        return Err(Refusal::Rule(
            "card_closed",
            "money of this card cannot be given back",
        ));
    }
    let same_currency = charge.movement.order.amount.currency == order.amount.currency;
    if !same_currency || order.amount.amount > book.left_of(charge) {
        return Err(Refusal::Rule(
            "exceeds_charge",
            "less was taken than is to be given back",
        ));
    }
    Ok(())
}
