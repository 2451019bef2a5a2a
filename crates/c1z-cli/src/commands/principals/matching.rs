//! When two principals count as the same person: the same id; else, for two users, a common e-mail
//! address; else the same display name, unless only one of them is a user (`store-contract` §10).

use std::collections::HashSet;

use c1z::engine::types::ResourceRef;
use c1z::{Error, ErrorKind};
use c1z_proto::connector::v2::{Resource, UserTrait};
use c1z_proto::google::protobuf::Any;

use crate::failure::Failure;
use crate::references::id_of;

/// What is looked at.
#[derive(Debug)]
pub(super) struct Marks {
    id: ResourceRef,
    name: String,
    /// Addresses of a user; none for what is no user.
    emails: Option<Vec<String>>,
}

impl Marks {
    /// The marks of a principal.
    pub(super) fn of(principal: &Resource) -> Result<Self, Failure> {
        let user = principal.annotations.iter().find(|any| is_user_trait(any));
        Ok(Self {
            id: id_of(principal),
            name: principal.display_name.clone(),
            emails: user.map(emails).transpose()?,
        })
    }

    /// Memory for the marks and for a place in each set of a [`Crowd`], roughly and rather too
    /// much.
    pub(super) fn bytes(&self) -> usize {
        let email = |email: &String| email.len() + 100;
        let emails: usize = self.emails.iter().flatten().map(email).sum();
        400 + self.id.resource_type.len() + self.id.resource.len() + self.name.len() + emails
    }
}

fn is_user_trait(any: &Any) -> bool {
    any.type_url.rsplit('/').next() == Some("c1.connector.v2.UserTrait")
}

fn emails(any: &Any) -> Result<Vec<String>, Failure> {
    let user: UserTrait = c1z_proto::decode(&any.value).map_err(|error| {
        let what = Error::new(ErrorKind::DataLoss, "cannot decode the trait of a user");
        Failure::Library(what.with_source(error))
    })?;
    let addresses = user.emails.into_iter().map(|email| email.address);
    Ok(addresses.filter(|address| !address.is_empty()).collect())
}

/// The principals of one side, to be asked for matches. One set for each mark, so that asking takes
/// constant time.
#[derive(Debug, Default)]
pub(super) struct Crowd<'a> {
    ids: HashSet<&'a ResourceRef>,
    emails: HashSet<&'a str>,
    user_names: HashSet<&'a str>,
    other_names: HashSet<&'a str>,
}

impl<'a> Crowd<'a> {
    pub(super) fn of(all: &'a [Marks]) -> Self {
        let mut crowd = Self::default();
        for marks in all {
            crowd.ids.insert(&marks.id);
            let names = match &marks.emails {
                Some(emails) => {
                    crowd.emails.extend(emails.iter().map(String::as_str));
                    &mut crowd.user_names
                }
                None => &mut crowd.other_names,
            };
            // No name is no mark.
            if !marks.name.is_empty() {
                names.insert(&marks.name);
            }
        }
        crowd
    }

    /// Whether anybody among them is the same.
    pub(super) fn holds(&self, marks: &Marks) -> bool {
        let names = match &marks.emails {
            Some(emails) => {
                if emails
                    .iter()
                    .any(|email| self.emails.contains(email.as_str()))
                {
                    return true;
                }
                &self.user_names
            }
            None => &self.other_names,
        };
        self.ids.contains(&marks.id) || names.contains(marks.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(id: &str, name: &str, emails: Option<&[&str]>) -> Marks {
        Marks {
            id: ResourceRef::new("user", id),
            name: name.to_owned(),
            emails: emails.map(|emails| emails.iter().map(|&email| email.to_owned()).collect()),
        }
    }

    #[test]
    fn marks_are_compared_in_their_order() {
        let crowd = [
            marks("a", "Ann", Some(&["a@x", "ann@x"])),
            marks("b", "Bot", None),
            marks("c", "", None),
        ];
        let crowd = Crowd::of(&crowd);
        for (other, same) in [
            (marks("a", "Other", None), true),
            (marks("z", "Other", Some(&["ann@x"])), true),
            (marks("z", "Ann", Some(&["z@x"])), true),
            (marks("z", "Ann", None), false),
            (marks("z", "Bot", None), true),
            (marks("z", "Bot", Some(&[])), false),
            (marks("z", "", None), false),
            (marks("z", "Zed", Some(&["z@x"])), false),
        ] {
            assert_eq!(crowd.holds(&other), same, "{other:?}");
        }
    }
}
