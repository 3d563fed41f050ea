//! The settings from the environment, read once.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use crate::{Mutant, Point};

static MUTANT: LazyLock<Option<Mutant>> = LazyLock::new(|| {
    let name = std::env::var("FACTLINE_MUTANT").ok()?;
    let mutant = Mutant::ALL.into_iter().find(|known| known.name() == name);
    if let Some(mutant) = mutant {
        tracing::error!(
            ?mutant,
            "mutant enabled: this process breaks a rule on purpose"
        );
    } else {
        tracing::error!(name, "FACTLINE_MUTANT names no mutant; no rule is broken");
    }
    mutant
});

static PAUSES: LazyLock<Vec<Pause>> = LazyLock::new(|| {
    let asked = std::env::var("FACTLINE_PAUSES").unwrap_or_default();
    let asked = asked.split(',').filter(|pause| !pause.is_empty());
    let pauses = asked.filter_map(|pause| {
        let read = Pause::read(pause);
        if read.is_none() {
            tracing::error!(
                pause,
                "FACTLINE_PAUSES: this is not POINT=PROBABILITY:MILLISECONDS"
            );
        }
        read
    });
    pauses.collect()
});

#[derive(Debug, PartialEq)]
struct Pause {
    /// Its name, or `*`.
    point: String,
    probability: f64,
    longest: Duration,
}

impl Pause {
    fn read(text: &str) -> Option<Self> {
        let (point, rest) = text.split_once('=')?;
        let (probability, milliseconds) = rest.split_once(':')?;
        Some(Self {
            point: point.to_owned(),
            probability: probability.parse().ok()?,
            longest: Duration::from_millis(milliseconds.parse().ok()?),
        })
    }
}

pub(crate) fn mutant() -> Option<Mutant> {
    *MUTANT
}

pub(crate) fn pause(point: Point) -> Option<Duration> {
    let pause = PAUSES
        .iter()
        .find(|pause| pause.point == "*" || pause.point == point.name())?;
    (chance() < pause.probability).then(|| pause.longest.mul_f64(chance()))
}

/// Returns a number from 0 to 1. The hasher's keys are random, which suffices here.
#[expect(clippy::cast_precision_loss, reason = "a chance is a rough figure")]
fn chance() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_parsed_or_refused() {
        let read = Pause::read("sent=0.5:200")
            .map(|pause| (pause.point, pause.probability, pause.longest));
        assert_eq!(
            read,
            Some(("sent".to_owned(), 0.5, Duration::from_millis(200)))
        );
        for wrong in ["sent", "sent=1", "sent=a:1", "sent=1:b"] {
            assert_eq!(Pause::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn chance_varies_within_bounds() {
        let chances: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(
            chances.iter().any(|chance| *chance > 0.5)
                && chances.iter().any(|chance| *chance < 0.5)
        );
    }
}
