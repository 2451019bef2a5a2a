//! What a row tells of a user.

use c1z::record::annotation::type_name;
use c1z::{Error, ErrorKind};
use c1z_proto::connector::v2::user_trait::status::Status;
use c1z_proto::connector::v2::{Resource, UserTrait};
use c1z_proto::google::protobuf::value::Kind;
use c1z_proto::schema::Described;

use crate::failure::Failure;

/// The cells of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) last_name: String,
    pub(super) first_name: String,
    pub(super) id: String,
    pub(super) status: &'static str,
    /// The primary address.
    pub(super) email: String,
}

impl User {
    /// The user that a resource is; none if it carries no user trait.
    ///
    /// # Errors
    /// `DataLoss` for a trait that does not decode.
    pub(super) fn of(resource: &Resource) -> Result<Option<Self>, Failure> {
        let is_trait = |url: &str| type_name(url) == UserTrait::MESSAGE.name();
        let mut annotations = resource.annotations.iter();
        let Some(found) = annotations.find(|annotation| is_trait(&annotation.type_url)) else {
            return Ok(None);
        };
        match c1z_proto::decode(&found.value) {
            Ok(user) => Ok(Some(Self::from_trait(user))),
            Err(error) => {
                let (kind, id) = (&resource.id.resource_type, &resource.id.resource);
                let what = format!("corrupt user trait of a resource resource=`{kind}:{id}`");
                let error = Error::new(ErrorKind::DataLoss, what).with_source(error);
                Err(error.into())
            }
        }
    }

    fn from_trait(mut user: UserTrait) -> Self {
        let status = status(&user);
        let mut of_profile = |name: &str| {
            let value = user.profile.as_option_mut()?.fields.remove(name)?;
            match value.kind {
                Some(Kind::StringValue(text)) => Some(text),
                _ => None,
            }
        };
        Self {
            last_name: of_profile("last_name").unwrap_or_default(),
            first_name: of_profile("first_name").unwrap_or_default(),
            id: of_profile("user_id").unwrap_or_default(),
            status,
            email: user
                .emails
                .into_iter()
                .find(|email| email.is_primary)
                .map(|email| email.address)
                .unwrap_or_default(),
        }
    }

    /// Bytes that it holds.
    pub(super) fn len(&self) -> usize {
        self.last_name.len() + self.first_name.len() + self.id.len() + self.email.len()
    }
}

/// A user without a status is enabled; one with a status that says nothing is unknown.
fn status(user: &UserTrait) -> &'static str {
    let Some(status) = user.status.as_option() else {
        return "Enabled";
    };
    match status.status.as_known() {
        Some(Status::STATUS_ENABLED) => "Enabled",
        Some(Status::STATUS_DISABLED) => "Disabled",
        Some(Status::STATUS_DELETED) => "Deleted",
        _ => "Unknown",
    }
}
