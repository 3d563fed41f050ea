//! Whether an error of the database passes by itself: what is answered with "try again", and what with "our fault".

/// Whether the database cannot be reached or has no room for the moment. Everything else is a fault in what was asked.
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    }
}

/// SQLSTATE classes: connection failure, resources short, and an operator who shuts down or cancels.
fn is_passing(code: &str) -> bool {
    ["08", "53", "57"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_faults() {
        assert!(is_away(&sqlx::Error::PoolTimedOut));
        assert!(!is_away(&sqlx::Error::RowNotFound));
        for code in ["08006", "53300", "57P01"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["42501", "23505", "22001"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
