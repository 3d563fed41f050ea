//! The result beside the expected result.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::figures::{dollars, grouped, percentile, rate, time};
use crate::operation::Ended;
use crate::sample::Sample;
use crate::totals::{Spent, Totals};

/// The demo's result.
#[derive(Debug, Clone)]
pub struct Report {
    /// Purchases sent.
    pub sent: usize,
    /// Customers of the file whose totals differ.
    pub differences: Vec<Difference>,
    /// Operations that ended in a state other than completed: their number by state and code, with
    /// the first source of each.
    pub not_completed: BTreeMap<(String, String), (usize, String)>,
    /// Customers in the read API without any of these purchases; they are not a difference.
    pub others: usize,
    file: (usize, Spent),
    read: (usize, Spent),
    /// Time until the last command was accepted.
    pub accepted_in: Duration,
    /// Time until the last operation was seen to have ended.
    pub ended_in: Duration,
    /// Times from acceptance to end of every operation, by the store's clocks.
    pub took: Vec<Duration>,
    /// Times by the client's clock, of a sample.
    pub samples: Vec<Sample>,
}

/// A customer whose totals differ from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The customer.
    pub customer: String,
    /// The total in the read API; none if it does not know the customer.
    pub read: Option<Spent>,
    /// The total in the file.
    pub file: Spent,
}

impl Report {
    pub(crate) fn new(
        file: &Totals,
        read: &Totals,
        ended: &[Ended],
        samples: Vec<Sample>,
        accepted_in: Duration,
        ended_in: Duration,
    ) -> anyhow::Result<Self> {
        // Only the file's customers are compared, because others may have bought here too.
        let known = read.only(file);
        Ok(Self {
            sent: ended.len(),
            differences: differences(file, &known),
            not_completed: not_completed(ended),
            others: read.customers.len() - known.customers.len(),
            file: (file.customers.len(), file.sum()?),
            read: (known.customers.len(), known.sum()?),
            accepted_in,
            ended_in,
            took: ended.iter().map(|ended| ended.operation.took()).collect(),
            samples,
        })
    }

    /// Returns true if every operation completed and every customer's totals match the file.
    pub fn is_exact(&self) -> bool {
        self.differences.is_empty() && self.not_completed.is_empty()
    }
}

fn differences(file: &Totals, read: &Totals) -> Vec<Difference> {
    let customers = file.customers.iter();
    customers
        .map(|(customer, spent)| Difference {
            customer: customer.clone(),
            read: read.customers.get(customer).copied(),
            file: *spent,
        })
        .filter(|compared| compared.read != Some(compared.file))
        .collect()
}

fn not_completed(ended: &[Ended]) -> BTreeMap<(String, String), (usize, String)> {
    let mut groups = BTreeMap::new();
    for Ended { source, operation } in ended {
        if operation.success != Some(true) {
            let code = operation.code.clone().unwrap_or_default();
            let group = groups.entry((operation.state.as_str().to_owned(), code));
            group.or_insert_with(|| (0, source.clone())).0 += 1;
        }
    }
    groups
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out)?;
        self.totals(out)?;
        writeln!(out)?;
        self.speed(out)?;
        self.troubles(out)?;
        let verdict = if self.is_exact() {
            "Every customer is equal, every operation completed."
        } else {
            "THE READ API DIFFERS FROM THE FILE."
        };
        writeln!(out, "\n  {verdict}")
    }
}

impl Report {
    fn totals(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize| grouped(i64::try_from(number).unwrap_or(i64::MAX));
        let ((readers, read), (filed, file)) = (&self.read, &self.file);
        writeln!(out, "  {:<12}{:>14}{:>14}", "", "read API", "file")?;
        for (name, read, file) in [
            ("customers", count(*readers), count(*filed)),
            ("orders", grouped(read.orders), grouped(file.orders)),
            ("units", grouped(read.units), grouped(file.units)),
            ("dollars", dollars(read.cents), dollars(file.cents)),
        ] {
            let verdict = if read == file { "equal" } else { "DIFFERS" };
            writeln!(out, "  {name:<12}{read:>14}{file:>14}   {verdict}")?;
        }
        let equal = filed - self.differences.len();
        writeln!(
            out,
            "  {:<12}{:>14} of {} equal",
            "one by one",
            count(equal),
            count(*filed)
        )
    }

    fn speed(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |out: &mut fmt::Formatter<'_>, name: &str, times: &[Duration], note: &str| {
            let figure = |percent| percentile(times, percent).map_or("-".to_owned(), time);
            let (half, most) = (figure(50), figure(99));
            writeln!(out, "  {name:<24}p50 {half:>8}   p99 {most:>8}   {note}")
        };
        let sent = grouped(i64::try_from(self.sent).unwrap_or(i64::MAX));
        for (name, took) in [
            ("accepted", self.accepted_in),
            ("accepted and ended", self.ended_in),
        ] {
            let (rate, took) = (grouped(rate(self.sent, took)), time(took));
            writeln!(
                out,
                "  {name:<24}{sent} commands in {took}: {rate} a second"
            )?;
        }
        let note = "all; the store's clocks, until the outcome was written";
        line(out, "accepted to completed", &self.took, note)?;
        let of = |what: fn(&Sample) -> Duration| self.samples.iter().map(what).collect::<Vec<_>>();
        let note = format!(
            "{} samples; this clock, 202 to an answer that says so",
            self.samples.len()
        );
        line(
            out,
            "seen as completed",
            &of(|sample| sample.completed),
            &note,
        )?;
        let note = "the same; from then until the read API shows the order";
        line(out, "view lag", &of(|sample| sample.shown), note)
    }

    fn troubles(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others > 0 {
            let others = self.others;
            writeln!(
                out,
                "\n  {others} other customers have none of these purchases and are ignored."
            )?;
        }
        for ((state, code), (count, source)) in &self.not_completed {
            writeln!(out, "\n  {count} operations {state} {code}, first {source}")?;
        }
        for Difference {
            customer,
            read,
            file,
        } in &self.differences
        {
            let read = read.map_or("unknown".to_owned(), in_words);
            writeln!(
                out,
                "  customer {customer} DIFFERS: read API {read}; file {}",
                in_words(*file)
            )?;
        }
        Ok(())
    }
}

fn in_words(spent: Spent) -> String {
    format!(
        "{} orders, {} units, {} dollars",
        spent.orders,
        spent.units,
        dollars(spent.cents)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(customers: &[(&str, i64)]) -> Totals {
        let spent = |cents| Spent {
            orders: 1,
            units: 2,
            cents,
        };
        Totals {
            customers: customers
                .iter()
                .map(|(id, cents)| ((*id).to_owned(), spent(*cents)))
                .collect(),
        }
    }

    fn report(file: &[(&str, i64)], read: &[(&str, i64)]) -> Report {
        let second = Duration::from_secs(1);
        Report::new(&totals(file), &totals(read), &[], vec![], second, second).unwrap()
    }

    #[test]
    fn other_customers_are_not_a_difference() {
        let report = report(&[("a", 1), ("b", 0)], &[("a", 1), ("b", 0), ("z", 9)]);
        assert!(report.is_exact());
        assert_eq!(report.others, 1);
    }

    #[test]
    fn differing_customers_are_named_even_if_the_sums_agree() {
        let report = report(&[("a", 1), ("b", 2), ("c", 3)], &[("a", 2), ("b", 1)]);
        assert!(!report.is_exact());
        let text = report.to_string();
        for line in [
            "customer a",
            "customer b",
            "customer c DIFFERS: read API unknown",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
