//! Kafka's errors that pass by themselves: a broker has restarted, or partitions and groups have
//! moved to another one.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Returns whether the client's metadata of a topic is outdated, or not complete yet. A client that
/// refreshes its metadata finds the leader, if there is one.
pub fn is_stale_metadata(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownPartition
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::UnknownLeaderEpoch
            | Code::FencedLeaderEpoch
    )
}

/// Returns whether the coordinator of a group moves to another broker.
pub fn is_moving_coordinator(code: Code) -> bool {
    matches!(
        code,
        Code::CoordinatorNotAvailable | Code::CoordinatorLoadInProgress | Code::NotCoordinator
    )
}

/// Returns whether a consumer's error is transient: librdkafka continues to look for the broker.
pub fn is_transient(error: &KafkaError) -> bool {
    let is_unreachable = |code| {
        matches!(
            code,
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::OperationTimedOut
                | Code::Resolve
        )
    };
    error.rdkafka_error_code().is_some_and(|code| {
        is_unreachable(code) || is_stale_metadata(code) || is_moving_coordinator(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query of a client that has seen a broker before its restart.
    #[test]
    fn epoch_of_a_restarted_leader_is_transient() {
        for code in [Code::FencedLeaderEpoch, Code::UnknownLeaderEpoch] {
            assert!(is_stale_metadata(code));
            assert!(is_transient(&KafkaError::MetadataFetch(code)));
        }
        let lasting = KafkaError::MetadataFetch(Code::TopicAuthorizationFailed);
        assert!(!is_transient(&lasting));
    }
}
