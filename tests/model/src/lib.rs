//! Models of the protocols that everything rests on, explored state by state.
//!
//! A test of the real thing meets the interleavings that happen to come. A model is small enough that all of them are
//! seen: what holds here holds by the protocol, whatever the timing, as far as the model is true to the code. And each
//! rule can be left out: if nothing is found then, either the model is too coarse or the rule is not needed.
//!
//! - `explore`: all states of a model, breadth first
//! - `takeover`: the command handler: transactions, rebalances, restores
//! - `checkpoint`: a view's rows and its checkpoint
//! - `tracker`: an operation's row
//!
//! What was found, and what is not covered, is in `docs/correctness.md`. `cargo run -p model -- NAME` tells what comes of a rule
//! that is left out. One more rule is a variant of `Rule`, its name, an `if keeps` in the model, and a row of that document;
//! one more model is a module, and its arm in `left_out`.

pub mod checkpoint;
pub mod explore;
pub mod takeover;
pub mod tracker;

use checkpoint::Checkpoint;
use explore::{Explored, explore};
use factline_failpoints::Mutant;
use takeover::Takeover;
use takeover::rule::Rule;
use takeover::state::Id;
use tracker::Tracker;

/// Two commands, one after the other.
const TWO: (&[Id], bool) = (&[0, 1], false);
/// A command that comes twice.
const TWICE: (&[Id], bool) = (&[0, 0], false);
/// A command that sets a deadline.
const DEADLINE: (&[Id], bool) = (&[0], true);

/// Leaves out what has these names, of one model, and looks for what goes wrong that others can see. None if there is no
/// such rule.
pub fn left_out(names: &[&str]) -> Option<Explored> {
    if names == [Mutant::BlindCheckpoint.name()] {
        return Some(explore(&Checkpoint { compares: false }));
    }
    if names == [Mutant::NoAbsorption.name()] {
        return Some(explore(&Tracker { absorbs: false }));
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
        without,
        inside: false,
    };
    Some(explore(&model))
}
