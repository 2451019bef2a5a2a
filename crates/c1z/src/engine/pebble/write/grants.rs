//! Grants: what is written depends on the expansion of what is replaced (`store-contract` §5.1, §5.3, D5).

use c1z_proto::connector::v2;

use super::super::kv::KvValue;
use super::super::live::{Ids, Live};
use super::records::{Keyed, by_key, is_older};
use super::{Change, Writing};
use crate::Result;
use crate::engine::Profile;
use crate::engine::contract::Contract;
use crate::engine::types::Timestamp;
use crate::keyspace::{Family, Key};
use crate::record::annotation::is_expandable;
use crate::record::{GrantPut, GrantView, PutExpansion, StoredExpansion, grant};

/// Which of two grants with one key stays, and with which expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one that is written, with its own expansion.
    Replace,
    /// As [`Rule::Replace`], if the stored one is older than its stamp.
    IfNewer,
    /// The one that is written, with expansion and time of the stored one.
    KeepExpansion,
}

/// Writes grants.
pub(super) fn put(contract: &Contract<Live>, records: &[v2::Grant], rule: Rule) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let change = match rule {
        Rule::KeepExpansion => Change::ExpandedGrants,
        Rule::Replace | Rule::IfNewer => Change::Grants,
    };
    let mut writing = Writing::begin(contract, change)?;
    let keyed = by_key("grant", records, |record, key| {
        Key::Grant(grant::identity_of(record)?).encode_into(key);
        Ok(())
    })?;
    let mut put = Put {
        profile: writing.live.options.profile,
        stamp: writing.stamp(),
        value: Vec::new(),
    };
    for same in keyed.chunk_by(|a, b| a.0 == b.0) {
        writing.check_cancelled()?;
        let Some((key, last)) = same.last() else {
            continue;
        };
        match rule {
            Rule::Replace => put.replace(&writing, key, same)?,
            Rule::KeepExpansion => put.keep_expansion(&writing, key, last)?,
            Rule::IfNewer => {
                let stored = writing.stored(key)?;
                if let Some(stored) = &stored
                    && !is_older(Family::Grant, stored, put.stamp)?
                {
                    continue;
                }
                put.over(last, stored)?;
            }
        }
        writing.put(key, &put.value)?;
    }
    writing.commit(Ids::Kept)
}

/// Makes stored grants, one after the other.
struct Put {
    profile: Profile,
    stamp: Timestamp,
    /// The grant that was made last.
    value: Vec<u8>,
}

impl Put {
    /// Makes the grant that is left when those of one key were written one after the other.
    fn replace(
        &mut self,
        writing: &Writing<'_>,
        key: &[u8],
        same: &[Keyed<'_, v2::Grant>],
    ) -> Result<()> {
        let mut grants = same.iter().map(|(_, grant)| *grant);
        if !grants.clone().any(|grant| self.looks_back(grant)) {
            return match grants.next_back() {
                Some(last) => self.over(last, None),
                None => Ok(()),
            };
        }
        let mut before = writing.stored(key)?;
        for grant in grants {
            self.over(grant, before)?;
            before = Some(KvValue::Owned(self.value.clone()));
        }
        Ok(())
    }

    /// Whether what is stored for this grant depends on what it replaces.
    fn looks_back(&self, grant: &v2::Grant) -> bool {
        self.profile != Profile::GoPebble && grant.annotations.iter().any(is_expandable)
    }

    /// Makes a grant with its own expansion, over what was stored before.
    fn over(&mut self, grant: &v2::Grant, before: Option<KvValue>) -> Result<()> {
        let before = before.filter(|_| self.looks_back(grant));
        let view = before.as_deref().map(GrantView::parse).transpose()?;
        let state = view.as_ref().map(GrantView::stored_expansion);
        self.encode(grant, Some(self.stamp), PutExpansion::Lift(state))
    }

    /// Makes a grant with expansion and time of the stored one.
    fn keep_expansion(
        &mut self,
        writing: &Writing<'_>,
        key: &[u8],
        grant: &v2::Grant,
    ) -> Result<()> {
        let stored = writing.stored(key)?;
        let Some(stored) = stored else {
            let none = PutExpansion::Keep(StoredExpansion::default());
            return self.encode(grant, Some(self.stamp), none);
        };
        let view = GrantView::parse(&stored)?;
        let kept = PutExpansion::Keep(view.stored_expansion());
        self.encode(grant, view.discovered_at(), kept)
    }

    fn encode(
        &mut self,
        grant: &v2::Grant,
        discovered_at: Option<Timestamp>,
        expansion: PutExpansion<'_>,
    ) -> Result<()> {
        let put = GrantPut {
            profile: self.profile,
            discovered_at,
            expansion,
        };
        self.value.clear();
        grant::encode_into(grant, &put, &mut self.value)
    }
}
