//! Positions: of a client's header, and of a record's.

use factline::{Point, Position};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "position",
    most_bytes: 64 << 10,
    seeds,
    memory_of_byte: 0,
    read,
};

fn read(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(position) = text.parse::<Position>() else {
        return;
    };
    let written = position.to_string();
    assert_eq!(written.parse(), Ok(position.clone()), "{written}");
    let mut merged = position.clone();
    merged.merge(&position);
    assert_eq!(merged, position);
}

pub(super) fn example() -> Position {
    let mut position = Position::default();
    for partition in 0..3 {
        position.merge(&Position::at(Point {
            topic: "ordering.order.events".to_owned(),
            identity: "0a1b2c3d".to_owned(),
            partition,
            sequence: 1 << (20 * partition),
        }));
    }
    position
}

fn seeds() -> Vec<Vec<u8>> {
    vec![example().to_string().into_bytes(), Vec::new()]
}
