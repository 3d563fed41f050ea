//! The file: real purchases, see `README.md`. Money is read digit by digit; there is no floating point here.

use anyhow::{Context as _, Result, bail, ensure};

const FILE: &str = include_str!("../purchases.csv");

/// The file's name in the source of each order.
const NAME: &str = "purchases.csv";

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Line number; the header is line 1.
    pub line: u64,
    /// Who bought.
    pub customer: String,
    /// The day, as year-month-day.
    pub ordered_on: String,
    /// CDs.
    pub quantity: i32,
    /// What they cost together, in cents.
    pub cents: i64,
}

impl Purchase {
    /// Where the purchase stands; unique, since equal lines exist.
    pub fn source(&self) -> String {
        format!("{NAME}:{}", self.line)
    }
}

/// Every purchase, in the order of the file.
///
/// # Errors
/// When a line is not as it should be; the error names it.
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

/// Keeps the first purchases, and those of the last one's customer that follow it: a customer is there with all of
/// his purchases or with none.
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
        quantity: quantity.parse().context("quantity is no whole number")?,
        cents: cents(dollars).with_context(|| format!("{dollars:?} is no amount of dollars"))?,
    })
}

/// `29.33` is 2933. Two decimals, or none.
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
    fn dollars_are_read_exactly() {
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
    fn a_cut_leaves_whole_customers() {
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
    fn the_file_is_whole() {
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
