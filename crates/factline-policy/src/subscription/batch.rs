//! Facts on their way to the effect, and where each stands.

use factline::Fact;

use super::offsets::Places;
use factline_kafka::consumer::group::Key;

/// Facts of several partitions, in the order of each, and the records that were read to get them.
pub(crate) struct Batch<E> {
    pub(crate) facts: Vec<Fact<E>>,
    /// Where each fact stands.
    places: Vec<(Key, i64)>,
    /// Every record that was read, those included that are no facts for us.
    read: Vec<(Key, i64)>,
}

impl<E> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            facts: Vec::new(),
            places: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Takes in a record; `fact` if it is one for us.
    pub(crate) fn push(&mut self, key: Key, offset: i64, fact: Option<Fact<E>>) {
        if let Some(fact) = fact {
            self.facts.push(fact);
            self.places.push((key.clone(), offset));
        }
        self.read.push((key, offset));
    }

    /// Where a fact stands.
    pub(crate) fn place(&self, fact: usize) -> Option<&(Key, i64)> {
        self.places.get(fact)
    }

    /// Drops what is not ours any more.
    pub(crate) fn keep_wanted(&mut self, places: &Places) {
        self.retain(|key, offset| places.wants(key, offset));
    }

    /// Drops a partition's records from an offset on.
    pub(crate) fn cut(&mut self, stopped: &Key, from: i64) {
        self.retain(|key, offset| key != stopped || offset < from);
    }

    /// Every record of it was carried out.
    pub(crate) fn done(self, places: &mut Places) {
        for (key, offset) in self.read {
            places.done(&key, offset + 1);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Key, i64) -> bool) {
        let kept = std::mem::take(&mut self.facts)
            .into_iter()
            .zip(std::mem::take(&mut self.places))
            .filter(|(_, (key, offset))| keep(key, *offset));
        (self.facts, self.places) = kept.unzip();
        self.read.retain(|(key, offset)| keep(key, *offset));
    }
}
