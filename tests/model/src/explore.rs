//! All states of a model, breadth first.
//!
//! Two things are asked of a model. Is there a state that must not be? Then the way there is the shortest one. And is
//! there a state from which the end cannot be reached any more, if from there on nothing else goes wrong? That is what is
//! asked for instead of "in the end all is done", which faults without end could always prevent.
//!
//! Published checkers were looked at and not taken: what those for Rust have for liveness overlooks cycles, of which a
//! protocol that tries again is full; and this is a page.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::rc::Rc;

/// What is explored.
pub trait Model {
    /// Everything that is, at one moment.
    type State: Clone + Eq + Hash;
    /// Why a state becomes another, for people.
    type Action: Display;

    /// How it begins.
    fn initial(&self) -> Self::State;

    /// Whatever can come next.
    fn next(&self, state: &Self::State, next: &mut Next<'_, Self::State, Self::Action>);

    /// What is wrong with a state.
    fn wrong(&self, state: &Self::State) -> Option<String>;

    /// Whether everything that was to be done is done.
    fn is_done(&self, state: &Self::State) -> bool;

    /// The one that stands for all states that differ from this one in names only.
    fn representative(&self, state: Self::State) -> Self::State {
        state
    }
}

/// Takes what can come next of a state.
pub struct Next<'s, S, A> {
    from: &'s S,
    found: Vec<(A, bool, S)>,
}

impl<S: Clone, A> Next<'_, S, A> {
    /// Something that comes sooner or later of itself.
    pub fn step(&mut self, action: A, change: impl FnOnce(&mut S)) {
        self.add(action, false, change);
    }

    /// Something that may come at any time, and need not.
    pub fn fault(&mut self, action: A, change: impl FnOnce(&mut S)) {
        self.add(action, true, change);
    }

    /// The one or the other.
    pub fn add(&mut self, action: A, is_fault: bool, change: impl FnOnce(&mut S)) {
        let mut to = self.from.clone();
        change(&mut to);
        self.found.push((action, is_fault, to));
    }
}

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored {
    /// How many states were seen: all there are, if nothing was found.
    pub states: usize,
    /// Steps to the farthest of them.
    pub depth: usize,
    /// What is wrong.
    pub found: Option<Counterexample>,
}

/// A way to what must not be.
#[derive(Debug)]
pub struct Counterexample {
    /// What must not be.
    pub what: String,
    /// The shortest way there.
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

/// A model of so many states is no longer small; its exploration is broken off.
const MOST: usize = 8_000_000;

/// The states as they are found. Each has a number.
struct Seen<S> {
    numbers: HashMap<Rc<S>, u32>,
    states: Vec<Rc<S>>,
    /// From which state each was found first.
    parents: Vec<u32>,
    /// Steps that are no faults: where to, where from.
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

    /// The way to a state, from the first.
    fn path(&self, mut number: u32) -> Vec<u32> {
        let mut path = vec![number];
        while number != 0 {
            number = self.parents[number as usize];
            path.push(number);
        }
        path.reverse();
        path
    }

    /// The first state from which no step leads on to any of these.
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

/// Explores a model until something is found or everything was seen.
///
/// # Panics
///
/// When the model has too many states.
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
    let what = "from here on the end is never reached, though nothing more goes wrong";
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
            steps: told(model, seen, &seen.path(at)),
        }),
    }
}

/// The steps of a way. Representatives change names from one state to the next, so the way is gone again without them.
fn told<M: Model>(model: &M, seen: &Seen<M::State>, path: &[u32]) -> Vec<String> {
    let mut state = model.initial();
    let mut told = Vec::new();
    for number in &path[1..] {
        let want = &seen.states[*number as usize];
        let step = successors(model, &state)
            .into_iter()
            .find(|(_, _, to)| model.representative(to.clone()) == **want);
        let (action, is_fault, to) = step.expect("the way was gone before");
        told.push(format!("{}{action}", if is_fault { "! " } else { "  " }));
        state = to;
    }
    told
}
