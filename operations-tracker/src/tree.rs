//! What an operation led to, as a tree: each operation below the one whose fact led to it.
//!
//! Rows come in any order, and anybody may write a command that names any parent. So an operation whose parent is
//! not there yet hangs below the root until it is, a parent that would make a ring is not believed, and the tree is
//! no deeper than readers of JSON can follow. Nothing is written here.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::store::{Found, Operation};

/// How deep a tree is shown. Parsers of JSON give up somewhere, some at 128 brackets; each level takes two.
pub const DEEPEST: usize = 32;

/// An operation above those that it led to, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// What its facts led to.
    pub children: Vec<Self>,
}

/// The tree below what was found, and whether it is cut: wide or deep beyond what is shown.
pub fn tree(found: &Found) -> (Tree<'_>, bool) {
    let top = &found.operation;
    let root = top.root.unwrap_or(top.id);
    let parents = parents(found, root);
    let mut children: HashMap<Uuid, Vec<&Operation>> = HashMap::new();
    for operation in &found.related {
        // The operation that was asked for stands at the top, wherever it hangs.
        if operation.id != top.id
            && let Some(parent) = parents.get(&operation.id)
        {
            children.entry(*parent).or_default().push(operation);
        }
    }
    let mut truncated = found.truncated;
    let tree = grow(top, &children, DEEPEST, &mut truncated);
    (tree, truncated)
}

/// Whose child each operation is; the root is nobody's.
fn parents(found: &Found, root: Uuid) -> HashMap<Uuid, Uuid> {
    let all = || found.related.iter().chain([&found.operation]);
    let known: HashSet<Uuid> = all().map(|operation| operation.id).collect();
    let mut parents = HashMap::new();
    for operation in all().filter(|operation| operation.id != root) {
        if parents.contains_key(&operation.id) {
            continue;
        }
        let named = operation
            .parent
            .filter(|parent| known.contains(parent) && !is_below(&parents, *parent, operation.id));
        parents.insert(operation.id, named.unwrap_or(root));
    }
    parents
}

/// Whether `operation` is `above` or hangs below it. The links so far make no ring, so it ends.
fn is_below(parents: &HashMap<Uuid, Uuid>, operation: Uuid, above: Uuid) -> bool {
    let mut next = Some(operation);
    while let Some(id) = next {
        if id == above {
            return true;
        }
        next = parents.get(&id).copied();
    }
    false
}

fn grow<'a>(
    operation: &'a Operation,
    children: &HashMap<Uuid, Vec<&'a Operation>>,
    levels: usize,
    truncated: &mut bool,
) -> Tree<'a> {
    let below = children
        .get(&operation.id)
        .map_or(&[][..], |below| &below[..]);
    if levels == 0 {
        *truncated |= !below.is_empty();
        let children = Vec::new();
        return Tree {
            operation,
            children,
        };
    }
    let children = below
        .iter()
        .map(|child| grow(child, children, levels - 1, truncated))
        .collect();
    Tree {
        operation,
        children,
    }
}

#[cfg(test)]
mod tests;
