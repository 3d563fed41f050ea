//! Identity of a topic beyond its name: Kafka gives each topic an id when it is created.
//!
//! A topic that was deleted and recreated has another id. Positions and checkpoints contain the id,
//! so that no reader mistakes new sequences for old ones. The rdkafka crate has no safe call for
//! it, hence the raw calls here.

#![expect(unsafe_code, reason = "rdkafka 0.39 does not wrap DescribeTopics")]

use std::ffi::{CStr, CString, NulError};
use std::os::raw::c_char;
use std::ptr;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka_sys as sys;

use crate::client::config::KafkaConfig;

/// Reason why a topic's identity is unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client could be created.
    #[error("cannot create kafka client")]
    Client(#[from] KafkaError),
    /// The name is invalid for a topic.
    #[error("topic name contains a zero byte")]
    Name(#[from] NulError),
    /// The brokers did not answer in time, or refused.
    #[error("cannot describe topic {topic}: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// librdkafka's message.
        reason: String,
        /// `true` if the cluster reports that the topic does not exist.
        unknown_topic: bool,
    },
}

/// Hex digits of the id that positions contain: enough to detect a recreated topic, short enough
/// for a header.
const DIGITS: usize = 8;

/// Returns the first eight hex digits of the topic's id, queried by a separate client. Blocks for
/// up to ten seconds.
pub fn topic_identity(config: &KafkaConfig, topic: &str) -> Result<String, Error> {
    let client: BaseProducer = config.client_config().create()?;
    identity(client.client(), topic)
}

/// Returns the same, queried by an existing client.
pub fn identity<C: ClientContext>(client: &Client<C>, topic: &str) -> Result<String, Error> {
    let name = CString::new(topic)?;
    // SAFETY: every pointer that is passed lives until after the call that uses it. Everything
    // obtained from a `_new`, `queue` or `event` call is destroyed once by its guard. The result is
    // read before its event is destroyed.
    unsafe {
        let mut names = [name.as_ptr()];
        let collection = Guard(
            sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1),
            sys::rd_kafka_TopicCollection_destroy,
        );
        let handle = client.native_ptr();
        let options = Guard(
            sys::rd_kafka_AdminOptions_new(
                handle,
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            sys::rd_kafka_AdminOptions_destroy,
        );
        let queue = Guard(sys::rd_kafka_queue_new(handle), sys::rd_kafka_queue_destroy);
        sys::rd_kafka_DescribeTopics(handle, collection.0, options.0, queue.0);
        let event = sys::rd_kafka_queue_poll(
            queue.0,
            i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX),
        );
        if event.is_null() {
            return Err(refused(topic, "no answer in time", false));
        }
        let event = Guard(event, sys::rd_kafka_event_destroy);
        if sys::rd_kafka_event_error(event.0)
            != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return Err(refused(
                topic,
                &text(sys::rd_kafka_event_error_string(event.0)),
                false,
            ));
        }
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, ptr::addr_of_mut!(count));
        if topics.is_null() || count != 1 {
            return Err(refused(topic, "empty answer", false));
        }
        let error = sys::rd_kafka_TopicDescription_error(*topics);
        let code = sys::rd_kafka_error_code(error);
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            let unknown = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            return Err(refused(
                topic,
                &text(sys::rd_kafka_error_string(error)),
                unknown,
            ));
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(*topics);
        let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        Ok(format!("{high:016x}")[..DIGITS].to_owned())
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

fn refused(topic: &str, reason: &str, unknown_topic: bool) -> Error {
    Error::Refused {
        topic: topic.to_owned(),
        reason: reason.to_owned(),
        unknown_topic,
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by this function's contract.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// A pointer and its destructor.
struct Guard<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the constructor that belongs to this destructor, and is
        // destroyed only here.
        unsafe { (self.1)(self.0) }
    }
}
