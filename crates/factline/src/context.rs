//! The context of a decision: its time, and the actor who asks.

use chrono::TimeDelta;

use crate::envelope::ANONYMOUS;
use crate::{Envelope, Roles, Timestamp};

/// The context in which a command is decided. All of it is in the command's record, so a command
/// that is decided a second time, or replayed by a tool, is decided the same way.
///
/// Rules that ask who calls compare the actor with their state, or ask for a role:
///
/// ```
/// use factline::{Context, Sender};
///
/// /// A reader brings a book back, and so does a librarian. A due date needs no permission.
/// fn may_end_loan(reader: &str, context: &Context) -> bool {
///     match context.sender() {
///         Sender::Client => context.actor() == reader || context.has_role("librarian"),
///         _ => true,
///     }
/// }
///
/// let context = Context::default();
/// assert!(context.is_anonymous());
/// assert!(!may_end_loan("ada", &context));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'c> {
    now: Timestamp,
    actor: &'c str,
    roles: &'c Roles,
    sender: Sender,
    lateness: TimeDelta,
}

/// The kind of sender of a command. Without it, rules could not distinguish a request of the actor
/// from a consequence of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sender {
    /// A client: the actor has asked for this command.
    Client,
    /// A policy: the command follows from something that the actor has asked for.
    Policy,
    /// The aggregate itself: its deadline is due.
    Deadline,
}

static NO_ROLES: Roles = Roles::none();

/// The context of an anonymous client's command in 1970, for tests of rules that ask for none of
/// it.
impl Default for Context<'_> {
    fn default() -> Self {
        Self::at(Timestamp::UNIX_EPOCH)
    }
}

impl<'c> Context<'c> {
    /// Creates the context of an anonymous client's command. Hosts use [`Self::of_command`].
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            actor: ANONYMOUS,
            roles: &NO_ROLES,
            sender: Sender::Client,
            lateness: TimeDelta::zero(),
        }
    }

    /// Creates the context of a command that has a record. `now` is the command's time.
    pub fn of_command(envelope: &'c Envelope, now: Timestamp) -> Self {
        let is_consequence = envelope.parent_operation.is_some();
        Self {
            now,
            actor: &envelope.actor,
            roles: &envelope.roles,
            sender: if is_consequence {
                Sender::Policy
            } else {
                Sender::Client
            },
            lateness: TimeDelta::zero(),
        }
    }

    /// Creates the context of a due deadline. `actor` is the actor of the event that set it.
    pub fn of_deadline(actor: &'c str, now: Timestamp) -> Self {
        Self {
            actor,
            sender: Sender::Deadline,
            ..Self::at(now)
        }
    }

    /// Returns the same context of a deadline that is decided this much later than at its time. A
    /// negative duration counts as none.
    #[must_use]
    pub fn late_by(self, lateness: TimeDelta) -> Self {
        Self {
            lateness: lateness.max(TimeDelta::zero()),
            ..self
        }
    }

    /// Returns the command's time: the time at which the broker appended it, or the due time of a
    /// deadline. It never decreases within a partition.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the actor on whose behalf the command is decided. It is `anonymous` if no user has
    /// signed in. A policy's command has the actor of the fact that led to it, and a deadline the
    /// actor of the event that set it.
    pub fn actor(&self) -> &'c str {
        self.actor
    }

    /// Returns whether no user has signed in.
    pub fn is_anonymous(&self) -> bool {
        self.actor == ANONYMOUS
    }

    /// Returns the roles that the actor had when the edge accepted the command. Only a client's
    /// command has roles.
    pub fn roles(&self) -> &'c Roles {
        self.roles
    }

    /// Returns whether the actor had a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Returns the kind of sender.
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// Returns the time from [`Self::now`] until the handler's clock when it decided a deadline. It
    /// is zero for commands. After downtime it is long: a rule that acts at a time can then leave
    /// out what is too late. It is in the records of the decision, so a tool that decides the
    /// deadline again gets the same duration.
    pub fn lateness(&self) -> TimeDelta {
        self.lateness
    }

    /// Returns the same context with another actor and other roles.
    #[must_use]
    pub(crate) fn with(self, actor: &'c str, roles: &'c Roles, sender: Sender) -> Self {
        Self {
            actor,
            roles,
            sender,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn envelope() -> Envelope {
        let now = Timestamp::UNIX_EPOCH;
        let mut envelope =
            Envelope::of_command(Uuid::from_u128(1), "catalog.Sell", "/edge", "p-1", now);
        envelope.actor = "ada".to_owned();
        envelope.roles = Roles::of(["admin"]).unwrap();
        envelope
    }

    #[test]
    fn context_of_a_clients_command_has_its_actor_and_roles() {
        let envelope = envelope();
        let now = Timestamp::UNIX_EPOCH + chrono::TimeDelta::days(1);
        let context = Context::of_command(&envelope, now);
        assert_eq!((context.now(), context.actor()), (now, "ada"));
        assert!(context.has_role("admin") && !context.is_anonymous());
        assert_eq!(context.sender(), Sender::Client);
    }

    #[test]
    fn command_with_a_parent_comes_from_a_policy() {
        let mut envelope = envelope();
        envelope.parent_operation = Some(Uuid::from_u128(2));
        let context = Context::of_command(&envelope, Timestamp::UNIX_EPOCH);
        assert_eq!(context.sender(), Sender::Policy);
    }

    #[test]
    fn deadline_has_an_actor_and_no_roles() {
        let context = Context::of_deadline("ada", Timestamp::UNIX_EPOCH);
        assert_eq!(
            (context.actor(), context.sender()),
            ("ada", Sender::Deadline)
        );
        assert!(context.roles().is_empty());
    }

    #[test]
    fn lateness_is_never_negative() {
        let due = Context::of_deadline("ada", Timestamp::UNIX_EPOCH);
        assert_eq!(due.lateness(), TimeDelta::zero());
        let hour = TimeDelta::hours(1);
        assert_eq!(due.late_by(hour).lateness(), hour);
        assert_eq!(due.late_by(-hour).lateness(), TimeDelta::zero());
    }
}
