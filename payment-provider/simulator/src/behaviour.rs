//! The planned behaviour for a request: decided when it is accepted, and stored with it.
//!
//! Random numbers derive from the seed and the request's idempotency key, not from one stream.
//! Therefore a run can be repeated whatever the order in which its requests arrive.

use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The provider's general behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Seed of the random choices.
    pub seed: u64,
    /// Percentage of declined payments among those whose method names no behaviour.
    pub decline_percent: u8,
    /// Percentage of duplicated webhooks.
    pub duplicate_percent: u8,
    /// Time until a request is decided.
    pub delay: Delay,
}

/// A range of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay(u64, u64);

/// The plan for one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The result.
    pub verdict: Verdict,
    /// Milliseconds from acceptance to the result.
    pub after_ms: u64,
    /// Number of webhooks about the result; each is a separate event with its own key.
    pub notices: u8,
    /// True if each webhook is sent once more, with the same key, after it was answered.
    pub repeated: bool,
}

/// The result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The money moves.
    Done,
    /// The money does not move, and the provider reports it.
    Declined,
    /// The money does not move, and the provider never reports it.
    Silence,
}

impl Habits {
    /// Returns the plan for a payment.
    pub fn charge(&self, key: &str, method: &str) -> Plan {
        let mut plan = self.refund(key);
        let mut chance = self.chance(key, "charge");
        match method {
            "card-ok" | "card-norefund" => {}
            "card-declined" => plan.verdict = Verdict::Declined,
            "card-silent" => plan.verdict = Verdict::Silence,
            "card-twice" => plan.notices = 2,
            other => match slow(other, "card-slow:").or_else(|| slow(other, "card-norefund:")) {
                Some(after_ms) => plan.after_ms = after_ms,
                None if chance.random_range(0..100) < self.decline_percent => {
                    plan.verdict = Verdict::Declined;
                }
                None => {}
            },
        }
        plan
    }

    /// Returns the plan for a refund that is not refused at once: a provider may delay it, but
    /// executes it.
    pub fn refund(&self, key: &str) -> Plan {
        let mut chance = self.chance(key, "when");
        Plan {
            verdict: Verdict::Done,
            after_ms: chance.random_range(self.delay.0..=self.delay.1),
            notices: 1,
            repeated: chance.random_range(0..100) < self.duplicate_percent,
        }
    }

    fn chance(&self, key: &str, purpose: &str) -> StdRng {
        let drawn = Sha256::digest(format!("{}\u{1f}{purpose}\u{1f}{key}", self.seed));
        StdRng::from_seed(drawn.into())
    }
}

/// Returns true if money that was taken by this method can be refunded.
pub fn gives_back(method: &str) -> bool {
    method != "card-norefund" && slow(method, "card-norefund:").is_none()
}

fn slow(method: &str, name: &str) -> Option<u64> {
    method.strip_prefix(name)?.parse().ok()
}

impl FromStr for Delay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        match (from.parse(), to.parse()) {
            (Ok(from), Ok(to)) if from <= to => Ok(Self(from, to)),
            _ => Err("must be milliseconds as from..to"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habits() -> Habits {
        Habits {
            seed: 7,
            decline_percent: 30,
            duplicate_percent: 50,
            delay: "10..20".parse().unwrap(),
        }
    }

    #[test]
    fn method_selects_its_behaviour() {
        for key in (0..50).map(|key| key.to_string()) {
            let plan = |method| habits().charge(&key, method);
            let ok = plan("card-ok");
            assert_eq!((ok.verdict, ok.notices), (Verdict::Done, 1));
            assert!((10..=20).contains(&ok.after_ms));
            assert_eq!(plan("card-declined").verdict, Verdict::Declined);
            assert_eq!(plan("card-silent").verdict, Verdict::Silence);
            assert_eq!(plan("card-twice").notices, 2);
            let slow = plan("card-slow:2500");
            assert_eq!((slow.verdict, slow.after_ms), (Verdict::Done, 2500));
            assert_eq!(plan("card-norefund"), ok);
            assert_eq!(plan("card-norefund:2500"), slow);
        }
    }

    #[test]
    fn chance_matches_its_percentage_and_is_repeatable() {
        let plans = || -> Vec<Plan> {
            let keys = (0..1000).map(|key| key.to_string());
            keys.map(|key| habits().charge(&key, "visa")).collect()
        };
        let drawn = plans();
        assert_eq!(drawn, plans());
        let count = |wanted: fn(&Plan) -> bool| drawn.iter().filter(|plan| wanted(plan)).count();
        assert!((200..400).contains(&count(|plan| plan.verdict == Verdict::Declined)));
        assert!((400..600).contains(&count(|plan| plan.repeated)));
        let other = Habits {
            seed: 8,
            ..habits()
        };
        assert_ne!(other.charge("1", "visa"), habits().charge("1", "visa"));
    }

    #[test]
    fn some_methods_cannot_be_refunded() {
        for (method, back) in [
            ("card-ok", true),
            ("card-slow:9", true),
            ("visa", true),
            ("card-norefund", false),
            ("card-norefund:9", false),
        ] {
            assert_eq!(gives_back(method), back, "{method}");
        }
    }

    #[test]
    fn delay_is_a_range_or_one_number() {
        assert_eq!("5".parse(), Ok(Delay(5, 5)));
        assert_eq!("0..9".parse(), Ok(Delay(0, 9)));
        for text in ["", "9..0", "a..b", "1..", "-1..2"] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
    }
}
