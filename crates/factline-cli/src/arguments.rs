//! Values of options: parsers of times, and defaults.

use std::num::NonZero;

use chrono::{NaiveDate, NaiveTime, TimeDelta, Utc};
use factline::Timestamp;

/// Returns the number of threads of a command without an option for it: one for each core.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Parses an instant, a day, or an age; a `value_parser` for options.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    age(text)
        .and_then(|age| Utc::now().checked_sub_signed(age))
        .ok_or_else(|| {
            "is not a time: write 2026-03-01T12:00:00Z, 2026-03-01, or an age such as 90s, 15m, 2h, 7d"
                .to_owned()
        })
}

fn age(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n >= 0)?;
    match unit {
        's' => TimeDelta::try_seconds(number),
        'm' => TimeDelta::try_minutes(number),
        'h' => TimeDelta::try_hours(number),
        'd' => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_accepts_instants_days_and_ages() {
        let noon = instant("2026-03-01T12:00:00Z").unwrap();
        assert_eq!(noon, instant("2026-03-01T13:00:00+01:00").unwrap());
        assert_eq!(noon - instant("2026-03-01").unwrap(), TimeDelta::hours(12));
        let then = instant("2h").unwrap();
        assert_eq!((Utc::now() - then).num_minutes(), 120);
    }

    #[test]
    fn instant_refuses_other_text() {
        for text in ["", "yesterday", "-2h", "2", "h", "99999999999999999d", "2€"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
