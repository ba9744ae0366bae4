//! Which column of a file is which of the model's, decided from the header alone.
//!
//! By name where both the file and the model have names (the order does not matter then), else by
//! position among the columns that are left after `--id` and `--ignore`.

use std::collections::HashMap;

use super::Selection;
use super::error::{Reject, clip};
use super::fault::Fault;

/// What a column of the file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The model's column of this index.
    Feature(usize),
    /// The copied column of this index.
    Copy(usize),
    /// Not read.
    Ignore,
}

/// A role for each column of the file.
#[derive(Debug)]
pub(super) struct Plan {
    roles: Vec<Role>,
}

impl Plan {
    /// For a file whose columns have names.
    pub(super) fn by_header(header: &[String], selection: &Selection<'_>) -> Result<Self, Reject> {
        let mut place = HashMap::with_capacity(header.len());
        for (index, name) in header.iter().enumerate() {
            if place.insert(name.as_str(), index).is_some() {
                return Err(Fault::DuplicateColumn.at_column(index, Some(name)));
            }
        }
        let mut roles: Vec<Option<Role>> = vec![None; header.len()];
        let ignored = selection.ignore.iter().map(|name| ("--ignore", name, Role::Ignore));
        let copied = selection.copy.iter().enumerate();
        for (flag, name, role) in
            ignored.chain(copied.map(|(k, name)| ("--id", name, Role::Copy(k))))
        {
            let Some(&index) = place.get(name.as_str()) else {
                return Err(Fault::FlagColumn { flag, name: clip(name) }.into());
            };
            if roles[index].replace(role).is_some() {
                let why = "another --id or --ignore names too";
                return Err(Fault::FlagConflict { flag, why }.at_column(index, Some(name)));
            }
        }
        match &selection.schema.feature_names {
            Some(names) => match_names(&mut roles, header, &place, names)?,
            None => number_the_rest(&mut roles, selection.schema.features as usize)?,
        }
        Ok(Self { roles: roles.into_iter().map(|role| role.unwrap_or(Role::Ignore)).collect() })
    }

    /// For a file whose columns have no names.
    pub(super) fn by_position(columns: usize, selection: &Selection<'_>) -> Result<Self, Reject> {
        for (flag, names) in [("--id", selection.copy), ("--ignore", selection.ignore)] {
            if !names.is_empty() {
                return Err(Fault::FlagUnnamed(flag).into());
            }
        }
        let wanted = selection.schema.features as usize;
        if columns != wanted {
            return Err(Fault::ColumnCount { found: columns, wanted }.into());
        }
        Ok(Self { roles: (0..columns).map(Role::Feature).collect() })
    }

    /// One role for each column of the file.
    pub(super) fn roles(&self) -> &[Role] {
        &self.roles
    }
}

fn match_names(
    roles: &mut [Option<Role>],
    header: &[String],
    place: &HashMap<&str, usize>,
    names: &[String],
) -> Result<(), Reject> {
    let missing: Vec<&String> =
        names.iter().filter(|name| !place.contains_key(name.as_str())).collect();
    if let Some(first) = missing.first() {
        let fault =
            Fault::MissingColumn { name: clip(first), missing: missing.len(), wanted: names.len() };
        return Err(fault.into());
    }
    for (feature, name) in names.iter().enumerate() {
        let index = place[name.as_str()];
        let flag = match roles[index].replace(Role::Feature(feature)) {
            None => continue,
            Some(Role::Copy(_)) => "--id",
            Some(_) => "--ignore",
        };
        let why = "the model reads";
        return Err(Fault::FlagConflict { flag, why }.at_column(index, Some(name)));
    }
    let extra = roles.iter().filter(|role| role.is_none()).count();
    match roles.iter().position(Option::is_none) {
        Some(index) => Err(Fault::ExtraColumn(extra).at_column(index, Some(&header[index]))),
        None => Ok(()),
    }
}

fn number_the_rest(roles: &mut [Option<Role>], wanted: usize) -> Result<(), Reject> {
    let found = roles.iter().filter(|role| role.is_none()).count();
    if found != wanted {
        return Err(Fault::ColumnCount { found, wanted }.into());
    }
    for (feature, role) in roles.iter_mut().filter(|role| role.is_none()).enumerate() {
        *role = Some(Role::Feature(feature));
    }
    Ok(())
}
