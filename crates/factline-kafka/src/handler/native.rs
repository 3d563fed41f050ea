//! What is asked of librdkafka past the crate, with the reasons.
//!
//! - *Who the worker is in its group*: the crate keeps it to itself. Kafka does not check offsets that come with an empty
//!   member id and generation -1: that is how tools commit for groups without members. librdkafka resets the two one by
//!   one when the coordinator forgets a member, so both can be gone before the worker hears of a rebalance. Such metadata
//!   must never go into a transaction.
//! - *Flush*: the crate's waits in steps of 100 ms, and its commit calls it. librdkafka's own returns as soon as the last
//!   acknowledgement is in, and leaves the commit nothing to wait for.

use std::ffi::CStr;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};
use rdkafka_sys as sys;

/// A member of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) member: String,
    pub(super) generation: i32,
}

/// None while the consumer is no member, as before it joins or after the coordinator has forgotten it.
#[expect(unsafe_code, reason = "the crate's group metadata is opaque")]
pub(super) fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
    // SAFETY: the handle lives as long as the consumer; the metadata is destroyed once, after its member id, which
    // is a C string inside it, was copied.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return None;
        }
        let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
        let member = sys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let member = if member.is_null() {
            String::new()
        } else {
            CStr::from_ptr(member).to_string_lossy().into_owned()
        };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        (generation >= 0 && !member.is_empty()).then_some(Membership { member, generation })
    }
}

/// Whether everything was acknowledged, or given up, within the time.
#[expect(unsafe_code, reason = "the crate's flush waits in steps of 100 ms")]
pub(super) fn flush<C: ProducerContext>(producer: &ThreadedProducer<C>, timeout: Duration) -> bool {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the handle lives as long as the producer, and its reports are served by the producer's own thread.
    let error = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), milliseconds) };
    error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
