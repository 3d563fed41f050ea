use super::*;
use crate::feed::NO_RANK;
use crate::observation::Step;
use crate::store::{Operation, Steps};

fn behind(number: u128, position: i64) -> Behind {
    Behind {
        id: Uuid::from_u128(number),
        events: event::names(),
        user_id: None,
        position,
    }
}

/// Returns a command that was accepted and has begun, in one change.
fn change(number: i64) -> Change {
    let step = Some(Step {
        partition: 0,
        offset: number,
        at: Timestamp::UNIX_EPOCH,
    });
    Change {
        number,
        from_rank: NO_RANK,
        to_rank: 1,
        operation: Operation {
            steps: Steps::new(step, step),
            ..Operation::example(number.unsigned_abs().into())
        },
    }
}

#[test]
fn page_ends_with_the_whole_change_that_reaches_the_bound() {
    let webhooks = [behind(1, 0), behind(2, 1)];
    let changes: Vec<_> = (1..=4).map(change).collect();
    let of = |most| Rows::of(&webhooks, &changes, &Resources::default(), most);
    let (rows, cut) = of(3);
    // One webhook has the first change already.
    assert_eq!(rows.numbers, [1, 1, 2, 2, 2, 2]);
    assert_eq!(rows.ranks, [0, 1, 0, 0, 1, 1]);
    assert_eq!(cut, Some(2));
    let (rows, cut) = of(100);
    assert_eq!((rows.numbers.len(), cut), (14, None));
}
