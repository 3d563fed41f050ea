//! Reads the parameters of a list's request. An invalid one is refused by its name.

use factline_http::problem::FieldError;
use factline_http::{Problem, page};

use crate::declare::{self, Comparison};
use crate::listing;
use crate::parameters::{Parameters, refused};
use crate::value::Value;

use super::cursor;
use super::list::{Filter, List};

/// Request for a page.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The id in the path.
    pub(crate) id: Option<Value>,
    /// The value of each filter.
    pub(crate) filters: Vec<Option<Value>>,
    /// The index of the sort order.
    pub(crate) sort: usize,
    /// The keys of the last row of the page before.
    pub(crate) after: Option<Vec<Value>>,
    /// Maximum number of rows.
    pub(crate) limit: usize,
    /// The name of the list, for cursors.
    pub(crate) list: String,
}

impl Request {
    /// Returns true if an empty page means that the list has no rows.
    pub(crate) fn is_whole(&self) -> bool {
        self.after.is_none() && self.filters.iter().all(Option::is_none)
    }

    /// Returns whether the page is read by one statement, however large its rows are.
    pub(super) fn is_one_statement(&self) -> bool {
        self.limit < listing::FIRST
    }
}

/// Parameters that every list has.
pub(crate) const PARAMETERS: [&str; 3] = ["sort", "limit", "after"];

impl List {
    /// Reads a request; `id` is the one in the path, if the list is within an item.
    pub(super) fn read(&self, id: &str, parameters: Parameters) -> Result<Request, Problem> {
        let id = self.within.as_ref().map(|within| within.read(id));
        let id = id.transpose()?;
        let filters = self.filters.iter().map(|filter| filter.declared.parameter);
        let known: Vec<_> = filters.chain(PARAMETERS).collect();
        let mut values = parameters.named(&known)?;
        let [sort, limit, after] = values
            .split_off(self.filters.len())
            .try_into()
            .unwrap_or([const { None }; 3]);

        let mut errors = Vec::new();
        let sort = self.sort(sort.as_deref(), &mut errors);
        let filters = self.filters.iter().zip(values);
        let filters: Vec<_> = filters
            .map(|(filter, text)| filter.read(text, &mut errors))
            .collect();
        self.refuse_combinations(sort, &filters, &mut errors);
        let most = (self.declared.default_limit, self.declared.max_limit);
        let limit = page::limit(limit.as_deref(), most.0, most.1)
            .map_err(|problem| errors.extend_from_slice(problem.errors()));
        let declare::Sort { name, .. } = self.sorts[sort].declared;
        let list = cursor::list(self.declared.path, id.as_ref(), &filters, name);
        let after = if errors.is_empty() {
            cursor::read(after.as_deref(), &list, &self.sorts[sort].kinds)
                .map_err(|problem| errors.extend_from_slice(problem.errors()))
        } else {
            Ok(None)
        };
        match (limit, after) {
            (Ok(limit), Ok(after)) if errors.is_empty() => Ok(Request {
                id,
                filters,
                sort,
                after,
                limit,
                list,
            }),
            _ => Err(errors
                .into_iter()
                .fold(Problem::invalid_request(), Problem::error)),
        }
    }

    /// Returns the index of the sort order with this name. The first one is the default.
    fn sort(&self, name: Option<&str>, errors: &mut Vec<FieldError>) -> usize {
        let Some(name) = name else {
            return 0;
        };
        let mut sorts = self.sorts.iter();
        sorts
            .position(|sort| sort.declared.name == name)
            .unwrap_or_else(|| {
                let known: Vec<_> = self.sorts.iter().map(|sort| sort.declared.name).collect();
                errors.push(refused("sort", format!("must be {}", one_of(&known))));
                0
            })
    }

    /// Refuses the filters that the sort order does not have.
    fn refuse_combinations(
        &self,
        sort: usize,
        values: &[Option<Value>],
        errors: &mut Vec<FieldError>,
    ) {
        let sort = &self.sorts[sort].declared;
        for (filter, value) in self.filters.iter().zip(values) {
            let parameter = filter.declared.parameter;
            if value.is_some() && sort.without.contains(&parameter) {
                let text = format!("cannot be combined with sort={}", sort.name);
                errors.push(refused(parameter, text));
            }
        }
    }
}

impl Filter {
    /// Reads a value. An empty prefix is no condition, because every text begins with it.
    fn read(&self, text: Option<String>, errors: &mut Vec<FieldError>) -> Option<Value> {
        let is_prefix = self.declared.comparison == Comparison::Prefix;
        let text = text.filter(|text| !is_prefix || !text.is_empty());
        let parameter = self.declared.parameter;
        let Some(text) = text else {
            if let Some(reason) = self.declared.required {
                errors.push(refused(parameter, format!("is missing; {reason}")));
            }
            return None;
        };
        let refusal = match self.declared.texts {
            Some(texts) if !texts.contains(&text.as_str()) => one_of(texts),
            _ => match self.kind.parse(&text) {
                Some(value) => return Some(value),
                None => self.kind.description().to_owned(),
            },
        };
        errors.push(refused(parameter, format!("must be {refusal}")));
        None
    }
}

fn one_of(texts: &[&str]) -> String {
    match texts {
        [one] => (*one).to_owned(),
        several => format!("one of {}", several.join(", ")),
    }
}
