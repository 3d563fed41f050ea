//! Authentication of a process to Kafka, and encryption of the connection.
//!
//! Only the settings of most clusters have an option. Anything else (`OAUTHBEARER`, a key's
//! password) is a librdkafka property in `--kafka-properties`. The brokers define what an
//! authenticated process may do: `deploy/kafka/acls.txt`.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::{EnumValueParser, TypedValueParser};
use rdkafka::ClientConfig;

/// Options for a cluster that requires authentication or encryption. By default there is no
/// security.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KafkaSecurity {
    /// Protocol of the connection to Kafka; the ssl protocols need a program built with the cargo
    /// feature `tls`
    #[arg(
        long = "kafka-security-protocol",
        env = "FACTLINE_KAFKA_SECURITY_PROTOCOL",
        default_value = "plaintext",
        value_parser = EnumValueParser::<Protocol>::new().try_map(Protocol::supported)
    )]
    pub security_protocol: Protocol,

    /// SASL mechanism for user name and password; SCRAM needs a program built with the cargo
    /// feature `tls`
    #[arg(
        long = "kafka-sasl-mechanism",
        env = "FACTLINE_KAFKA_SASL_MECHANISM",
        default_value = "plain",
        value_parser = EnumValueParser::<Mechanism>::new().try_map(Mechanism::supported)
    )]
    pub sasl_mechanism: Mechanism,

    /// User name of this process
    #[arg(
        long = "kafka-sasl-username",
        env = "FACTLINE_KAFKA_SASL_USERNAME",
        required_if_eq_any(SASL),
        requires = "kafka_password"
    )]
    pub sasl_username: Option<String>,

    /// Password of this process; other users of the machine can see a flag, so prefer the variable
    /// or a file
    #[arg(
        long = "kafka-sasl-password",
        env = "FACTLINE_KAFKA_SASL_PASSWORD",
        hide_env_values = true,
        group = "kafka_password"
    )]
    pub sasl_password: Option<Secret>,

    /// File that contains the password, read at start; a line end after the password is ignored
    #[arg(
        long = "kafka-sasl-password-file",
        env = "FACTLINE_KAFKA_SASL_PASSWORD_FILE",
        group = "kafka_password",
        value_parser = secret_in
    )]
    pub sasl_password_file: Option<Secret>,

    /// Certificates (PEM) of the authorities that sign the brokers' certificates; the default is
    /// those of the system
    #[arg(long = "kafka-ca-file", env = "FACTLINE_KAFKA_CA_FILE")]
    pub ca_file: Option<String>,

    /// Certificate (PEM) of this process, for brokers that require one
    #[arg(
        long = "kafka-certificate-file",
        env = "FACTLINE_KAFKA_CERTIFICATE_FILE",
        requires = "key_file"
    )]
    pub certificate_file: Option<String>,

    /// Key (PEM) of that certificate
    #[arg(
        long = "kafka-key-file",
        env = "FACTLINE_KAFKA_KEY_FILE",
        requires = "certificate_file"
    )]
    pub key_file: Option<String>,
}

/// The protocols that need a user name and a password.
const SASL: [(&str, &str); 2] = [
    ("security_protocol", "sasl_plaintext"),
    ("security_protocol", "sasl_ssl"),
];

/// Security protocol of the connection to Kafka.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Protocol {
    /// No authentication, no encryption
    #[default]
    Plaintext,
    /// Encrypted; authentication by certificate
    Ssl,
    /// User name and password; not encrypted
    SaslPlaintext,
    /// User name and password, encrypted
    SaslSsl,
}

/// SASL mechanism for user name and password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// Sends the password itself
    #[default]
    Plain,
    /// Sends a proof of the password
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The same with a longer hash
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

/// A password, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An option needs TLS, and the program was built without it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this program was built without TLS; build it with the cargo feature `tls`, as the image is"
)]
pub struct WithoutTls;

/// `true` if this program was built with TLS.
pub const TLS: bool = cfg!(feature = "tls");

impl KafkaSecurity {
    /// Sets the options of librdkafka.
    pub fn apply(&self, config: &mut ClientConfig) {
        let protocol = self.security_protocol;
        if protocol == Protocol::Plaintext {
            return;
        }
        config.set("security.protocol", protocol.property());
        if protocol.logs_in() {
            config.set("sasl.mechanism", self.sasl_mechanism.property());
        }
        let password = self.sasl_password.as_ref();
        let password = password.or(self.sasl_password_file.as_ref());
        for (key, value) in [
            ("sasl.username", self.sasl_username.as_ref()),
            ("sasl.password", password.map(|Secret(password)| password)),
        ] {
            if let Some(value) = value.filter(|_| protocol.logs_in()) {
                config.set(key, value);
            }
        }
        for (key, file) in [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
        ] {
            if let Some(file) = file.as_ref().filter(|_| protocol.encrypts()) {
                config.set(key, file);
            }
        }
    }
}

impl Protocol {
    fn encrypts(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn logs_in(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    fn property(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    fn supported(self) -> Result<Self, WithoutTls> {
        refuse_unless(TLS || !self.encrypts(), self)
    }
}

impl Mechanism {
    fn property(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    fn supported(self) -> Result<Self, WithoutTls> {
        refuse_unless(TLS || self == Self::Plain, self)
    }
}

fn refuse_unless<T>(supported: bool, value: T) -> Result<T, WithoutTls> {
    if supported {
        Ok(value)
    } else {
        Err(WithoutTls)
    }
}

/// Fails if a librdkafka property needs TLS and this program was built without it.
pub fn check_property(key: &str, value: &str) -> Result<(), WithoutTls> {
    let encrypts = key == "security.protocol" && value.to_ascii_lowercase().ends_with("ssl");
    refuse_unless(TLS || !encrypts, ())
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

fn secret_in(path: &str) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err("holds no password".to_owned());
    }
    Ok(Secret(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::KafkaConfig;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        kafka: KafkaConfig,
    }

    fn parse(flags: &[&str]) -> Result<KafkaConfig, String> {
        let flags = Flags::try_parse_from(["test"].iter().chain(flags));
        flags
            .map(|flags| flags.kafka)
            .map_err(|error| error.to_string())
    }

    fn properties(config: &KafkaConfig) -> Vec<(String, String)> {
        let config = config.client_config();
        // The map hides secrets, but the client gets them.
        let keys = config.config_map().into_keys();
        let mut properties: Vec<(String, String)> = keys
            .filter(|key| ["sasl", "ssl.", "secu"].contains(&&key[..4]))
            .map(|key| (key.to_owned(), config.get(key).unwrap().to_owned()))
            .collect();
        properties.sort();
        properties
    }

    const LOGIN: [&str; 4] = [
        "--kafka-security-protocol",
        "sasl_plaintext",
        "--kafka-sasl-username",
        "ada",
    ];

    #[test]
    fn without_options_there_is_no_security() {
        assert_eq!(properties(&parse(&[]).unwrap()), []);
        assert_eq!(properties(&KafkaConfig::default()), []);
    }

    #[test]
    fn password_from_option_or_file_is_hidden() {
        let file = std::env::temp_dir().join(format!("factline-secret-{}", std::process::id()));
        std::fs::write(&file, "open sesame\n").unwrap();
        let file = file.to_str().unwrap();
        let given = [
            ["--kafka-sasl-password", "open sesame"],
            ["--kafka-sasl-password-file", file],
        ];
        for password in given {
            let config = parse(&[&LOGIN[..], &password].concat()).unwrap();
            let expected = [
                ("sasl.mechanism", "PLAIN"),
                ("sasl.password", "open sesame"),
                ("sasl.username", "ada"),
                ("security.protocol", "sasl_plaintext"),
            ];
            let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(properties(&config), expected);
            let shown = format!("{config:?}");
            assert!(
                shown.contains("ada") && !shown.contains("sesame"),
                "{shown}"
            );
        }
        let both = parse(&[&LOGIN[..], &given.concat()].concat()).unwrap_err();
        assert!(both.contains("cannot be used with"), "{both}");
        std::fs::write(file, "\n").unwrap();
        let empty = parse(&[&LOGIN[..], &given[1]].concat()).unwrap_err();
        assert!(empty.contains("holds no password"), "{empty}");
        std::fs::remove_file(file).unwrap();
        let missing = parse(&[&LOGIN[..], &given[1]].concat()).unwrap_err();
        assert!(missing.contains("--kafka-sasl-password-file"), "{missing}");
    }

    #[test]
    fn a_login_without_name_or_password_is_refused() {
        let error = parse(&LOGIN[..2]).unwrap_err();
        assert!(error.contains("--kafka-sasl-username"), "{error}");
        let error = parse(&LOGIN).unwrap_err();
        assert!(error.contains("--kafka-sasl-password"), "{error}");
    }

    #[test]
    fn properties_are_hidden_and_override_options() {
        let more = "sasl.password=other,socket.keepalive.enable=true";
        let all = [
            &LOGIN[..],
            &[
                "--kafka-sasl-password",
                "sesame",
                "--kafka-properties",
                more,
            ],
        ];
        let config = parse(&all.concat()).unwrap();
        assert!(properties(&config).contains(&("sasl.password".to_owned(), "other".to_owned())));
        let shown = format!("{config:?}");
        assert!(
            shown.contains("socket.keepalive.enable") && !shown.contains("other"),
            "{shown}"
        );
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_option_without_the_feature_is_refused() {
        for flags in [
            ["--kafka-security-protocol", "ssl"],
            ["--kafka-security-protocol", "sasl_ssl"],
            ["--kafka-sasl-mechanism", "scram-sha-512"],
            ["--kafka-properties", "security.protocol=SASL_SSL"],
        ] {
            let error = parse(&flags).unwrap_err();
            assert!(
                error.contains("built without TLS") && error.contains("`tls`"),
                "{error}"
            );
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn files_reach_the_client_when_it_encrypts() {
        let files = [
            "--kafka-ca-file",
            "ca.pem",
            "--kafka-certificate-file",
            "me.pem",
            "--kafka-key-file",
            "me.key",
        ];
        let all = [&["--kafka-security-protocol", "ssl"][..], &files];
        let config = parse(&all.concat()).unwrap();
        let keys: Vec<String> = properties(&config)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(
            keys,
            [
                "security.protocol",
                "ssl.ca.location",
                "ssl.certificate.location",
                "ssl.key.location"
            ]
        );
        assert_eq!(properties(&parse(&files).unwrap()), []);
    }
}
