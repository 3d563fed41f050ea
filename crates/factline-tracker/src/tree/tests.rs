use chrono::TimeDelta;
use factline::Timestamp;

use super::*;

/// Returns operation `id`, created `id` seconds after 1970, of the root 1.
fn operation(id: u128, parent: u128) -> Operation {
    let created_at =
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(id).unwrap_or_default());
    Operation {
        parent: Some(Uuid::from_u128(parent)),
        root: Some(Uuid::from_u128(1)),
        created_at,
        updated_at: created_at,
        ..Operation::example(id)
    }
}

fn root() -> Operation {
    Operation {
        parent: None,
        root: None,
        ..operation(1, 0)
    }
}

fn found(operation: Operation, related: impl IntoIterator<Item = (u128, u128)>) -> Found {
    let related = related
        .into_iter()
        .map(|(id, parent)| self::operation(id, parent));
    Found {
        operation,
        related: related.collect(),
        truncated: false,
        retries: Vec::new(),
        attempt: 1,
    }
}

/// Draws a tree, such as `1(2(4) 3)`.
fn drawn(tree: &Tree<'_>) -> String {
    let id = tree.operation.id.as_u128();
    if tree.children.is_empty() {
        return id.to_string();
    }
    let children: Vec<String> = tree.children.iter().map(drawn).collect();
    format!("{id}({})", children.join(" "))
}

#[test]
fn tree_places_operations_below_their_parents() {
    let related = [(2, 1), (3, 1), (4, 2), (5, 4)];
    assert_eq!(drawn(&tree(&found(root(), related)).0), "1(2(4(5)) 3)");
    let (below, truncated) = (found(operation(2, 1), related), false);
    assert_eq!(drawn(&tree(&below).0), "2(4(5))");
    assert_eq!(tree(&below).1, truncated);
}

#[test]
fn operation_with_a_missing_parent_is_a_child_of_the_root() {
    let related = [(3, 1), (4, 2), (5, 4)];
    assert_eq!(drawn(&tree(&found(root(), related)).0), "1(3 4(5))");
}

#[test]
fn cycle_of_parents_is_cut_without_losing_operations() {
    let ring = [(2, 4), (3, 2), (4, 3), (5, 5), (1, 4)];
    assert_eq!(drawn(&tree(&found(root(), ring)).0), "1(4(2(3)) 5)");
    // A tree that starts within the cycle ends too.
    assert_eq!(drawn(&tree(&found(operation(3, 2), ring)).0), "3");
}

#[test]
fn tree_depth_is_limited() {
    let chain = |length: u128| found(root(), (2..2 + length).map(|id| (id, id - 1)));
    let deepest = MAX_DEPTH as u128;
    assert!(!tree(&chain(deepest)).1);
    let longer = chain(deepest + 1);
    let (shown, truncated) = tree(&longer);
    assert!(truncated);
    assert_eq!(drawn(&shown).matches('(').count(), MAX_DEPTH);
}
