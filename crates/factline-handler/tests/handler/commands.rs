//! Outcomes of valid and invalid commands.

use factline::outcome::State;
use uuid::Uuid;

use crate::account::{self, ACCOUNT, Deposit, Withdraw};
use crate::mutants::refused::one_is_too_large;
use crate::rig::Rig;
use factline::{Envelope, Position};
use factline_kafka::records::framing;
use factline_kafka::topics::partition_of;

/// A topic, or the producer of another system, may compress records in any way that Kafka has.
#[tokio::test(flavor = "multi_thread")]
async fn compressed_commands_are_handled() {
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let rig = Rig::new(codec).await;
        let commands = rig.topics.commands();
        rig.fixture
            .configure(commands, &[("compression.type", codec)])
            .await;
        let handler = rig.start("a").await;
        let operation = rig.deposit("ada", 1).await;
        assert_eq!(rig.check(&[operation]).await["ada"], 1, "{codec}");
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_of_accepted_rejected_and_already_so_commands() {
    let rig = Rig::new("outcomes").await;
    let handler = rig.start("a").await;
    let accepted = rig.deposit("ada", 70).await;
    let nothing = rig.deposit("ada", 0).await;
    let refused = rig
        .send(Uuid::now_v7(), "ada", &Withdraw { amount: 71 }.into())
        .await;
    let unknown_account = rig.deposit("bob", 0).await;
    let outcomes = rig
        .outcomes_of(&[accepted, nothing, refused, unknown_account])
        .await;

    let outcome = &outcomes[&accepted];
    assert_eq!(
        (outcome.state, outcome.version, outcome.code.as_deref()),
        (State::Completed, Some(1), None)
    );
    assert_eq!(outcome.name, "ledger.Deposit");
    assert_eq!(outcome.resource.as_deref(), Some("ada"));
    let position: Position = outcome.position.as_deref().unwrap().parse().unwrap();
    assert_eq!(position.points()[0].topic, rig.topics.events());
    assert_eq!(position.points()[0].sequence, 1);

    assert_eq!(
        (outcomes[&nothing].state, outcomes[&nothing].version),
        (State::Completed, Some(1))
    );
    assert_eq!(outcomes[&nothing].position, outcome.position);

    let outcome = &outcomes[&refused];
    assert_eq!(
        (outcome.state, outcome.code.as_deref()),
        (State::Rejected, Some("overdrawn"))
    );
    assert_eq!(outcome.reason.as_deref(), Some("the balance is 70"));
    assert_eq!(outcome.position, outcomes[&accepted].position);

    assert_eq!(
        (
            outcomes[&unknown_account].version,
            &outcomes[&unknown_account].position
        ),
        (None, &None)
    );
    assert_eq!(
        rig.check(&[accepted, nothing, refused, unknown_account])
            .await["ada"],
        70
    );
    handler.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_operation_is_decided_once_in_a_batch_and_after_a_restart() {
    let rig = Rig::new("dedupe").await;
    let operation = Uuid::now_v7();
    rig.send(operation, "ada", &Deposit { amount: 5 }.into())
        .await;
    rig.send(operation, "ada", &Deposit { amount: 5 }.into())
        .await;
    let handler = rig.start("a").await;
    rig.outcomes_of(&[operation]).await;
    handler.stop().await;

    let handler = rig.start("b").await;
    rig.send(operation, "ada", &Deposit { amount: 5 }.into())
        .await;
    let last = rig.deposit("ada", 1).await;
    assert_eq!(rig.check(&[operation, last]).await["ada"], 6);
    handler.stop().await;
}

/// Every kind of invalid command ends as failed, with its code and a dead letter. The valid
/// commands around it are decided.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_command_fails_alone_and_becomes_a_dead_letter() {
    let rig = Rig::new("bad").await;
    let handler = rig.start("a").await;
    let home = partition_of(b"ada", ACCOUNT.partitions);
    let elsewhere = (home + 1) % ACCOUNT.partitions;
    let headers = |operation: Uuid, record: &str| {
        Envelope::of_command(operation, record, "/test", "ada", chrono::Utc::now()).to_headers()
    };
    let [undecodable, stray, other_key, unknown, untimed] = [(); 5].map(|()| Uuid::now_v7());
    let first = rig.deposit("ada", 1).await;
    rig.append(
        home,
        "ada",
        &headers(undecodable, "ledger.Deposit"),
        b"not a frame",
    )
    .await;
    rig.append(elsewhere, "ada", &headers(stray, "ledger.Deposit"), b"")
        .await;
    rig.append(home, "eve", &headers(other_key, "ledger.Deposit"), b"")
        .await;
    // A schema that exists, of another record: one that does not exist would hold the partition.
    let registry = &rig.fixture.registry;
    let other = registry.register(rig.topics.commands(), &ACCOUNT.commands[0]);
    let other = framing::write(other.await.unwrap(), &[2]);
    rig.append(home, "ada", &headers(unknown, "ledger.Steal"), &other)
        .await;
    rig.append(home, "ada", &[("ce_id", untimed.to_string())], b"")
        .await;
    rig.append(home, "ada", &[], b"nameless").await;
    let panicking = rig.deposit("ada", account::PANICS).await;
    let too_large = rig.deposit("ada", account::TOO_LARGE_FOR_THE_HANDLER).await;
    let last = rig.deposit("ada", 2).await;

    let sent = [
        first,
        undecodable,
        stray,
        other_key,
        unknown,
        untimed,
        panicking,
        too_large,
        last,
    ];
    let outcomes = rig.outcomes_of(&sent).await;
    assert_eq!(
        outcomes.len(),
        sent.len() + 1,
        "the command without an id must have an outcome, too"
    );
    let code = |operation: Uuid| {
        (
            outcomes[&operation].state,
            outcomes[&operation].code.as_deref(),
        )
    };
    for operation in [undecodable, stray, other_key, unknown, untimed] {
        assert_eq!(
            code(operation),
            (State::Failed, Some("unreadable")),
            "{:?}",
            outcomes[&operation]
        );
    }
    assert_eq!(code(panicking), (State::Failed, Some("panic")));
    assert_eq!(code(too_large), (State::Failed, Some("too_large")));
    assert_eq!(code(first).0, State::Completed);
    assert_eq!(
        (code(last).0, outcomes[&last].version),
        (State::Completed, Some(2))
    );

    let letters = rig.read(rig.topics.dead_letters()).await;
    assert_eq!(letters.len(), 8);
    let letter = letters
        .iter()
        .find(|letter| letter.operation() == undecodable)
        .unwrap();
    assert_eq!(letter.value.as_deref(), Some(&b"not a frame"[..]));
    let header = |name: &str| letter.headers.last(name);
    assert_eq!(header("deadletter_code"), Some(&b"unreadable"[..]));
    handler.stop().await;
}

/// A readable command on a partition that does not match its key. If it were decided there, one
/// account would have two histories on two partitions.
#[tokio::test(flavor = "multi_thread")]
async fn command_on_the_wrong_partition_fails_where_it_was_read() {
    let rig = Rig::new("stray").await;
    let handler = rig.start("a").await;
    let home = partition_of(b"ada", ACCOUNT.partitions);
    let elsewhere = (home + 1) % ACCOUNT.partitions;
    let first = rig.deposit("ada", 1).await;
    rig.outcomes_of(&[first]).await;
    let good = rig.read(rig.topics.commands()).await.remove(0);
    let stray = Uuid::now_v7();
    let mut headers =
        Envelope::of_command(stray, "ledger.Deposit", "/test", "ada", chrono::Utc::now())
            .to_headers();
    rig.append(elsewhere, "ada", &headers, good.value.as_deref().unwrap())
        .await;
    let misnamed = Uuid::now_v7();
    headers = Envelope::of_command(
        misnamed,
        "ledger.Deposit",
        "/test",
        "bob",
        chrono::Utc::now(),
    )
    .to_headers();
    rig.append(home, "ada", &headers, good.value.as_deref().unwrap())
        .await;

    let outcomes = rig.outcomes_of(&[stray, misnamed]).await;
    assert_eq!(outcomes[&stray].code.as_deref(), Some("wrong_partition"));
    assert_eq!(outcomes[&misnamed].code.as_deref(), Some("wrong_key"));
    let records = rig.read(rig.topics.outcomes()).await;
    let record = records
        .iter()
        .find(|record| record.operation() == stray)
        .unwrap();
    assert_eq!(record.partition, elsewhere);
    rig.check(&[first, stray, misnamed]).await;
    handler.stop().await;
}

/// A record that only the broker rejects as too large is found by halving the batch, and its
/// command fails alone.
#[tokio::test(flavor = "multi_thread")]
async fn record_rejected_by_the_broker_fails_alone() {
    let rig = Rig::new("large").await;
    let (operations, large) = one_is_too_large(&rig).await;
    let handler = rig.start("a").await;
    let outcomes = rig.outcomes_of(&operations).await;
    assert_eq!(
        outcomes[&operations[large]].code.as_deref(),
        Some("too_large")
    );
    assert_eq!(rig.check(&operations).await["ada"], 19);
    handler.stop().await;
}

/// The command's metadata is larger than an outcome may be. The command ends all the same,
/// identified by its partition and offset.
#[tokio::test(flavor = "multi_thread")]
async fn command_too_large_to_report_still_ends() {
    let rig = Rig::new("bloated").await;
    let handler = rig.start("a").await;
    let bloated = Uuid::now_v7();
    let subject = "x".repeat(900_000);
    let envelope = Envelope::of_command(
        bloated,
        "ledger.Deposit",
        "/test",
        &subject,
        chrono::Utc::now(),
    );
    rig.append(0, "ada", &envelope.to_headers(), b"").await;
    let good = rig.deposit("ada", 1).await;
    let outcomes = rig.outcomes_of(&[bloated, good]).await;
    assert_eq!(outcomes[&bloated].state, State::Failed);
    assert_eq!(outcomes[&bloated].resource, None);
    assert_eq!(outcomes[&good].state, State::Completed);
    assert_eq!(rig.read(rig.topics.dead_letters()).await.len(), 1);
    handler.stop().await;
}
