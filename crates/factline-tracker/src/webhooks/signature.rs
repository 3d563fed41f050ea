//! Signatures of Standard Webhooks: HMAC-SHA256 of id, timestamp and body.
//! See <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of a secret. The specification permits 24 to 64.
const BYTES: usize = 32;

/// The beginning of the text of a secret.
const PREFIX: &str = "whsec_";

/// The key that a receiver shares with the tracker.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Generates a secret.
    pub(super) fn generate() -> Self {
        Self(rand::random::<[u8; BYTES]>().to_vec())
    }

    /// Returns the secret of a row.
    pub(super) fn from_row(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of its row.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text that its receiver gets, once.
    pub(super) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Returns one signature of `webhook-signature`.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        // The algorithm takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        for part in [id, ".", &timestamp.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    /// Omits the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Returns the value of `webhook-signature`: one signature by each secret.
pub(super) fn header(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| secret.sign(id, timestamp, body))
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's own libraries.
    #[test]
    fn signature_is_that_of_the_reference_libraries() {
        let secret = Secret(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn secrets_are_random_and_are_not_printed() {
        let (one, other) = (Secret::generate(), Secret::generate());
        assert!(one != other && one.0.len() == BYTES);
        assert_eq!(format!("{one:?}"), "Secret");
    }

    #[test]
    fn each_secret_has_its_signature() {
        let secrets = [Secret::generate(), Secret::generate()];
        let header = header(&secrets, "1", 2, "{}");
        let expected: Vec<_> = secrets
            .iter()
            .map(|secret| secret.sign("1", 2, "{}"))
            .collect();
        assert_eq!(header.split(' ').collect::<Vec<_>>(), expected);
    }
}
