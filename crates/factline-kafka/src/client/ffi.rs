//! Calls of librdkafka that the crate `rdkafka` does not wrap, or wraps in a form that costs too
//! much.
//!
//! - *Membership*: the crate does not expose member id and generation. Kafka does not check offsets
//!   that come with an empty member id and generation -1: tools commit in this way for groups
//!   without members. librdkafka resets the two values one after the other when the coordinator
//!   removes a member. So both can be reset before the worker sees a rebalance. Such metadata must
//!   never go into a transaction.
//! - *Flush*: the crate's flush waits in steps of 100 ms, and its commit calls it. librdkafka's own
//!   flush returns as soon as the last acknowledgement has arrived, and the commit then has nothing
//!   to wait for.
//! - *Status*: the crate does not say whether a record that failed can be in the log
//!   (`rd_kafka_message_status`).
//! - *Partitioner*: the edge, policies and tests need the partition of a key without a producer.
//! - *Topic ids* (KIP-516): the crate does not wrap `DescribeTopics`.
//! - *Reports*: the crate can wait for delivery reports only with a deadline, see
//!   [`crate::producer::polled`].
//!
//! The comment of each function links to the place upstream that makes it necessary. Line numbers
//! are those of the version that `Cargo.lock` pins. With an update, check whether the crate offers
//! the call by then.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::thread::Thread;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka_sys as sys;

/// A member in a generation of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The member id that the group assigned.
    pub member: String,
    /// The generation of the group.
    pub generation: i32,
}

/// Returns the consumer's membership. `None` while it is no member: before it joins, or after the
/// coordinator has removed it.
///
/// The crate's [`ConsumerGroupMetadata`](rdkafka::consumer::ConsumerGroupMetadata) has no accessor.
/// librdkafka has one for the [member id and one for the generation][header].
///
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L4628-L4651
#[expect(unsafe_code, reason = "the crate's group metadata is opaque")]
pub fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Membership> {
    // SAFETY: the handle lives as long as the consumer. The metadata is destroyed once, after its
    // member id, which is a C string inside it, was copied.
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

/// Flushes, and returns whether every record was acknowledged or failed within the timeout.
///
/// Since [rust-rdkafka#777], the crate's flush calls librdkafka's with a timeout of 0 and then
/// polls for 100 ms; since [rust-rdkafka#748], such a poll does not end early. librdkafka's own
/// flush waits only for what is pending, and [ignores `linger.ms`][header].
///
/// [rust-rdkafka#777]: https://github.com/fede1024/rust-rdkafka/pull/777
/// [rust-rdkafka#748]: https://github.com/fede1024/rust-rdkafka/pull/748
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L4932-L4957
#[expect(unsafe_code, reason = "the crate's flush waits in steps of 100 ms")]
pub fn flush<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> bool {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the handle lives as long as the producer, and the producer's own thread serves its
    // reports.
    let error = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), milliseconds) };
    error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// Returns whether a client's main queue holds events: delivery reports, errors, log lines.
///
/// Since [rust-rdkafka#748], a poll of the crate lasts for its whole timeout and does not say
/// whether it has served anything. The crate does not expose the [queue][header].
///
/// [rust-rdkafka#748]: https://github.com/fede1024/rust-rdkafka/pull/748
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L3476
#[expect(unsafe_code, reason = "the crate keeps the queue to itself")]
pub fn has_events<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: the handle lives as long as the client; the reference to the queue is released.
    unsafe {
        let queue = sys::rd_kafka_queue_get_main(client.native_ptr());
        let length = sys::rd_kafka_queue_length(queue);
        sys::rd_kafka_queue_destroy(queue);
        length > 0
    }
}

/// A producer's main queue, which wakes a thread when it stops being empty.
///
/// The crate's `ThreadedProducer` polls in rounds instead, see [`crate::producer::polled`].
/// librdkafka offers the [wake-up][header].
///
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L3657-L3676
pub struct ReportQueue {
    queue: *mut sys::rd_kafka_queue_t,
    /// Argument of the callback, owned by this value.
    thread: *mut Thread,
}

// SAFETY: librdkafka's queues may be used from any thread, and the thread's handle is only read.
#[expect(unsafe_code, reason = "the queue is a raw pointer")]
unsafe impl Send for ReportQueue {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the queue is a raw pointer")]
unsafe impl Sync for ReportQueue {}

impl ReportQueue {
    /// Creates the queue and wakes the thread once, for earlier events. The queue must be dropped
    /// before the producer.
    #[expect(unsafe_code, reason = "the crate keeps the queue to itself")]
    pub fn waking<C: ProducerContext>(producer: &BaseProducer<C>, thread: Thread) -> Self {
        let thread = Box::into_raw(Box::new(thread));
        // SAFETY: the handle lives as long as the producer; the thread's handle lives until `drop`
        // has removed the callback.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_get_main(producer.client().native_ptr());
            sys::rd_kafka_queue_cb_event_enable(queue, Some(wake), thread.cast());
            queue
        };
        let this = Self { queue, thread };
        this.wake();
        this
    }

    /// Wakes the thread even if the queue is empty.
    #[expect(unsafe_code, reason = "the thread's handle is shared with a callback")]
    pub fn wake(&self) {
        // SAFETY: it lives until `drop`.
        unsafe { &*self.thread }.unpark();
    }
}

impl Drop for ReportQueue {
    #[expect(unsafe_code, reason = "what was shared with librdkafka is released")]
    fn drop(&mut self) {
        // SAFETY: the queue is released once. librdkafka makes no callback after the callback was
        // removed, so the thread's handle is no longer used.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, std::ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
            drop(Box::from_raw(self.thread));
        }
    }
}

/// Callback of librdkafka, which calls it with the queue locked: it must not poll, and only wakes.
/// The [header] says what a callback may not do.
///
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L3657-L3676
#[expect(unsafe_code, reason = "called from C")]
unsafe extern "C" fn wake(_: *mut sys::rd_kafka_t, thread: *mut c_void) {
    // SAFETY: the pointer is that of `ReportQueue::waking`.
    unsafe { &*thread.cast::<Thread>() }.unpark();
}

/// Returns whether librdkafka knows that the record is in no log.
///
/// The crate's delivery result has the error but not this status, which librdkafka documents as
/// [persistence status][introduction].
///
/// [introduction]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/INTRODUCTION.md#message-persistence-status
#[expect(unsafe_code, reason = "the crate does not wrap the status of a record")]
pub fn never_sent(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the pointer belongs to the message, which lives until the delivery callback returns.
    let status = unsafe { sys::rd_kafka_message_status(message.ptr()) };
    status == sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Returns the partition of a key by librdkafka's partitioner `murmur2`.
///
/// In the crate the partitioner is only a setting of a producer. librdkafka exports the
/// [function][header].
///
/// [header]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/src/rdkafka.h#L2925-L2944
#[expect(unsafe_code, reason = "the crate does not wrap the partitioner")]
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    // SAFETY: this partitioner reads `key_length` bytes at `key` and nothing else; topic and
    // opaques are unused.
    unsafe {
        sys::rd_kafka_msg_partitioner_murmur2(
            ptr::null(),
            key.as_ptr().cast::<c_void>(),
            key.len(),
            partitions,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    }
}

/// Reason why a topic could not be described.
#[derive(Debug)]
pub struct Refusal {
    /// librdkafka's message.
    pub reason: String,
    /// `true` if the cluster reports that the topic does not exist.
    pub unknown_topic: bool,
}

impl Refusal {
    fn new(reason: &str, unknown_topic: bool) -> Self {
        Self {
            reason: reason.to_owned(),
            unknown_topic,
        }
    }
}

/// Returns the most significant half of a topic's id. Waits for the brokers' answer.
///
/// The crate does not wrap `DescribeTopics`: [rust-rdkafka#614] is open. librdkafka has topic ids
/// (KIP-516) since 2.3.0 ([librdkafka#4451]).
///
/// [rust-rdkafka#614]: https://github.com/fede1024/rust-rdkafka/issues/614
/// [librdkafka#4451]: https://github.com/confluentinc/librdkafka/pull/4451
#[expect(unsafe_code, reason = "the crate does not wrap DescribeTopics")]
pub fn topic_id<C: ClientContext>(
    client: &Client<C>,
    name: &CStr,
    timeout: Duration,
) -> Result<u64, Refusal> {
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
            i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        );
        if event.is_null() {
            return Err(Refusal::new("no answer in time", false));
        }
        let event = Guard(event, sys::rd_kafka_event_destroy);
        if sys::rd_kafka_event_error(event.0)
            != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return Err(Refusal::new(
                &text(sys::rd_kafka_event_error_string(event.0)),
                false,
            ));
        }
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, ptr::addr_of_mut!(count));
        if topics.is_null() || count != 1 {
            return Err(Refusal::new("empty answer", false));
        }
        let error = sys::rd_kafka_TopicDescription_error(*topics);
        let code = sys::rd_kafka_error_code(error);
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            let unknown = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            return Err(Refusal::new(
                &text(sys::rd_kafka_error_string(error)),
                unknown,
            ));
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(*topics);
        let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        Ok(high)
    }
}

/// Copies a text.
///
/// # Safety
/// `text` is null or a C string.
#[expect(unsafe_code, reason = "called with pointers of librdkafka")]
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
    #[expect(unsafe_code, reason = "calls the destructor of a raw pointer")]
    fn drop(&mut self) {
        // SAFETY: the pointer came from the constructor that belongs to this destructor, and is
        // destroyed only here.
        unsafe { (self.1)(self.0) }
    }
}
