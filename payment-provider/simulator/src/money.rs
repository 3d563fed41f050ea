//! Money, and sums of it by currency.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Maximum amount of one payment in minor units: sums stay far from the limits of 64 bits.
pub const MOST: i64 = 1_000_000_000_000;

/// An amount in the minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
}

impl Money {
    /// Returns true if this amount can be charged.
    pub fn is_possible(&self) -> bool {
        let letters = self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        (0..=MOST).contains(&self.amount) && letters && self.currency.len() == 3
    }
}

/// Minor units by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sums(BTreeMap<String, i64>);

impl Sums {
    /// Adds to the sum of its currency.
    pub fn add(&mut self, money: &Money) {
        let sum = self.0.entry(money.currency.clone()).or_default();
        *sum = sum.saturating_add(money.amount);
    }

    /// Returns the sum in a currency.
    pub fn of(&self, currency: &str) -> i64 {
        self.0.get(currency).copied().unwrap_or_default()
    }
}
