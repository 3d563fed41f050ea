//! A product, from its creation to its end.

use catalog_schemas::product::{self, Command, Event};
use catalog_schemas::{
    CreateProduct, Money, PriceChanged, ProductCreated, ProductDiscontinued, ProductRenamed,
};
use factline::{Aggregate, Context, Decision};
use serde::{Deserialize, Serialize};

use crate::Rejection;
use crate::validation::{create, not_negative, text};

#[cfg(test)]
mod tests;

/// A product's stage of life. It holds only values that a later command is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Product {
    /// No product was created with this id.
    #[default]
    Uncreated,
    /// Listed in the catalogue.
    Offered {
        /// Compared when the product is created again.
        created: Created,
        /// Current name.
        name: String,
        /// Current price of one unit.
        price: Money,
    },
    /// Removed from the catalogue, permanently.
    Discontinued,
}

/// The product's values at its creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Name at the creation.
    pub name: String,
    /// Brand.
    pub brand: String,
    /// Price of one unit at the creation.
    pub price: Money,
}

impl Aggregate for Product {
    type Type = product::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        use Command::{
            ChangePrice as Reprice, CreateProduct as Create, DiscontinueProduct as Discontinue,
            RenameProduct as Rename,
        };
        use Product::{Discontinued, Offered, Uncreated};

        match (self, command) {
            (Uncreated, Create(command)) => create(command).map(Decision::event),
            (Uncreated, Rename(_) | Reprice(_) | Discontinue(_)) => Err(Rejection::ProductNotFound),

            (Offered { created, .. }, Create(command)) if created.by(&command) => {
                Ok(Decision::nothing())
            }
            (Offered { .. }, Create(_)) => Err(Rejection::ProductExists),

            (Offered { name, .. }, Rename(command)) if command.name == *name => {
                Ok(Decision::nothing())
            }
            (Offered { .. }, Rename(command)) => {
                text(&command.name, "name")?;
                Ok(Decision::event(ProductRenamed {
                    product_id: command.product_id,
                    name: command.name,
                }))
            }

            (Offered { price, .. }, Reprice(command)) if command.price == *price => {
                Ok(Decision::nothing())
            }
            (Offered { .. }, Reprice(command)) => {
                not_negative(&command.price, "price")?;
                Ok(Decision::event(PriceChanged {
                    product_id: command.product_id,
                    price: command.price,
                }))
            }

            (Offered { .. }, Discontinue(command)) => Ok(Decision::event(ProductDiscontinued {
                product_id: command.product_id,
            })),

            (Discontinued, Discontinue(_)) => Ok(Decision::nothing()),
            (Discontinued, Create(_) | Rename(_) | Reprice(_)) => {
                Err(Rejection::ProductDiscontinued)
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Uncreated, Event::ProductCreated(event)) => Self::Offered {
                created: event.into(),
                name: event.name.clone(),
                price: event.price.clone(),
            },
            (Self::Offered { created, price, .. }, Event::ProductRenamed(event)) => Self::Offered {
                created,
                name: event.name.clone(),
                price,
            },
            (Self::Offered { created, name, .. }, Event::PriceChanged(event)) => Self::Offered {
                created,
                name,
                price: event.price.clone(),
            },
            (Self::Offered { .. }, Event::ProductDiscontinued(_)) => Self::Discontinued,
            // No rule produces such a pair. An unexpected event never stops a replay.
            (
                product,
                Event::ProductCreated(_)
                | Event::ProductRenamed(_)
                | Event::PriceChanged(_)
                | Event::ProductDiscontinued(_),
            ) => product,
        }
    }
}

impl Created {
    /// Returns true if this command would create exactly these values.
    fn by(&self, command: &CreateProduct) -> bool {
        command.name == self.name && command.brand == self.brand && command.price == self.price
    }
}

impl From<&ProductCreated> for Created {
    fn from(event: &ProductCreated) -> Self {
        Self {
            name: event.name.clone(),
            brand: event.brand.clone(),
            price: event.price.clone(),
        }
    }
}
