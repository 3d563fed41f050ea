//! A record's headers in one buffer. A record has about twelve headers, and a separate allocation
//! for each name and value would cost more than deciding the command.

use std::fmt;

/// Header names with values, in their order. If a name occurs several times, the last value counts.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers {
    names: String,
    values: Vec<u8>,
    /// End offsets of each name and each value.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// Creates empty headers with room for `count` of them.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            names: String::with_capacity(count * 16),
            values: Vec::with_capacity(count * 32),
            ends: Vec::with_capacity(count),
        }
    }

    /// Appends a header.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.names.push_str(name);
        self.values.extend_from_slice(value);
        self.ends.push((self.names.len(), self.values.len()));
    }

    /// Returns the last value under a name.
    pub fn last(&self, name: &str) -> Option<&[u8]> {
        let header = self.iter().rev().find(|(known, _)| *known == name)?;
        Some(header.1)
    }

    /// Returns all headers, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        (0..self.ends.len()).map(|index| {
            let (name, value) = match index.checked_sub(1) {
                Some(before) => self.ends[before],
                None => (0, 0),
            };
            let (name_end, value_end) = self.ends[index];
            (&self.names[name..name_end], &self.values[value..value_end])
        })
    }

    /// Returns the number of headers.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the size of all names and values in bytes.
    pub fn size(&self) -> usize {
        self.names.len() + self.values.len()
    }

    /// Removes all headers.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::default();
        all.extend(headers);
        all
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, headers: I) {
        for (name, value) in headers {
            self.push(name.as_ref(), value.as_ref());
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self
            .iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(value)));
        formatter.debug_map().entries(texts).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stay_in_order_and_the_last_of_a_name_counts() {
        let given = [("a", "1"), ("", ""), ("b", "22"), ("a", "3")];
        let headers: Headers = given.into_iter().collect();
        let bytes = given.map(|(name, value)| (name, value.as_bytes()));
        assert_eq!(headers.iter().collect::<Vec<_>>(), bytes);
        assert_eq!(headers.last("a"), Some(&b"3"[..]));
        assert_eq!(headers.last("c"), None);
        assert_eq!((headers.len(), headers.size()), (4, 7));
    }
}
