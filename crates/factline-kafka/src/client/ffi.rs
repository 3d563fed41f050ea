//! Calls of librdkafka that the crate `rdkafka` does not offer, or offers in a form that costs too much.
//!
//! - *Membership*: the crate keeps member id and generation to itself. Kafka does not check offsets that come with an empty
//!   member id and generation -1: that is how tools commit for groups without members. librdkafka resets the two one by
//!   one when the coordinator forgets a member, so both can be gone before the worker hears of a rebalance. Such metadata
//!   must never go into a transaction.
//! - *Flush*: the crate's waits in steps of 100 ms, and its commit calls it. librdkafka's own returns as soon as the last
//!   acknowledgement is in, and leaves the commit nothing to wait for.
//! - *Reports*: the crate can only wait for delivery reports with a deadline, see [`crate::producer::polled`].

use std::ffi::{CStr, c_void};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka_sys as sys;

/// A member of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The id that the group gave to the member.
    pub member: String,
    /// The generation of the group.
    pub generation: i32,
}

/// None while the consumer is no member, as before it joins or after the coordinator has forgotten it.
#[expect(unsafe_code, reason = "the crate's group metadata is opaque")]
pub fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
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
pub fn flush<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> bool {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the handle lives as long as the producer, and its reports are served by the producer's own thread.
    let error = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), milliseconds) };
    error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// Returns whether a client's main queue holds events: delivery reports, errors, log lines.
#[expect(unsafe_code, reason = "the crate keeps the queue to itself")]
pub fn has_events<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: the handle lives as long as the client; the reference to the queue is given back.
    unsafe {
        let queue = sys::rd_kafka_queue_get_main(client.native_ptr());
        let length = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        length > 0
    }
}

/// A producer's main queue, which wakes a thread when it stops being empty.
pub struct ReportQueue {
    queue: *mut sys::rd_kafka_queue_t,
    /// Argument of the call-back, owned by this value.
    thread: *mut Thread,
}

// SAFETY: librdkafka's queues may be used from any thread, and the thread's handle is only read.
#[expect(unsafe_code, reason = "the queue is a raw pointer")]
unsafe impl Send for ReportQueue {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the queue is a raw pointer")]
unsafe impl Sync for ReportQueue {}

impl ReportQueue {
    /// Wakes the thread once, for what came before. The queue must be dropped before the producer.
    #[expect(unsafe_code, reason = "the crate keeps the queue to itself")]
    pub fn waking<C: ProducerContext>(producer: &BaseProducer<C>, thread: Thread) -> Self {
        let thread = Box::into_raw(Box::new(thread));
        // SAFETY: the handle lives as long as the producer; the thread's handle lives until the call-back was taken
        // away in `drop`.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_get_main(producer.client().native_ptr());
            sys::rd_kafka_queue_cb_event_enable(queue, Some(wake), thread.cast());
            queue
        };
        let this = Self { queue, thread };
        this.wake();
        this
    }

    /// Wakes the thread all the same.
    #[expect(unsafe_code, reason = "the thread's handle is shared with a call-back")]
    pub fn wake(&self) {
        // SAFETY: it lives until `drop`.
        unsafe { &*self.thread }.unpark();
    }
}

impl Drop for ReportQueue {
    #[expect(unsafe_code, reason = "what was shared with librdkafka is given back")]
    fn drop(&mut self) {
        // SAFETY: the queue is given back once; librdkafka calls nothing back after the call-back was taken away, so
        // the thread's handle is used no more.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, std::ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
            drop(Box::from_raw(self.thread));
        }
    }
}

/// librdkafka calls it with the queue locked: it must not poll, and only wakes.
#[expect(unsafe_code, reason = "called from C")]
unsafe extern "C" fn wake(_: *mut sys::rd_kafka_t, thread: *mut c_void) {
    // SAFETY: the pointer is that of `ReportQueue::waking`.
    unsafe { &*thread.cast::<Thread>() }.unpark();
}
