//! JSON pointers (RFC 6901). The text is written only for an error; until then a pointer is a chain
//! on the stack.

use std::fmt;

/// A pointer to a value in a JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Pointer<'a>(Option<(&'a Self, Step<'a>)>);

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Pointer<'a> {
    /// Returns the pointer to the whole document.
    pub fn root() -> Self {
        Self(None)
    }

    /// Returns the pointer to a member of this object.
    #[must_use]
    pub fn field<'b>(&'b self, name: &'b str) -> Pointer<'b>
    where
        'a: 'b,
    {
        Pointer(Some((self, Step::Field(name))))
    }

    /// Returns the pointer to an item of this array.
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
    fn pointer_escapes_names() {
        let root = Pointer::root();
        assert_eq!(root.to_string(), "");
        let lines = root.field("li~nes/");
        let first = lines.item(0);
        assert_eq!(first.field("").to_string(), "/li~0nes~1/0/");
    }
}
