//! Distinguishes transient database errors, which callers answer with "try again", from faults of
//! the request or the program.

/// Returns whether the database is unavailable or temporarily overloaded. Every other error is a
/// fault of the statement or its data.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_transient_code(&code)),
        _ => false,
    }
}

/// SQLSTATE classes of what passes by itself or by an operator's hand: connection failures,
/// insufficient resources, transactions that have to be repeated (serialization, deadlock),
/// shutdown and cancelled statements, failures of the operating system.
const TRANSIENT_CLASSES: [&str; 5] = ["08", "53", "40", "57", "58"];

/// SQLSTATEs of other classes that pass by themselves: a lock that is held too long, a transaction
/// that was idle or open too long, and a primary that has become a standby.
const TRANSIENT_CODES: [&str; 4] = ["55P03", "25P03", "25P04", "25006"];

/// Returns whether a SQLSTATE means that the same statement can succeed later.
fn is_transient_code(code: &str) -> bool {
    let mut classes = TRANSIENT_CLASSES.iter();
    classes.any(|class| code.starts_with(class)) || TRANSIENT_CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_errors_are_distinguished_from_faults() {
        assert!(is_transient(&sqlx::Error::PoolTimedOut));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
        for code in [
            "08006", "53300", "57P01", "57014", "55P03", "40001", "40P01", "25006",
        ] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["42501", "23505", "22001"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
