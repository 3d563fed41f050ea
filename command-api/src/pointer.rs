//! JSON pointers (RFC 6901), written only when something is wrong: on the way down a place is a chain on the stack.

use std::fmt;

/// A place in a JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Pointer<'a>(Option<(&'a Self, Step<'a>)>);

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Pointer<'a> {
    /// The whole document.
    pub fn root() -> Self {
        Self(None)
    }

    /// A member of the object here.
    #[must_use]
    pub fn field<'b>(&'b self, name: &'b str) -> Pointer<'b>
    where
        'a: 'b,
    {
        Pointer(Some((self, Step::Field(name))))
    }

    /// An item of the array here.
    #[must_use]
    pub fn item<'b>(&'b self, index: usize) -> Pointer<'b>
    where
        'a: 'b,
    {
        Pointer(Some((self, Step::Item(index))))
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((parent, step)) = self.0 else {
            return Ok(());
        };
        parent.fmt(formatter)?;
        match step {
            Step::Item(index) => write!(formatter, "/{index}"),
            Step::Field(name) => {
                write!(formatter, "/{}", name.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let root = Pointer::root();
        assert_eq!(root.to_string(), "");
        let lines = root.field("li~nes/");
        let first = lines.item(0);
        assert_eq!(first.field("").to_string(), "/li~0nes~1/0/");
    }
}
