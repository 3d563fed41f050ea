//! Breadth-first exploration of all states of a model.
//!
//! The exploration answers two questions. First, is there a wrong state? If so, the path to it is
//! the shortest one. Second, is there a state from which the end can no longer be reached, although
//! no further fault occurs? This replaces the property "in the end everything is done", which an
//! endless sequence of faults could always violate.
//!
//! Published checkers were considered and not used. The liveness checks of those for Rust miss
//! cycles, and a protocol with retries is full of cycles. This implementation is one page.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::rc::Rc;

/// A model to explore.
pub trait Model {
    /// The complete state at one moment.
    type State: Clone + Eq + Hash;
    /// The step from one state to another, with a human-readable description.
    type Action: Display;

    /// Returns the initial state.
    fn initial(&self) -> Self::State;

    /// Adds all possible next steps.
    fn next(&self, state: &Self::State, next: &mut Next<'_, Self::State, Self::Action>);

    /// Returns what is wrong with a state.
    fn wrong(&self, state: &Self::State) -> Option<String>;

    /// Returns true if all work is done.
    fn is_done(&self, state: &Self::State) -> bool;

    /// Returns the representative of all states that differ from this one in names only.
    fn representative(&self, state: Self::State) -> Self::State {
        state
    }
}

/// Collects the possible next steps of a state.
pub struct Next<'s, S, A> {
    from: &'s S,
    found: Vec<(A, bool, S)>,
}

impl<S: Clone, A> Next<'_, S, A> {
    /// Adds a step that is taken sooner or later.
    pub fn step(&mut self, action: A, change: impl FnOnce(&mut S)) {
        self.add(action, false, change);
    }

    /// Adds a fault, which may occur at any time and need not occur.
    pub fn fault(&mut self, action: A, change: impl FnOnce(&mut S)) {
        self.add(action, true, change);
    }

    /// Adds a step or a fault.
    pub fn add(&mut self, action: A, is_fault: bool, change: impl FnOnce(&mut S)) {
        let mut to = self.from.clone();
        change(&mut to);
        self.found.push((action, is_fault, to));
    }
}

/// The result of an exploration.
#[derive(Debug)]
pub struct Explored {
    /// Number of states seen: all there are, if no violation was found.
    pub states: usize,
    /// Steps to the farthest state.
    pub depth: usize,
    /// The violation.
    pub found: Option<Counterexample>,
}

/// A path to a violation.
#[derive(Debug)]
pub struct Counterexample {
    /// The violation.
    pub what: String,
    /// The shortest path to it.
    pub steps: Vec<String>,
}

impl Display for Counterexample {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(formatter, "{:4}. {step}", number + 1)?;
        }
        write!(formatter, "      {}", self.what)
    }
}

/// Maximum number of states. The exploration of a larger model is aborted.
const MOST: usize = 8_000_000;

/// The states seen so far, each with a number.
struct Seen<S> {
    numbers: HashMap<Rc<S>, u32>,
    states: Vec<Rc<S>>,
    /// The state from which each state was first reached.
    parents: Vec<u32>,
    /// Steps that are not faults, as target and source.
    steps: Vec<(u32, u32)>,
}

impl<S: Eq + Hash> Seen<S> {
    fn number(&mut self, state: S, parent: u32) -> u32 {
        if let Some(known) = self.numbers.get(&state) {
            return *known;
        }
        let number = u32::try_from(self.states.len()).expect("few enough states");
        let state = Rc::new(state);
        self.states.push(Rc::clone(&state));
        self.parents.push(parent);
        self.numbers.insert(state, number);
        number
    }

    /// Returns the path to a state from the initial one.
    fn path(&self, mut number: u32) -> Vec<u32> {
        let mut path = vec![number];
        while number != 0 {
            number = self.parents[number as usize];
            path.push(number);
        }
        path.reverse();
        path
    }

    /// Returns the first state from which no step leads to any of these.
    fn stranded(&mut self, mut reached: Vec<u32>) -> Option<u32> {
        self.steps.sort_unstable();
        let mut leads_on = vec![false; self.states.len()];
        for done in &reached {
            leads_on[*done as usize] = true;
        }
        while let Some(to) = reached.pop() {
            let begin = self.steps.partition_point(|step| step.0 < to);
            for (_, from) in self.steps[begin..].iter().take_while(|step| step.0 == to) {
                if !std::mem::replace(&mut leads_on[*from as usize], true) {
                    reached.push(*from);
                }
            }
        }
        let stranded = leads_on.iter().position(|leads_on| !leads_on)?;
        u32::try_from(stranded).ok()
    }
}

/// Explores a model until a violation is found or all states have been seen.
///
/// # Panics
///
/// If the model has too many states.
pub fn explore<M: Model>(model: &M) -> Explored {
    let mut seen = Seen {
        numbers: HashMap::new(),
        states: Vec::new(),
        parents: Vec::new(),
        steps: Vec::new(),
    };
    seen.number(model.representative(model.initial()), 0);
    let (mut done, mut at) = (Vec::new(), 0_u32);
    while let Some(state) = seen.states.get(at as usize).cloned() {
        if let Some(what) = model.wrong(&state) {
            return report(model, &seen, Some((at, what)));
        }
        if model.is_done(&state) {
            done.push(at);
        }
        for (_, is_fault, to) in successors(model, &state) {
            let to = seen.number(model.representative(to), at);
            if !is_fault && to != at {
                seen.steps.push((to, at));
            }
        }
        assert!(seen.states.len() < MOST, "the model is too large");
        at += 1;
    }
    let stranded = seen.stranded(done);
    let what = "the end cannot be reached from here, even without further faults";
    report(model, &seen, stranded.map(|at| (at, what.to_owned())))
}

fn successors<M: Model>(model: &M, state: &M::State) -> Vec<(M::Action, bool, M::State)> {
    let mut next = Next {
        from: state,
        found: Vec::new(),
    };
    model.next(state, &mut next);
    next.found
}

fn report<M: Model>(model: &M, seen: &Seen<M::State>, found: Option<(u32, String)>) -> Explored {
    let last = u32::try_from(seen.states.len() - 1).expect("few enough states");
    Explored {
        states: seen.states.len(),
        depth: seen.path(last).len() - 1,
        found: found.map(|(at, what)| Counterexample {
            what,
            steps: describe_steps(model, seen, &seen.path(at)),
        }),
    }
}

/// Returns the steps of a path. Representatives change names from one state to the next, so the
/// path is replayed without them.
fn describe_steps<M: Model>(model: &M, seen: &Seen<M::State>, path: &[u32]) -> Vec<String> {
    let mut state = model.initial();
    let mut steps = Vec::new();
    for number in &path[1..] {
        let want = &seen.states[*number as usize];
        let step = successors(model, &state)
            .into_iter()
            .find(|(_, _, to)| model.representative(to.clone()) == **want);
        let (action, is_fault, to) = step.expect("the path was explored before");
        steps.push(format!("{}{action}", if is_fault { "! " } else { "  " }));
        state = to;
    }
    steps
}
