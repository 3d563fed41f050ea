//! Read-your-writes: the position that a read has to wait for.

use axum::http::{HeaderMap, HeaderName};
use factline::Position;

use crate::Problem;

/// The request header that carries the position of a completed operation.
pub const POSITION: HeaderName = HeaderName::from_static("factline-position");

/// Maximum number of positions that a request may name; each costs a comparison per consumed
/// partition.
const MOST_POINTS: usize = 64;

/// Reads `Factline-Position`. Several values are merged, so a client may send the positions of
/// several operations.
pub fn position(request: &HeaderMap) -> Result<Option<Position>, Problem> {
    let refused = |why: String| Problem::invalid_request().parameter("Factline-Position", why);
    let mut merged: Option<Position> = None;
    for value in request.get_all(POSITION) {
        let text = value
            .to_str()
            .map_err(|_| refused("not a position: not visible ASCII".to_owned()))?;
        for part in text.split(',').map(str::trim) {
            let position: Position = part
                .parse()
                .map_err(|error: factline::position::InvalidPosition| refused(error.to_string()))?;
            merged.get_or_insert_default().merge(&position);
        }
    }
    match merged {
        Some(position) if position.points().len() > MOST_POINTS => {
            Err(refused(format!("names more than {MOST_POINTS} partitions")))
        }
        merged => Ok(merged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factline::Point;

    fn at(partition: i32) -> Position {
        Position::at(Point {
            topic: "a.b.events".into(),
            identity: "0a1b2c3d".into(),
            partition,
            sequence: 9,
        })
    }

    #[test]
    fn several_positions_are_merged() {
        let mut headers = HeaderMap::new();
        assert_eq!(position(&headers), Ok(None));
        headers.append(POSITION, format!("{}, {}", at(0), at(1)).parse().unwrap());
        headers.append(POSITION, at(2).to_string().parse().unwrap());
        let read = position(&headers).unwrap().unwrap();
        assert_eq!(read.points().len(), 3);
    }

    #[test]
    fn invalid_position_is_named_in_the_problem() {
        let mut headers = HeaderMap::new();
        headers.append(POSITION, "newest".parse().unwrap());
        let problem = position(&headers).unwrap_err();
        assert_eq!(
            problem.errors()[0].parameter.as_deref(),
            Some("Factline-Position")
        );
    }
}
