//! Grants rights on a broker, and waits until it knows them: two requests, written by hand as in
//! `kafka_probe`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::kafka_probe::{Answer, ask};

/// A right of a user. The words are spelled as in Kafka's own tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The user.
    pub user: String,
    /// `topic`, `group`, `transactional-id` or `cluster`.
    pub resource: String,
    /// Name of the resource.
    pub name: String,
    /// `literal`, or `prefixed` for all names with this prefix.
    pub pattern: String,
    /// Such as `Read` or `DescribeConfigs`.
    pub operation: String,
}

/// Maximum time until a broker has learned the rules from its controller.
const PATIENCE: Duration = Duration::from_secs(30);

const CREATE: i16 = 30;
const DESCRIBE: i16 = 29;

const RESOURCES: [(&str, u8); 4] = [
    ("topic", 2),
    ("group", 3),
    ("cluster", 4),
    ("transactional-id", 5),
];
const PATTERNS: [(&str, u8); 2] = [("literal", 3), ("prefixed", 4)];
const OPERATIONS: [(&str, u8); 11] = [
    ("All", 2),
    ("Read", 3),
    ("Write", 4),
    ("Create", 5),
    ("Delete", 6),
    ("Alter", 7),
    ("Describe", 8),
    ("ClusterAction", 9),
    ("DescribeConfigs", 10),
    ("AlterConfigs", 11),
    ("IdempotentWrite", 12),
];
const ALLOW: u8 = 3;
const ANY: u8 = 1;

/// Adds rules through the listener on `port`, whose users must have the right to do so, and waits
/// until the broker applies them.
pub(crate) fn allow(port: u16, rules: &[Rule]) -> Result<()> {
    let before = known(port)?;
    let answer = ask(port, &create(rules)?)?;
    let answer = &mut Answer(&answer);
    let (_correlation, _throttled) = (answer.int32()?, answer.int32()?);
    for _ in 0..answer.int32()? {
        let error = answer.int16()?;
        answer.skip_string()?;
        ensure!(error == 0, "Kafka refuses a rule: error {error}");
    }
    let start = Instant::now();
    while known(port)? < before + rules.len() {
        if start.elapsed() > PATIENCE {
            bail!("the broker did not apply the rules in time, or some of them existed before");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn create(rules: &[Rule]) -> Result<Vec<u8>> {
    let mut body = i32::try_from(rules.len())?.to_be_bytes().to_vec();
    for rule in rules {
        body.push(code(&RESOURCES, &rule.resource)?);
        string(&mut body, &rule.name)?;
        body.push(code(&PATTERNS, &rule.pattern)?);
        string(&mut body, &format!("User:{}", rule.user))?;
        string(&mut body, "*")?;
        body.extend([code(&OPERATIONS, &rule.operation)?, ALLOW]);
    }
    request(CREATE, &body)
}

/// Returns the number of rules that the broker applies.
fn known(port: u16) -> Result<usize> {
    // Of any resource, name (null), pattern, user (null), host (null), operation and permission.
    let body = [ANY, 255, 255, ANY, 255, 255, 255, 255, ANY, ANY];
    let answer = ask(port, &request(DESCRIBE, &body)?)?;
    let answer = &mut Answer(&answer);
    let (_correlation, _throttled) = (answer.int32()?, answer.int32()?);
    let error = answer.int16()?;
    answer.skip_string()?;
    ensure!(error == 0, "Kafka does not list its rules: error {error}");
    let mut count = 0;
    for _resource in 0..answer.int32()? {
        answer.take(1)?;
        answer.skip_string()?;
        answer.take(1)?;
        for _rule in 0..answer.int32()? {
            answer.skip_string()?;
            answer.skip_string()?;
            answer.take(2)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Length, key, version 1, correlation id 0, no client id, body.
fn request(key: i16, body: &[u8]) -> Result<Vec<u8>> {
    let mut request = i32::try_from(body.len() + 10)?.to_be_bytes().to_vec();
    request.extend(key.to_be_bytes());
    request.extend([0, 1, 0, 0, 0, 0, 255, 255]);
    request.extend(body);
    Ok(request)
}

fn string(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.extend(i16::try_from(text.len())?.to_be_bytes());
    body.extend(text.as_bytes());
    Ok(())
}

fn code(codes: &[(&str, u8)], word: &str) -> Result<u8> {
    let found = codes.iter().find(|(known, _)| *known == word);
    let (_, code) = found.with_context(|| format!("unknown word in a Kafka rule: {word:?}"))?;
    Ok(*code)
}
