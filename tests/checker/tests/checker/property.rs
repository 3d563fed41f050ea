//! Any correct run passes; any change of it is detected.

use checker::check;
use proptest::prelude::*;

use crate::corruption::{KINDS, corrupt};
use crate::good::{run, steps};

proptest! {
    #[test]
    fn correct_history_passes(steps in steps()) {
        let found = check(&run(&steps));
        prop_assert!(found.is_empty(), "{}", found[0]);
    }

    #[test]
    fn any_corruption_is_detected(steps in steps(), kind in 0..KINDS.len(), which in any::<prop::sample::Index>()) {
        let history = run(&steps);
        if let Some(changed) = corrupt(&history, KINDS[kind], which) {
            prop_assert!(changed != history);
            prop_assert!(!check(&changed).is_empty(), "{:?}", KINDS[kind]);
        }
    }
}
