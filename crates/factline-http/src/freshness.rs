//! Read-your-writes: the position that a read has to wait for, and the headers of a response that
//! may lack events.

use axum::http::{HeaderMap, HeaderName};
use factline::Position;
use factline::position::MAX_POINTS;

use crate::Problem;

/// The request header that carries the position of a completed operation.
pub const POSITION: HeaderName = HeaderName::from_static("factline-position");

/// The response header with the state of a response: whether it waited for its position, and what
/// it may lack.
pub const READ: HeaderName = HeaderName::from_static("factline-read");

/// The response header with the number of aggregates of which the view has parked events.
pub const PARKED_KEYS: HeaderName = HeaderName::from_static("factline-parked-keys");

/// The response header with the time of the first event that the item lacks.
pub const PARKED_SINCE: HeaderName = HeaderName::from_static("factline-parked-since");

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
            let merged = merged.get_or_insert_default();
            merged.merge(&position);
            if merged.points().len() > MAX_POINTS {
                return Err(refused(format!("names more than {MAX_POINTS} partitions")));
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use factline::Point;
    use proptest::prelude::*;

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
    fn positions_have_a_maximum_number_of_points_together() {
        let mut headers = HeaderMap::new();
        for partition in 0..=64 {
            headers.append(POSITION, at(partition).to_string().parse().unwrap());
        }
        let problem = position(&headers).unwrap_err();
        assert_eq!(problem.errors()[0].detail, "names more than 64 partitions");
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

    proptest! {
        #[test]
        fn any_headers_are_refused_or_a_bounded_position(
            values in prop::collection::vec(prop_oneof![
                any::<Vec<u8>>(),
                "[ ,a-zA-Z0-9_-]{0,40}".prop_map(String::into_bytes),
                (0..99).prop_map(|partition| at(partition).to_string().into_bytes()),
            ], 0..80)
        ) {
            let mut headers = HeaderMap::new();
            for value in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(POSITION, value);
                }
            }
            match position(&headers) {
                Ok(read) => prop_assert!(read.is_none_or(|read| read.points().len() <= MAX_POINTS)),
                Err(problem) => prop_assert_eq!(problem.errors().len(), 1),
            }
        }
    }
}
