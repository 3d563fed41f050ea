
    #[test]
    fn {command}_is_accepted() {
        given::<{Aggregate}>([])
            .when(crate::records::{Command} {})
            .then([crate::records::{Event} {}.into()]);
    }
