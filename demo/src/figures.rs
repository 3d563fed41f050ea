//! Figures in human-readable form.

use std::time::Duration;

/// Formats `16479` as `16,479`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// Formats `24409194` cents as `244,091.94`.
pub fn dollars(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    let whole = grouped(i64::try_from(cents / 100).unwrap_or(i64::MAX));
    format!("{sign}{whole}.{:02}", cents % 100)
}

/// Formats as milliseconds below a second and as seconds above, with three digits.
pub fn time(time: Duration) -> String {
    match time.as_secs_f64() * 1_000.0 {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1_000.0),
    }
}

/// Returns the rate per second of `count` items that took this time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a rate is rounded for people"
)]
pub fn rate(count: usize, took: Duration) -> i64 {
    (count as f64 / took.as_secs_f64().max(0.001)).round() as i64
}

/// Returns the time that this percentage of all does not exceed, by nearest rank; none for an empty
/// list.
pub fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (-24_409_194, "-24,409,194"),
        ] {
            assert_eq!(grouped(number), text);
        }
        for (cents, text) in [(5, "0.05"), (24_409_194, "244,091.94"), (-150, "-1.50")] {
            assert_eq!(dollars(cents), text);
        }
    }

    #[test]
    fn percentile_uses_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
