//! Probes whether a broker serves: one Metadata request, written by hand so that this crate needs
//! no Kafka client.
//!
//! An open port is not sufficient. The controller admits a killed broker again only after its old
//! session has expired, and until then its partitions have no leader.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Metadata, version 1, for all topics; the leading number is the length of what follows.
/// Fields: length, key 3, version 1, correlation id 7, client id "probe", topics null (all).
const REQUEST: &[u8] = b"\0\0\0\x13\0\x03\0\x01\0\0\0\x07\0\x05probe\xff\xff\xff\xff";

/// Succeeds when the broker on `port` is part of its cluster and every partition has a leader.
pub(crate) fn probe(port: u16) -> Result<()> {
    check(&mut Answer(&ask(port, REQUEST)?))
}

/// Sends a request, its length included, and returns the response without its length.
pub(crate) fn ask(port: u16, request: &[u8]) -> Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).context("no connection")?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream
        .write_all(request)
        .context("cannot send to the broker")?;
    let mut length = [0; 4];
    stream
        .read_exact(&mut length)
        .context("the broker does not answer")?;
    let mut answer =
        vec![0; usize::try_from(i32::from_be_bytes(length)).context("a negative length")?];
    stream
        .read_exact(&mut answer)
        .context("the broker's answer ended early")?;
    Ok(answer)
}

fn check(answer: &mut Answer<'_>) -> Result<()> {
    let _correlation = answer.int32()?;
    let brokers = answer.int32()?;
    ensure!(brokers > 0, "the broker is not yet part of its cluster");
    for _ in 0..brokers {
        let _node = answer.int32()?;
        answer.skip_string()?;
        let _port = answer.int32()?;
        answer.skip_string()?;
    }
    let _controller = answer.int32()?;
    for _ in 0..answer.int32()? {
        let error = answer.int16()?;
        answer.skip_string()?;
        let _internal = answer.take(1)?;
        ensure!(error == 0, "a topic has error {error}");
        for _ in 0..answer.int32()? {
            let error = answer.int16()?;
            let (_partition, leader) = (answer.int32()?, answer.int32()?);
            for _replica in 0..answer.int32()? {
                answer.int32()?;
            }
            for _in_sync in 0..answer.int32()? {
                answer.int32()?;
            }
            ensure!(error == 0 && leader >= 0, "a partition has no leader yet");
        }
    }
    Ok(())
}

/// The unread part of a response.
pub(crate) struct Answer<'a>(pub(crate) &'a [u8]);

impl Answer<'_> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&[u8]> {
        let Some((head, rest)) = self.0.split_at_checked(count) else {
            bail!("the broker's answer is too short");
        };
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    pub(crate) fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    pub(crate) fn skip_string(&mut self) -> Result<()> {
        // A negative length is a null string.
        let length = usize::try_from(self.int16()?).unwrap_or(0);
        self.take(length).map(|_| ())
    }
}
