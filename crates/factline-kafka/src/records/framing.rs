//! The Confluent wire format: a zero byte, the schema's id as four big-endian bytes, and the Avro
//! datum.

/// Reason why bytes are not framed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than five bytes.
    #[error("value of {length} bytes is too short for a schema id")]
    Short {
        /// Length of the value.
        length: usize,
    },
    /// The first byte is not zero.
    #[error("value begins with byte {byte:#04x}, expected the magic byte 0x00")]
    Magic {
        /// The first byte.
        byte: u8,
    },
}

/// Returns a framed copy of a datum.
pub fn write(schema_id: i32, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(5 + datum.len());
    value.extend_from_slice(&head(schema_id));
    value.extend_from_slice(datum);
    value
}

/// Frames a datum in place.
pub fn put_before(schema_id: i32, mut datum: Vec<u8>) -> Vec<u8> {
    datum.splice(0..0, head(schema_id));
    datum
}

fn head(schema_id: i32) -> [u8; 5] {
    let [a, b, c, d] = schema_id.to_be_bytes();
    [0, a, b, c, d]
}

/// Returns the schema's id and the datum.
pub fn read(value: &[u8]) -> Result<(i32, &[u8]), Error> {
    match value {
        [0, a, b, c, d, datum @ ..] => Ok((i32::from_be_bytes([*a, *b, *c, *d]), datum)),
        [byte, ..] if *byte != 0 => Err(Error::Magic { byte: *byte }),
        _ => Err(Error::Short {
            length: value.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_frame_reads_back() {
        assert_eq!(read(&write(258, b"datum")), Ok((258, &b"datum"[..])));
        assert_eq!(put_before(258, b"datum".to_vec()), write(258, b"datum"));
    }

    #[test]
    fn read_refuses_unframed_bytes() {
        assert_eq!(read(b"{\"json\":1}"), Err(Error::Magic { byte: b'{' }));
        assert_eq!(read(&[0, 1]), Err(Error::Short { length: 2 }));
        assert_eq!(read(&[]), Err(Error::Short { length: 0 }));
    }
}
