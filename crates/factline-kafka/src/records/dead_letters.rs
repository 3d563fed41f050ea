//! Names of the headers that a dead letter has in addition to those of its record. The handlers,
//! the policies and the command-line tool write and read them.

/// Beginning of all these names.
pub const PREFIX: &str = "deadletter_";

/// The operation of the command; letters of policies have none.
pub const OPERATION: &str = "deadletter_operation";
/// The place of the record, as `topic/partition@offset`.
pub const POSITION: &str = "deadletter_position";
/// The stable code of the failure.
pub const CODE: &str = "deadletter_code";
/// The failure reason, for people.
pub const REASON: &str = "deadletter_reason";
/// The key of the record, if it has one.
pub const KEY: &str = "deadletter_key";

/// The decision of an operator about a letter.
pub const MARK: &str = "deadletter_mark";
/// The operator who decided.
pub const MARKED_BY: &str = "deadletter_markedby";
/// The time of the decision.
pub const MARKED_AT: &str = "deadletter_markedat";
/// The operation of the command that a redrive has sent.
pub const RETRY: &str = "deadletter_retry";
/// The reason for which a letter was discarded.
pub const NOTE: &str = "deadletter_note";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_the_prefix() {
        let names = [
            OPERATION, POSITION, CODE, REASON, KEY, MARK, MARKED_BY, MARKED_AT, RETRY, NOTE,
        ];
        assert!(names.iter().all(|name| name.starts_with(PREFIX)));
    }
}
