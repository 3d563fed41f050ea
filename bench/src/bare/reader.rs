//! Commands, consumed in batches by librdkafka's own call. The crate `rdkafka` has no such call.

use std::ffi::c_int;
use std::{ptr, slice};

use anyhow::{Context as _, Result, anyhow};
use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::{Offset, TopicPartitionList};
use rdkafka_sys as sys;

/// A consumer of some partitions of the commands, from the first record on.
pub(super) struct Reader {
    topic: String,
    // The queue is released before the consumer.
    queue: Queue,
    consumer: BaseConsumer,
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

// SAFETY: librdkafka's handles may be used from any thread; the list of messages is empty between
// two calls.
#[expect(unsafe_code, reason = "the list holds raw pointers")]
unsafe impl Send for Reader {}

struct Queue(*mut sys::rd_kafka_queue_t);

impl Drop for Queue {
    #[expect(unsafe_code, reason = "the reference to the queue is released")]
    fn drop(&mut self) {
        // SAFETY: the queue is released once.
        unsafe { sys::rd_kafka_queue_destroy(self.0) }
    }
}

impl Reader {
    #[expect(unsafe_code, reason = "the crate keeps the queue to itself")]
    pub(super) fn new(kafka: &KafkaConfig, partitions: impl Iterator<Item = i32>) -> Result<Self> {
        let topic = kafka
            .topics(&catalog_schemas::PRODUCT)
            .commands()
            .to_owned();
        let consumer: BaseConsumer = kafka
            .client_config()
            .set("group.id", format!("{}bare", kafka.topic_prefix))
            .set("enable.auto.commit", "false")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        let mut from = TopicPartitionList::new();
        for partition in partitions {
            from.add_partition_offset(&topic, partition, Offset::Offset(0))?;
        }
        consumer.assign(&from)?;
        // SAFETY: the handle lives as long as the consumer.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Ok(Self {
            topic,
            queue: Queue(queue),
            consumer,
            messages: Vec::new(),
        })
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn group(&self) -> Result<ConsumerGroupMetadata> {
        self.consumer.group_metadata().context("no group")
    }

    /// Passes the partition, the offset and the key of at most `most` commands to a function.
    /// Waits for the first. Returns their number.
    #[expect(unsafe_code, reason = "the crate has no batch consumption")]
    pub(super) fn batch(
        &mut self,
        most: usize,
        wait_ms: c_int,
        mut each: impl FnMut(i32, i64, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        self.messages.resize(most, ptr::null_mut());
        // SAFETY: the list has room for `most` messages.
        let count = unsafe {
            let messages = self.messages.as_mut_ptr();
            sys::rd_kafka_consume_batch_queue(self.queue.0, wait_ms, messages, most)
        };
        let count = usize::try_from(count).ok().context("cannot consume")?;
        let mut result = Ok(count);
        for message in self.messages.drain(..).take(count) {
            // SAFETY: librdkafka has returned this many messages; each is destroyed once, after its
            // last use.
            unsafe {
                let read = &*message;
                if result.is_ok() {
                    result = if read.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                        let key = slice::from_raw_parts(read.key.cast::<u8>(), read.key_len);
                        each(read.partition, read.offset, key).map(|()| count)
                    } else {
                        Err(anyhow!("cannot consume: {:?}", read.err))
                    };
                }
                sys::rd_kafka_message_destroy(message);
            }
        }
        result
    }
}
