//! The figures of a benchmark: one value for each round, beside the limit that was measured in the
//! same round.
//!
//! They are printed as a table of medians with their ranges, or with `--json` as one object for
//! each figure.

use serde_json::json;

/// The figures of a job, in the order in which they were first added.
pub(crate) struct Figures {
    job: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    beside: Vec<f64>,
}

impl Figures {
    pub(crate) fn of(job: &'static str) -> Self {
        Self {
            job,
            rows: Vec::new(),
        }
    }

    /// Adds the value of a round, and that of the limit beside it if there is one.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64, beside: Option<f64>) {
        let found = self.rows.iter().position(|row| row.name == name);
        let index = found.unwrap_or_else(|| {
            self.rows.push(Row {
                name: name.to_owned(),
                unit,
                values: Vec::new(),
                beside: Vec::new(),
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[index];
        row.values.push(value);
        row.beside.extend(beside);
    }

    /// Prints all figures.
    pub(crate) fn print(&self, json: bool) {
        if json {
            self.rows
                .iter()
                .for_each(|row| println!("{}", self.json(row)));
            return;
        }
        println!("| {} | unit | Factline | the limit | ratio |", self.job);
        println!("|---|---|---|---|---|");
        for row in &self.rows {
            let ratio = row
                .ratio()
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let (name, unit) = (&row.name, row.unit);
            println!(
                "| {name} | {unit} | {} | {} | {ratio} |",
                told(&row.values),
                told(&row.beside)
            );
        }
    }

    fn json(&self, row: &Row) -> serde_json::Value {
        json!({
            "job": self.job,
            "name": row.name,
            "value": median(&row.values),
            "unit": row.unit,
            "beside": median(&row.beside),
            "ratio": row.ratio(),
            "rounds": row.values,
            "rounds_beside": row.beside,
        })
    }
}

impl Row {
    /// Returns the median of the ratios of the rounds.
    fn ratio(&self) -> Option<f64> {
        let rounds = self.values.iter().zip(&self.beside);
        let ratios: Vec<_> = rounds.map(|(value, beside)| value / beside).collect();
        median(&ratios)
    }
}

/// Returns the median, the lower one of two.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

/// Returns the median and the range.
fn told(values: &[f64]) -> String {
    let least = values.iter().copied().min_by(f64::total_cmp);
    let most = values.iter().copied().max_by(f64::total_cmp);
    match (median(values), least, most) {
        (Some(median), Some(least), Some(most)) => format!(
            "{} ({} to {})",
            rounded(median),
            rounded(least),
            rounded(most)
        ),
        _ => String::new(),
    }
}

/// Returns three significant digits, and all digits before the point.
fn rounded(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_the_median_of_those_of_the_rounds() {
        let mut figures = Figures::of("handler");
        for (value, beside) in [(10.0, 100.0), (30.0, 60.0), (40.0, 50.0)] {
            figures.add("rate", "commands/s", value, Some(beside));
        }
        let told = figures.json(&figures.rows[0]);
        assert_eq!(told["value"], 30.0);
        assert_eq!(told["beside"], 60.0);
        assert_eq!(told["ratio"], 0.5);
        assert_eq!(super::told(&[1234.25, 2.5]), "2.50 (2.50 to 1234)");
    }

    #[test]
    fn figure_without_a_limit_has_no_ratio() {
        let mut figures = Figures::of("handler");
        figures.add("event", "bytes", 400.0, None);
        let told = figures.json(&figures.rows[0]);
        assert!(told["beside"].is_null() && told["ratio"].is_null());
    }
}
