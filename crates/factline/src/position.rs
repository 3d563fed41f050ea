//! Positions: how far a reader must have read to see what a writer saw.
//!
//! A position is a set of points. Each point is a topic with its identity, a partition, and that
//! partition's *event sequence*. It is not the offset, because offsets have gaps and a copied topic
//! would have different ones. The text form is opaque to clients: base64url of
//! `topic/partition@sequence#identity`, joined by commas, after a `1` for this format.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Maximum number of points in a text. A reader compares each with every partition that it reads. A
/// position that grows along a workflow loses its oldest points beyond it: a reader may then wait
/// for less than the whole workflow.
pub const MAX_POINTS: usize = 64;

/// One partition's event sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Topic name, with its prefix.
    pub topic: String,
    /// First eight hex digits of Kafka's id of the topic, so that a deleted and recreated topic is
    /// detected.
    pub identity: String,
    /// Partition number.
    pub partition: i32,
    /// Number of the event within its partition; the first is 1.
    pub sequence: u64,
}

/// A set of points, at most one for each partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    points: Vec<Point>,
}

/// A text that is not a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a position: {why}")]
pub struct InvalidPosition {
    why: &'static str,
}

impl Position {
    /// Creates the position of one point.
    pub fn at(point: Point) -> Self {
        Self {
            points: vec![point],
        }
    }

    /// Returns the points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Keeps at most this many points: the ones that were added last.
    pub fn keep_last(&mut self, most: usize) {
        let surplus = self.points.len().saturating_sub(most);
        self.points.drain(..surplus);
    }

    /// Merges another position: for each partition the higher sequence stays.
    pub fn merge(&mut self, other: &Self) {
        for point in &other.points {
            let known = self.points.iter_mut().find(|known| {
                known.topic == point.topic
                    && known.partition == point.partition
                    && known.identity == point.identity
            });
            match known {
                Some(known) => known.sequence = known.sequence.max(point.sequence),
                None => self.points.push(point.clone()),
            }
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = String::with_capacity(64 * self.points.len());
        for (index, point) in self.points.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            let (topic, partition) = (&point.topic, point.partition);
            let (sequence, identity) = (point.sequence, &point.identity);
            write!(list, "{topic}/{partition}@{sequence}#{identity}")?;
        }
        let text = Base64Display::new(list.as_bytes(), &URL_SAFE_NO_PAD);
        write!(formatter, "1{text}")
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let bad = |why| InvalidPosition { why };
        let encoded = text.strip_prefix('1').ok_or(bad("unknown format"))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| bad("not base64url"))?;
        let list = String::from_utf8(bytes).map_err(|_| bad("not UTF-8"))?;
        let mut position = Self::default();
        for part in list.split(',').filter(|part| !part.is_empty()) {
            let (rest, identity) = part.split_once('#').ok_or(bad("point without identity"))?;
            let (rest, sequence) = rest.rsplit_once('@').ok_or(bad("point without sequence"))?;
            let (topic, partition) = rest
                .rsplit_once('/')
                .ok_or(bad("point without partition"))?;
            position.merge(&Self::at(Point {
                topic: topic.to_owned(),
                identity: identity.to_owned(),
                partition: partition
                    .parse()
                    .map_err(|_| bad("partition is not a number"))?,
                sequence: sequence
                    .parse()
                    .map_err(|_| bad("sequence is not a number"))?,
            }));
            // Checked at each point: merging a long text would cost the square of its length.
            if position.points.len() > MAX_POINTS {
                return Err(bad("names more than 64 partitions"));
            }
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(topic: &str, partition: i32, sequence: u64) -> Position {
        Position::at(Point {
            topic: topic.into(),
            identity: "0a1b2c3d".into(),
            partition,
            sequence,
        })
    }

    #[test]
    fn position_roundtrips_through_text() {
        let mut position = point("a.b.events", 3, 57);
        position.merge(&point("c.d.events", 0, 1));
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn merge_keeps_the_higher_sequence() {
        let mut position = point("a.b.events", 3, 57);
        position.merge(&point("a.b.events", 3, 12));
        assert_eq!(position, point("a.b.events", 3, 57));
    }

    #[test]
    fn text_has_a_maximum_number_of_points() {
        let of = |count: usize| {
            let parts: Vec<_> = (0..count).map(|number| format!("t/{number}@1#0")).collect();
            let list = URL_SAFE_NO_PAD.encode(parts.join(","));
            format!("1{list}").parse::<Position>()
        };
        assert_eq!(of(MAX_POINTS).unwrap().points().len(), MAX_POINTS);
        let error = of(MAX_POINTS + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a position: names more than 64 partitions"
        );
    }

    #[test]
    fn invalid_text_is_refused() {
        for text in ["", "2abc", "1*", "1YWJj"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    /// Points as the log has them.
    fn points() -> impl Strategy<Value = Vec<Point>> {
        let point = (
            "[a-zA-Z0-9._-]{1,20}",
            "[0-9a-f]{8}",
            0..9_i32,
            any::<u64>(),
        );
        let point = point.prop_map(|(topic, identity, partition, sequence)| Point {
            topic,
            identity,
            partition,
            sequence,
        });
        prop::collection::vec(point, 0..=MAX_POINTS)
    }

    /// Texts that are positions, nearly so, or not at all.
    fn texts() -> impl Strategy<Value = String> {
        let near = prop::collection::vec("[a/@#,0-9-]{0,12}", 0..100);
        prop_oneof![
            any::<String>(),
            any::<Vec<u8>>().prop_map(|bytes| format!("1{}", URL_SAFE_NO_PAD.encode(bytes))),
            near.prop_map(|parts| format!("1{}", URL_SAFE_NO_PAD.encode(parts.join(",")))),
        ]
    }

    proptest! {
        #[test]
        fn every_position_roundtrips_through_text(points in points()) {
            let mut position = Position::default();
            for point in points {
                position.merge(&Position::at(point));
            }
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn any_text_is_refused_or_a_bounded_position(text in texts()) {
            if let Ok(position) = text.parse::<Position>() {
                prop_assert!(position.points().len() <= MAX_POINTS);
                prop_assert_eq!(position.to_string().parse(), Ok(position));
            }
        }
    }
}
