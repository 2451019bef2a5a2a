use buffa::MessageName;

use super::*;
use crate::{c1z, connector::v2, google, storage::v3};

#[test]
fn names_and_numbers_lead_to_messages_and_fields() {
    let names: Vec<_> = messages().map(Message::name).collect();
    assert!(names.is_sorted());
    assert!(names.len() > 200);
    for message in messages() {
        assert_eq!(super::message(message.name()), Some(message));
        for (position, field) in message.fields().iter().enumerate() {
            assert_eq!(message.position(field.number()), Some(position));
            assert_eq!(message.field(field.number()).unwrap().name(), field.name());
            assert_eq!(
                message.field_named(field.name()).unwrap().number(),
                field.number()
            );
            assert_eq!(
                message.field_named(field.json_name()).unwrap().number(),
                field.number()
            );
            assert_eq!(field.proto_key, format!("\"{}\":", field.name()));
            assert_eq!(field.json_key, format!("\"{}\":", field.json_name()));
        }
        assert!(message.field(0).is_none());
        assert!(message.field(u32::MAX).is_none());
        assert!(message.field_named("").is_none());
    }
    assert!(message("c1.connector.v2.Nothing").is_none());
}

#[test]
fn types_lead_to_their_messages() {
    fn check<M: Described + MessageName>() {
        assert_eq!(M::MESSAGE.name(), M::FULL_NAME);
    }
    check::<v2::Grant>();
    check::<v2::grant_sources::GrantSource>();
    check::<v2::user_trait::MFAStatus>();
    check::<v3::SyncStatsRecord>();
    check::<c1z::v3::C1ZManifestV3>();
    check::<google::protobuf::Struct>();
}

#[test]
fn type_urls_count_from_the_last_slash() {
    let grant = Some(v2::Grant::MESSAGE);
    assert_eq!(resolve("type.googleapis.com/c1.connector.v2.Grant"), grant);
    assert_eq!(resolve("a/b/c1.connector.v2.Grant"), grant);
    assert_eq!(resolve("/c1.connector.v2.Grant"), grant);
    assert_eq!(resolve("c1.connector.v2.Grant"), grant);
    assert_eq!(resolve("c1.connector.v2.Grant/"), None);
    assert_eq!(resolve(""), None);
}

#[test]
fn annotations_are_all_there() {
    // The type URL index of the specification, and what it forgot.
    let index = "AgentTrait Aliases AppTrait BatonID ChildResourceType DeviceOS ETag ETagMatch \
        ETagMetadata EnqueuePageTokens EntitlementExclusionGroup EntitlementImmutable ExternalLink \
        ExternalResourceMatch ExternalResourceMatchAll ExternalResourceMatchID ExternalTicketRef \
        ExternalTicketSettings GrantAlreadyExists GrantAlreadyRevoked GrantExpandable \
        GrantImmutable GrantMetadata GrantReplaced GroupTrait InsertResourceGrants Issue \
        LicenseProfileTrait LineItem ManagedDeviceTrait Money NonHumanIdentityTrait \
        RateLimitDescription RateLimitWaitReport RawId RequestId ResourceDeleted \
        ResourceDoesNotExist RiskFactor RiskScore RoleScopeCondition RoleScopeConditions RoleTrait \
        ScopeBindingTrait SecretTrait SecurityInsightTrait SessionStoreUsage SkipEntitlements \
        SkipEntitlementsAndGrants SkipGrants SourceCacheCapability SourceCacheLookupAnswers \
        SourceCacheLookupAsk SourceCacheLookupOffer SourceCacheRecord SourceCacheReplay \
        TypeScopedEntitlements TypeScopedGrants UserTrait V1Identifier VendorAgreementTrait \
        VendorTrait CapabilityPermissions OptInRequired Deprecated SkipSyncAnomalyDetection";
    for name in index.split_whitespace() {
        assert!(
            message(&format!("c1.connector.v2.{name}")).is_some(),
            "{name}"
        );
    }
    assert!(message("c1.c1z.v1.SyncDetails").is_some());
    assert!(message("c1.c1z.v3.PebbleEngineConfig").is_some());
}

/// Canonical encoding puts members of oneofs last only in the outermost message.
#[test]
fn messages_with_oneofs_and_other_fields_stand_alone() {
    let mixed = |message: &Message| {
        message.oneofs && message.fields().iter().any(|field| field.oneof().is_none())
    };
    assert!(mixed(v2::SecurityInsightTrait::MESSAGE));
    for message in messages() {
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                assert!(!mixed(inner), "{}.{}", message.name(), field.name());
            }
        }
    }
}

#[test]
fn enums_are_open() {
    let Kind::Enum(found) = v3::SyncRunRecord::MESSAGE.field(2).unwrap().kind() else {
        panic!("not an enum");
    };
    assert_eq!(found.name(), "c1.storage.v3.SyncType");
    assert_eq!(found.value_name(1), Some("SYNC_TYPE_FULL"));
    assert_eq!(found.value_number("SYNC_TYPE_FULL"), Some(1));
    assert_eq!(found.value_name(99), None);
    assert_eq!(found.value_name(-1), None);
    assert_eq!(found.value_number("FULL"), None);
}
