//! The place of a command among the commands of its sender, so that a handler recognizes a repeat
//! without remembering every command.
//!
//! A sender numbers its commands. With each command it says which numbers are *settled*: their
//! commands were acknowledged, so they are in the log before this one, and the sender will not send
//! them again. A handler that reads a settled number again knows that it is a repeat. It needs to
//! remember only the commands whose numbers are not settled. A record without this header is
//! remembered for the whole dedupe window.
//!
//! To number the commands of another kind of sender, choose a name that no other sender uses, and
//! settle nothing that may still be sent. `tests/model/src/deliveries.rs` shows what goes wrong
//! otherwise.

use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// Maximum length of a sender's name in bytes.
const MAX_SENDER: usize = 1000;

/// The number of a command among those of its sender, and the numbers that are settled.
///
/// As text: `number begin-end sender`, such as `17 0-12 /policies/checkout.pay/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Name of the sender, unique among all senders of the topic.
    pub sender: Arc<str>,
    /// Number of this command. Several commands may share a number, if they are settled together.
    pub number: u64,
    /// The settled numbers.
    pub settled: Range<u64>,
}

/// Text that is not a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery: expected a number, a range of numbers and a sender")]
pub struct InvalidDelivery;

impl Display for Delivery {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        let Range { start, end } = self.settled;
        write!(to, "{} {start}-{end} {}", self.number, self.sender)
    }
}

impl FromStr for Delivery {
    type Err = InvalidDelivery;

    fn from_str(text: &str) -> Result<Self, InvalidDelivery> {
        let mut parts = text.splitn(3, ' ');
        let mut part = || parts.next().ok_or(InvalidDelivery);
        let (number, settled, sender) = (part()?, part()?, part()?);
        let parsed = |text: &str| text.parse().map_err(|_| InvalidDelivery);
        let (start, end) = settled.split_once('-').ok_or(InvalidDelivery)?;
        let (number, settled) = (parsed(number)?, parsed(start)?..parsed(end)?);
        if settled.start > settled.end || sender.is_empty() || sender.len() > MAX_SENDER {
            return Err(InvalidDelivery);
        }
        Ok(Self {
            sender: sender.into(),
            number,
            settled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        let delivery = Delivery {
            sender: "/policies/a b/c".into(),
            number: u64::MAX,
            settled: 3..17,
        };
        let text = delivery.to_string();
        assert_eq!(text, "18446744073709551615 3-17 /policies/a b/c");
        assert_eq!(text.parse(), Ok(delivery));
    }

    #[test]
    fn other_text_is_invalid() {
        let long = format!("1 0-1 {}", "x".repeat(1001));
        for text in [
            "",
            "1",
            "1 0-1",
            "1 0-1 ",
            "x 0-1 a",
            "1 0 a",
            "1 2-1 a",
            "-1 0-1 a",
            "1 0--1 a",
            "18446744073709551616 0-1 a",
            &long,
        ] {
            assert_eq!(text.parse::<Delivery>(), Err(InvalidDelivery), "{text}");
        }
    }
}
