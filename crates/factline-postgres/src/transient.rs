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

/// Returns whether the SQLSTATE class means a connection failure, insufficient resources, or the
/// intervention of an operator who shuts down or cancels.
fn is_transient_code(code: &str) -> bool {
    ["08", "53", "57"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_errors_are_distinguished_from_faults() {
        assert!(is_transient(&sqlx::Error::PoolTimedOut));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
        for code in ["08006", "53300", "57P01"] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["42501", "23505", "22001"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
