//! A payment, from the request to the location of its money.

use factline::{Aggregate, Context, Decision};
use payment_schemas::payment::{self, Command, Event};
use payment_schemas::{
    AuthorizePayment, Money, PaymentCaptured, PaymentDeclined, PaymentRefundRefused,
    PaymentRefundRequested, PaymentRefunded, PaymentRequested, PaymentVoided,
    RecordPaymentCaptured, RecordPaymentRefundRefused, RecordPaymentRefunded, VoidPayment,
};
use serde::{Deserialize, Serialize};

use crate::{Rejection, validation};

#[cfg(test)]
mod tests;

/// Reason of the refund of money that was taken after the payment was over, or in a different
/// amount.
const UNWANTED: &str = "the charge does not belong to an open payment of this amount";

/// Code of a payment that the provider captured in a different amount.
const MISMATCH: &str = "amount_mismatch";

/// Maximum number of charges that a payment remembers to be refunded. A provider that reports more
/// is defective, or another party pretends to be the provider.
pub(crate) const MAX_CHARGES: usize = 100;

/// A payment's stage of life. Every stage remembers every charge of the provider, because each is a
/// customer's money.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Payment {
    /// No payment was requested with this id.
    #[default]
    Unrequested,
    /// Requested from the provider.
    Requested {
        /// The request.
        asked: Asked,
    },
    /// Captured.
    Captured {
        /// The request.
        asked: Asked,
        /// The provider's reference of the charge that is kept.
        kept: String,
        /// Other charges, which are refunded.
        charges: Vec<Charge>,
    },
    /// Declined by the provider.
    Declined {
        /// The request.
        asked: Asked,
        /// Charges that the provider made nevertheless.
        charges: Vec<Charge>,
    },
    /// Voided, permanently.
    Voided {
        /// The purpose of the payment.
        reference: String,
        /// Charges made before or nevertheless.
        charges: Vec<Charge>,
    },
}

/// The request to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The purpose of the payment.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// The payment method.
    pub method: String,
}

/// A charge of the provider that is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The provider's reference.
    pub provider_reference: String,
    /// The amount.
    pub amount: Money,
    /// Progress of its refund.
    pub refund: Refund,
}

/// The progress of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refund {
    /// Charged, in a decision that also requests the refund.
    Due,
    /// Requested from the provider.
    Requested,
    /// Refused by the provider: the money is owed, and operators have to act.
    Refused,
    /// Refunded.
    Done,
}

impl Aggregate for Payment {
    type Type = payment::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        match command {
            Command::AuthorizePayment(command) => self.authorize(command),
            Command::RecordPaymentCaptured(command) => self.captured(command),
            Command::RecordPaymentDeclined(command) => {
                validation::declined(&command)?;
                match self {
                    Self::Unrequested => Err(Rejection::PaymentNotFound),
                    Self::Requested { asked } => Ok(Decision::event(PaymentDeclined {
                        payment_id: command.payment_id,
                        reference: asked.reference.clone(),
                        code: command.code,
                    })),
                    // The provider contradicts itself: the money is captured.
                    Self::Captured { .. } => Err(Rejection::PaymentCaptured),
                    Self::Declined { .. } | Self::Voided { .. } => Ok(Decision::nothing()),
                }
            }
            Command::RecordPaymentRefunded(command) => self.refunded(command),
            Command::RecordPaymentRefundRefused(command) => self.refund_refused(command),
            Command::VoidPayment(command) => self.void(command),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::PaymentRequested(event) => match self {
                Self::Unrequested => Self::Requested {
                    asked: Asked {
                        reference: event.reference.clone(),
                        amount: event.amount.clone(),
                        method: event.method.clone(),
                    },
                },
                payment => payment,
            },
            Event::PaymentCaptured(event) => self.after_capture(event),
            Event::PaymentDeclined(_) => match self {
                Self::Requested { asked } => Self::Declined {
                    asked,
                    charges: Vec::new(),
                },
                payment => payment,
            },
            Event::PaymentVoided(event) => match self {
                Self::Unrequested | Self::Requested { .. } => Self::Voided {
                    reference: event.reference.clone(),
                    charges: Vec::new(),
                },
                payment => payment,
            },
            Event::PaymentRefundRequested(event) => self.after_refund_request(event),
            Event::PaymentRefunded(event) => {
                self.with_refund(&event.provider_reference, Refund::Done)
            }
            Event::PaymentRefundRefused(event) => {
                self.with_refund(&event.provider_reference, Refund::Refused)
            }
        }
    }
}

impl Payment {
    fn authorize(&self, command: AuthorizePayment) -> Result<Decision<Event>, Rejection> {
        match self {
            Self::Unrequested => {
                validation::authorize(&command)?;
                Ok(Decision::event(PaymentRequested {
                    payment_id: command.payment_id,
                    reference: command.reference,
                    amount: command.amount,
                    method: command.method,
                }))
            }
            Self::Requested { asked }
            | Self::Captured { asked, .. }
            | Self::Declined { asked, .. } => {
                let same = asked.reference == command.reference
                    && asked.amount == command.amount
                    && asked.method == command.method;
                if same {
                    Ok(Decision::nothing())
                } else {
                    Err(Rejection::PaymentExists)
                }
            }
            Self::Voided { .. } => Err(Rejection::PaymentVoided),
        }
    }

    fn captured(&self, command: RecordPaymentCaptured) -> Result<Decision<Event>, Rejection> {
        validation::captured(&command)?;
        if self.knows(&command.provider_reference) {
            return Ok(Decision::nothing());
        }
        if self.charges().len() >= MAX_CHARGES {
            return Err(Rejection::TooManyCharges);
        }
        match self {
            Self::Unrequested => Err(Rejection::PaymentNotFound),
            Self::Requested { asked } if command.amount == asked.amount => {
                Ok(Decision::event(taken(&asked.reference, command, true)))
            }
            Self::Requested { asked } => {
                let declined = PaymentDeclined {
                    payment_id: command.payment_id,
                    reference: asked.reference.clone(),
                    code: MISMATCH.to_owned(),
                };
                let mut events = vec![declined.into()];
                events.extend(given_back(&asked.reference, command));
                Ok(Decision::events(events))
            }
            Self::Captured { asked, .. } | Self::Declined { asked, .. } => {
                Ok(Decision::events(given_back(&asked.reference, command)))
            }
            Self::Voided { reference, .. } => Ok(Decision::events(given_back(reference, command))),
        }
    }

    fn refunded(&self, command: RecordPaymentRefunded) -> Result<Decision<Event>, Rejection> {
        validation::refunded(&command)?;
        let (reference, charge) = self.unwanted(&command.provider_reference)?;
        match charge.refund {
            // Even after a refusal: an operator has resolved it.
            Refund::Due | Refund::Requested | Refund::Refused => {
                Ok(Decision::event(PaymentRefunded {
                    payment_id: command.payment_id,
                    reference: reference.to_owned(),
                    provider_reference: command.provider_reference,
                    amount: charge.amount.clone(),
                }))
            }
            Refund::Done => Ok(Decision::nothing()),
        }
    }

    fn refund_refused(
        &self,
        command: RecordPaymentRefundRefused,
    ) -> Result<Decision<Event>, Rejection> {
        validation::refund_refused(&command)?;
        let (reference, charge) = self.unwanted(&command.provider_reference)?;
        match charge.refund {
            Refund::Due | Refund::Requested => Ok(Decision::event(PaymentRefundRefused {
                payment_id: command.payment_id,
                reference: reference.to_owned(),
                provider_reference: command.provider_reference,
                amount: charge.amount.clone(),
                code: command.code,
                reason: command.reason,
            })),
            // A refund that was made stays made, whatever the provider reports later.
            Refund::Refused | Refund::Done => Ok(Decision::nothing()),
        }
    }

    /// Returns a charge that is to be refunded, and the purpose of its payment.
    fn unwanted(&self, provider_reference: &str) -> Result<(&str, &Charge), Rejection> {
        let reference = match self {
            Self::Unrequested => return Err(Rejection::PaymentNotFound),
            Self::Captured { kept, .. } if kept == provider_reference => {
                return Err(Rejection::RefundNotRequested);
            }
            Self::Requested { asked }
            | Self::Captured { asked, .. }
            | Self::Declined { asked, .. } => &asked.reference,
            Self::Voided { reference, .. } => reference,
        };
        let mut charges = self.charges().iter();
        let charge = charges.find(|charge| charge.provider_reference == provider_reference);
        Ok((reference, charge.ok_or(Rejection::ChargeNotFound)?))
    }

    fn void(&self, command: VoidPayment) -> Result<Decision<Event>, Rejection> {
        validation::void(&command)?;
        match self {
            // Even before the request: if the request comes later, it is refused.
            Self::Unrequested => Ok(Decision::event(PaymentVoided {
                payment_id: command.payment_id,
                reference: command.reference,
                reason: command.reason,
            })),
            Self::Requested { asked } => Ok(Decision::event(PaymentVoided {
                payment_id: command.payment_id,
                reference: asked.reference.clone(),
                reason: command.reason,
            })),
            Self::Captured { asked, kept, .. } => Ok(Decision::event(PaymentRefundRequested {
                payment_id: command.payment_id,
                reference: asked.reference.clone(),
                provider_reference: kept.clone(),
                amount: asked.amount.clone(),
                reason: command.reason,
            })),
            Self::Declined { .. } | Self::Voided { .. } => Ok(Decision::nothing()),
        }
    }

    fn charges(&self) -> &[Charge] {
        match self {
            Self::Unrequested | Self::Requested { .. } => &[],
            Self::Captured { charges, .. }
            | Self::Declined { charges, .. }
            | Self::Voided { charges, .. } => charges,
        }
    }

    fn knows(&self, provider_reference: &str) -> bool {
        let kept = matches!(self, Self::Captured { kept, .. } if kept == provider_reference);
        let mut others = self.charges().iter();
        kept || others.any(|charge| charge.provider_reference == provider_reference)
    }

    fn after_capture(mut self, event: &PaymentCaptured) -> Self {
        if self.knows(&event.provider_reference) {
            return self;
        }
        if let Self::Captured { charges, .. }
        | Self::Declined { charges, .. }
        | Self::Voided { charges, .. } = &mut self
        {
            charges.push(Charge {
                provider_reference: event.provider_reference.clone(),
                amount: event.amount.clone(),
                refund: Refund::Due,
            });
            return self;
        }
        match self {
            Self::Requested { asked } => Self::Captured {
                asked,
                kept: event.provider_reference.clone(),
                charges: Vec::new(),
            },
            payment => payment,
        }
    }

    fn after_refund_request(self, event: &PaymentRefundRequested) -> Self {
        match self {
            // The charge that was kept is no longer kept.
            Self::Captured {
                asked,
                kept,
                mut charges,
            } if kept == event.provider_reference => {
                charges.push(Charge {
                    provider_reference: kept,
                    amount: event.amount.clone(),
                    refund: Refund::Requested,
                });
                Self::Voided {
                    reference: asked.reference,
                    charges,
                }
            }
            payment => payment.with_refund(&event.provider_reference, Refund::Requested),
        }
    }

    fn with_refund(mut self, provider_reference: &str, refund: Refund) -> Self {
        if let Self::Captured { charges, .. }
        | Self::Declined { charges, .. }
        | Self::Voided { charges, .. } = &mut self
        {
            let mut found = charges.iter_mut();
            if let Some(charge) = found.find(|one| one.provider_reference == provider_reference) {
                charge.refund = refund;
            }
        }
        self
    }
}

fn taken(reference: &str, command: RecordPaymentCaptured, kept: bool) -> PaymentCaptured {
    PaymentCaptured {
        payment_id: command.payment_id,
        reference: reference.to_owned(),
        provider_reference: command.provider_reference,
        amount: command.amount,
        kept,
    }
}

/// Returns the events of a charge that is not wanted.
fn given_back(reference: &str, command: RecordPaymentCaptured) -> [Event; 2] {
    let (payment_id, amount) = (command.payment_id, command.amount.clone());
    let provider_reference = command.provider_reference.clone();
    let refund = PaymentRefundRequested {
        payment_id,
        reference: reference.to_owned(),
        provider_reference,
        amount,
        reason: UNWANTED.to_owned(),
    };
    [taken(reference, command, false).into(), refund.into()]
}
