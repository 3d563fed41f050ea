//! Models of the core protocols, explored state by state.
//!
//! A test of the real system covers the interleavings that happen to occur. A model is small enough
//! to explore all of them. A property that holds here holds by the protocol, for any timing,
//! provided that the model matches the code. Each rule can also be left out. If no violation is
//! found then, either the model is too coarse or the rule is unnecessary.
//!
//! - `explore`: breadth-first exploration of all states of a model
//! - `takeover`: the command handler: transactions, rebalances, recovery
//! - `checkpoint`: a view's rows and its checkpoint
//! - `parked`: the parked key of a view
//! - `tracker`: an operation's row
//! - `feed`: the numbered changes of operations
//! - `deliveries`: the commands of a sender, of which the handler remembers only some
//! - `cancels`: a command and its cancel
//!
//! `docs/correctness.md` lists the findings and the limits. `cargo run -p model -- NAME` prints the
//! violation that follows from leaving out a rule. To add a rule, add a variant of `Rule`, its
//! name, an `if keeps` in the model, and a row of that document. To add a model, add a module and
//! its arm in `left_out`.

pub mod cancels;
pub mod checkpoint;
pub mod deliveries;
pub mod explore;
pub mod feed;
pub mod parked;
pub mod takeover;
pub mod tracker;

use cancels::Cancels;
use checkpoint::Checkpoint;
use deliveries::Deliveries;
use explore::{Explored, explore};
use factline_failpoints::Mutant;
use feed::Feed;
use parked::Parking;
use takeover::Takeover;
use takeover::rule::Rule;
use takeover::state::Id;
use tracker::Tracker;

/// Two commands, one after the other.
const TWO: (&[Id], bool) = (&[0, 1], false);
/// A command that is appended twice.
const TWICE: (&[Id], bool) = (&[0, 0], false);
/// A command that sets a deadline.
const DEADLINE: (&[Id], bool) = (&[0], true);

/// Leaves out the rules with these names, all of one model, and searches for a violation that other
/// processes can observe. Returns none if there is no such rule.
pub fn left_out(names: &[&str]) -> Option<Explored> {
    if names == [Mutant::BlindCheckpoint.name()] {
        return Some(explore(&Checkpoint { compares: false }));
    }
    if names == [Mutant::NoAbsorption.name()] {
        return Some(explore(&Tracker { absorbs: false }));
    }
    if names == [Mutant::UnorderedFeed.name()] {
        return Some(explore(&Feed { locks: false }));
    }
    if let [name] = names
        && let Some(rule) = [cancels::Rule::LookAtCommand]
            .into_iter()
            .chain(cancels::Rule::ALL)
            .find(|rule| rule.left_out() == *name)
    {
        let without = Some(rule);
        return Some(explore(&Cancels { without }));
    }
    if let [name] = names
        && let Some(rule) = deliveries::Rule::ALL
            .into_iter()
            .find(|rule| rule.left_out() == *name)
    {
        let without = Some(rule);
        return Some(explore(&Deliveries { without }));
    }
    if let [name] = names
        && let Some(rule) = parked::Rule::ALL
            .into_iter()
            .find(|rule| rule.left_out() == *name)
    {
        let without = Some(rule);
        return Some(explore(&Parking { without }));
    }
    let rule = |name: &&str| {
        Rule::ALL
            .into_iter()
            .find(|known| known.left_out() == *name)
    };
    let without: Vec<Rule> = names.iter().map(rule).collect::<Option<_>>()?;
    let (commands, deadline) = match without[..] {
        [Rule::Dedupe | Rule::RememberDecided] => TWICE,
        [Rule::DeadlineOffsets] => DEADLINE,
        _ => TWO,
    };
    let model = Takeover::<2> {
        commands: commands.to_vec(),
        deadline,
        batch: 1,
        ahead: without.contains(&Rule::DropNext),
        without,
        inside: false,
    };
    Some(explore(&model))
}
