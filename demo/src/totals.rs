//! Totals by customer: from the file, and from the read API.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use factline::Position;
use factline_client::Client;
use serde::Deserialize;

use crate::purchase::Purchase;

/// Customers on one page.
const PAGE: usize = 500;

/// Purchases of one customer, or the total of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Orders.
    pub orders: i64,
    /// Number of CDs.
    pub units: i64,
    /// Total price in cents.
    pub cents: i64,
}

/// Totals of all customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// By id.
    pub customers: BTreeMap<String, Spent>,
}

impl Spent {
    /// Adds two totals.
    ///
    /// # Errors
    ///
    /// If the sum is out of range.
    pub fn plus(self, other: Self) -> Result<Self> {
        let add = |one: i64, other: i64| one.checked_add(other).context("a total is too large");
        Ok(Self {
            orders: add(self.orders, other.orders)?,
            units: add(self.units, other.units)?,
            cents: add(self.cents, other.cents)?,
        })
    }
}

impl Totals {
    /// Computes the totals of the file.
    pub fn of(purchases: &[Purchase]) -> Result<Self> {
        let mut totals = Self::default();
        for purchase in purchases {
            let spent = totals
                .customers
                .entry(purchase.customer.clone())
                .or_default();
            *spent = spent.plus(Spent {
                orders: 1,
                units: i64::from(purchase.quantity),
                cents: purchase.cents,
            })?;
        }
        Ok(totals)
    }

    /// Returns the totals of the customers that are in `others` too.
    #[must_use]
    pub fn only(&self, others: &Self) -> Self {
        let customers = self.customers.iter();
        let common = customers.filter(|(id, _)| others.customers.contains_key(*id));
        Self {
            customers: common.map(|(id, spent)| (id.clone(), *spent)).collect(),
        }
    }

    /// Returns the total of all customers.
    pub fn sum(&self) -> Result<Spent> {
        let mut each = self.customers.values();
        each.try_fold(Spent::default(), |sum, spent| sum.plus(*spent))
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    customer_id: String,
    orders: i64,
    units: i64,
    total: Money,
}

#[derive(Deserialize)]
struct Money {
    amount: i64,
    currency: String,
}

/// Reads the totals from the read API, page by page, no older than `position`.
pub async fn read(client: &Client, position: &Position) -> Result<Totals> {
    let position = (!position.points().is_empty()).then(|| position.to_string());
    let mut totals = Totals::default();
    let mut after = String::new();
    loop {
        let path = format!("/customers?sort=-total&currency=USD&limit={PAGE}{after}");
        let page: Page = client
            .read(&path, position.as_deref())
            .await?
            .with_context(|| format!("{path} is not found"))?;
        for row in page.items {
            let id = &row.customer_id;
            ensure!(
                row.total.currency == "USD",
                "customer {id} is listed with a currency other than the requested one"
            );
            let spent = Spent {
                orders: row.orders,
                units: row.units,
                cents: row.total.amount,
            };
            let before = totals.customers.insert(id.clone(), spent);
            ensure!(before.is_none(), "customer {id} is listed twice");
        }
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(totals),
        }
    }
}
