//! Roles of an actor.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of roles. A role's name consists of visible ASCII characters, so that the names can stand
/// in one header, separated by spaces.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Roles(
    /// The names in order, separated by single spaces.
    String,
);

/// A text that is no role's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role {name:?} is empty or has characters other than visible ASCII")]
pub struct InvalidRole {
    /// The text.
    pub name: String,
}

impl Roles {
    /// Creates the empty set.
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// Creates a set of these names.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, InvalidRole> {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            let name = (*name).to_owned();
            return Err(InvalidRole { name });
        }
        Ok(Self(names.into_iter().collect::<Vec<_>>().join(" ")))
    }

    /// Returns whether the set contains a role.
    pub fn contains(&self, role: &str) -> bool {
        self.iter().any(|known| known == role)
    }

    /// Returns the names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// Returns whether there is no role.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names in order, separated by single spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads names that are separated by single spaces. The empty text is the empty set.
impl FromStr for Roles {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        if text.is_empty() {
            return Ok(Self::none());
        }
        Self::of(text.split(' '))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_set() {
        let roles = Roles::of(["librarian", "admin", "librarian"]).unwrap();
        assert_eq!(roles.as_str(), "admin librarian");
        assert_eq!("librarian admin".parse(), Ok(roles.clone()));
        assert!(roles.contains("admin") && !roles.contains("lib") && !roles.contains(""));
        assert_eq!("".parse(), Ok(Roles::none()));
        assert!(Roles::none().is_empty() && !Roles::none().contains(""));
    }

    /// One name must never be read as two.
    #[test]
    fn name_with_a_space_is_refused() {
        for name in ["guest admin", "", "a\u{a0}b", "line\nbreak", "münchen"] {
            let refused = InvalidRole { name: name.into() };
            assert_eq!(Roles::of(["guest", name]), Err(refused));
        }
        for text in [" admin", "admin ", "guest  admin", "guest\tadmin"] {
            assert!(text.parse::<Roles>().is_err(), "{text:?}");
        }
    }
}
