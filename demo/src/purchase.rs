//! The file of real purchases, see `README.md`. Money is parsed digit by digit, without floating
//! point.

use anyhow::{Context as _, Result, bail, ensure};

const FILE: &str = include_str!("../purchases.csv");

/// The file's name in the source of each order.
const NAME: &str = "purchases.csv";

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Line number; the header is line 1.
    pub line: u64,
    /// The customer.
    pub customer: String,
    /// The day, as year-month-day.
    pub ordered_on: String,
    /// Number of CDs.
    pub quantity: i32,
    /// Total price in cents.
    pub cents: i64,
}

impl Purchase {
    /// Returns the place of the purchase in the file. It is unique, whereas the file has equal
    /// lines.
    pub fn source(&self) -> String {
        format!("{NAME}:{}", self.line)
    }
}

/// Reads every purchase, in the order of the file.
///
/// # Errors
///
/// If a line is malformed; the error names it.
pub fn all() -> Result<Vec<Purchase>> {
    let mut reader = csv::Reader::from_reader(FILE.as_bytes());
    let mut purchases = Vec::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("cannot read {NAME}"))?;
        let line = row.position().map_or(0, csv::Position::line);
        let purchase = purchase(line, &row).with_context(|| format!("{NAME}:{line}"))?;
        purchases.push(purchase);
    }
    Ok(purchases)
}

/// Keeps the first purchases, and the following ones of the last customer: a customer has all
/// purchases or none.
pub fn cut(purchases: &mut Vec<Purchase>, limit: usize) {
    let Some(last) = limit.checked_sub(1).and_then(|last| purchases.get(last)) else {
        purchases.truncate(limit);
        return;
    };
    let customer = last.customer.clone();
    let rest = &purchases[limit..];
    let more = rest.iter().take_while(|next| next.customer == customer);
    purchases.truncate(limit + more.count());
}

fn purchase(line: u64, row: &csv::StringRecord) -> Result<Purchase> {
    let [customer, ordered_on, quantity, dollars] = row.iter().collect::<Vec<_>>()[..] else {
        bail!("not four columns");
    };
    Ok(Purchase {
        line,
        customer: customer.to_owned(),
        ordered_on: ordered_on.to_owned(),
        quantity: quantity.parse().context("quantity is not a whole number")?,
        cents: cents(dollars)
            .with_context(|| format!("{dollars:?} is not an amount of dollars"))?,
    })
}

/// Parses `29.33` as 2933. There are two decimals or none.
fn cents(dollars: &str) -> Result<i64> {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, "00"));
    ensure!(part.len() == 2, "not two decimals");
    let digits = format!("{whole}{part}");
    ensure!(
        !whole.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()),
        "not only digits"
    );
    Ok(digits.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totals::{Spent, Totals};

    #[test]
    fn dollars_are_parsed_exactly() {
        for (text, amount) in [
            ("0.00", 0),
            ("29.33", 2_933),
            ("7", 700),
            ("1286.01", 128_601),
        ] {
            assert_eq!(cents(text).unwrap(), amount);
        }
        for text in [
            "", ".", ".50", "1.5", "1.234", "-1.00", "1,00", "1e2", "+1.00",
        ] {
            assert!(cents(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cut_keeps_whole_customers() {
        for limit in [0, 1, 2, 1_000, 6_919, 10_000] {
            let mut some = all().unwrap();
            let rest = some.len();
            cut(&mut some, limit);
            assert!(some.len() >= limit.min(rest), "{limit}");
            let others = all().unwrap().split_off(some.len());
            let last = some.last().map(|last| &last.customer);
            assert!(others.iter().all(|other| Some(&other.customer) != last));
        }
    }

    #[test]
    fn file_is_complete() {
        let purchases = all().unwrap();
        assert_eq!(purchases[0].source(), "purchases.csv:2");
        let totals = Totals::of(&purchases).unwrap();
        assert_eq!(totals.customers.len(), 2_357);
        assert_eq!(
            totals.sum().unwrap(),
            Spent {
                orders: 6_919,
                units: 16_479,
                cents: 24_409_194
            }
        );
    }
}
