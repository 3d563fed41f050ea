//! Checks the declaration of a list.

use factline_postgres::select_list;

use crate::declare::{self, Comparison};
use crate::misuse::Misuse;
use crate::path;
use crate::stable_name;
use crate::value::Kind;

use super::id::IdReader;
use super::list::{Filter, List, Sort};
use super::request::PARAMETERS;

impl List {
    /// Checks a declaration. All mistakes are found at once.
    pub(crate) fn new(name: &'static str, declared: declare::List) -> Result<Self, Vec<Misuse>> {
        let place = path::place(declared.path);
        let mut check = Check {
            declared,
            place: &place,
            mistakes: Vec::new(),
        };
        let parameters = usize::from(declared.within.is_some());
        if let Err(mistake) = path::check(declared.path, parameters, &place) {
            check.mistakes.push(mistake);
        }
        let within = declared.within.and_then(|id| {
            let read = IdReader::new(name, id, &declared.rows, &place);
            read.map_err(|mistake| check.mistakes.push(mistake)).ok()
        });
        check.limits();
        let filters = check.filters();
        let sorts = check.sorts();
        if !check.mistakes.is_empty() {
            return Err(check.mistakes);
        }
        Ok(Self {
            name,
            declared,
            within,
            filters,
            sorts,
            columns: select_list(&(declared.rows.columns)()),
            relation: stable_name::rows(declared.rows.view),
        })
    }
}

struct Check<'a> {
    declared: declare::List,
    place: &'a str,
    mistakes: Vec<Misuse>,
}

impl Check<'_> {
    fn mistake(&mut self, text: String) {
        self.mistakes.push(Misuse::new(self.place, text));
    }

    fn limits(&mut self) {
        let (default, max) = (self.declared.default_limit, self.declared.max_limit);
        if default == 0 || default > max {
            self.mistake(format!(
                "a page has {default} rows and at most {max}: set limits of at least 1, with the \
                 maximum second"
            ));
        }
    }

    fn filters(&mut self) -> Vec<Filter> {
        let mut checked: Vec<Filter> = Vec::new();
        for declared in self.declared.filters {
            let parameter = declared.parameter;
            if PARAMETERS.contains(&parameter) {
                self.mistake(format!(
                    "the filter `{parameter}` has the name of a parameter that every list has: \
                     give it another name"
                ));
            } else if checked
                .iter()
                .any(|other| other.declared.parameter == parameter)
            {
                self.mistake(format!(
                    "two filters are named `{parameter}`: give one of them another name"
                ));
            }
            let subject = format!("the filter `{parameter}`");
            let Some(kind) = self.column(&subject, declared.column) else {
                continue;
            };
            let needs_text = declared.comparison == Comparison::Prefix || declared.texts.is_some();
            if needs_text && kind != Kind::Text {
                self.mistake(format!(
                    "{subject} compares text, and the column {} is {}: use `equal`, `at_least` or \
                     `less_than`",
                    declared.column,
                    kind.description(),
                ));
            }
            if declared.expression.matches('$').count() != 1 {
                self.mistake(format!(
                    "{subject} is converted by {:?}: write the value in it once, as `$`",
                    declared.expression,
                ));
            }
            checked.push(Filter {
                declared: *declared,
                kind,
            });
        }
        checked
    }

    fn sorts(&mut self) -> Vec<Sort> {
        if self.declared.sorts.is_empty() {
            self.mistake(
                "the list has no sort order: declare one with the index that serves it".into(),
            );
        }
        let mut checked: Vec<Sort> = Vec::new();
        for declared in self.declared.sorts {
            let name = declared.name;
            let subject = format!("the sort order `{name}`");
            if checked.iter().any(|other| other.declared.name == name) {
                self.mistake(format!(
                    "two sort orders are named `{name}`: give one of them another name"
                ));
            }
            if declared.keys.is_empty() {
                self.mistake(format!(
                    "{subject} has no columns: end them with the primary key"
                ));
            }
            let falling = declared.keys.iter().filter(|key| key.descending).count();
            if falling != 0 && falling != declared.keys.len() {
                self.mistake(format!(
                    "{subject} has keys of both directions, and no index finds where a page of \
                     them begins: sort by all keys with `asc`, or by all with `desc`"
                ));
            }
            if declared.indexes.is_empty() {
                self.mistake(format!(
                    "{subject} names no index, so each page would sort the whole table: name the \
                     indexes that serve it, and create them in a migration of the view `{}`",
                    self.declared.rows.view,
                ));
            }
            for filter in declared.without {
                let mut filters = self.declared.filters.iter();
                if !filters.any(|known| known.parameter == *filter) {
                    self.mistake(format!(
                        "{subject} excludes the filter `{filter}`, which the list does not have: \
                         remove it"
                    ));
                }
            }
            let kinds = declared.keys.iter();
            let kinds = kinds
                .filter_map(|key| self.key(&subject, key.column))
                .collect();
            checked.push(Sort {
                declared: *declared,
                kinds,
            });
        }
        checked
    }

    /// Returns the type of a sort order's column.
    fn key(&mut self, subject: &str, name: &str) -> Option<Kind> {
        let column = self.declared.rows.column(name);
        if column.is_some_and(|column| column.nullable) {
            self.mistake(format!(
                "{subject} sorts by {name}, which can be null, and no page begins after a null: \
                 store a value for every row, or sort by another column"
            ));
        }
        self.column(subject, name)
    }

    /// Returns the type of a column.
    fn column(&mut self, subject: &str, name: &str) -> Option<Kind> {
        let rows = &self.declared.rows;
        let row = (rows.schema.name)();
        let Some(column) = rows.column(name) else {
            let known = (rows.columns)();
            let known: Vec<_> = known.iter().map(|column| column.name).collect();
            self.mistake(format!(
                "{subject} reads the column {name}, which `{row}` does not have: use one of {}, or \
                 add the field, with `#[serde(skip)]` if clients need not see it",
                known.join(", "),
            ));
            return None;
        };
        let kind = Kind::of(column.sql_type);
        if kind.is_none() {
            self.mistake(format!(
                "{subject} reads the column {name}, and {} cannot be compared: use a generated \
                 column of text, a number, a date or a time",
                column.sql_type,
            ));
        }
        kind
    }
}
