//! The descendants of an operation as a tree: each operation is a child of the operation whose fact
//! led to it.
//!
//! Rows come in any order, and any client may write a command that names any parent. Until an
//! operation's parent has a row, the operation is shown as a child of the root. A parent that would
//! close a cycle is ignored. The depth of the tree is limited to what JSON parsers can read. This
//! module writes nothing.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::store::{Found, Operation};

/// Maximum depth of a shown tree. JSON parsers have a limit, some of them 128 brackets, and each
/// level takes two.
pub const MAX_DEPTH: usize = 32;

/// An operation with its descendants, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The operations that its facts led to.
    pub children: Vec<Self>,
}

/// Returns the tree of a look-up, and whether it is truncated because it is wider or deeper than
/// the limits.
pub fn tree(found: &Found) -> (Tree<'_>, bool) {
    let top = &found.operation;
    let root = top.root.unwrap_or(top.id);
    let parents = parents(found, root);
    let mut children: HashMap<Uuid, Vec<&Operation>> = HashMap::new();
    for operation in &found.related {
        // The requested operation is the top, whatever its parent is.
        if operation.id != top.id
            && let Some(parent) = parents.get(&operation.id)
        {
            children.entry(*parent).or_default().push(operation);
        }
    }
    let mut truncated = found.truncated;
    let tree = grow(top, &children, MAX_DEPTH, &mut truncated);
    (tree, truncated)
}

/// Returns the parent of each operation. The root has none.
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

/// Returns whether `operation` is `above` or a descendant of it. The links so far contain no cycle,
/// so the loop ends.
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
