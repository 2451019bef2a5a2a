//! What a store is asked to do: one name per call of the storage contract.

/// What sort of work a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Single records, statistics, digests, session entries.
    Read,
    /// Lists and streams.
    Scan,
    /// Puts.
    Write,
    /// Deletes.
    Delete,
    /// Starts, checkpoints and ends of syncs, and marks on them.
    Lifecycle,
}

impl Class {
    /// The value of the label `class`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Scan => "scan",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Lifecycle => "lifecycle",
        }
    }
}

macro_rules! operations {
    ($($class:ident: $($variant:ident $name:literal),* ;)*) => {
        /// A call of [`crate::engine::Reader`], [`crate::engine::Writer`] or [`crate::engine::Lifecycle`]. Calls that are
        /// pure memory (`metadata`, `current_sync`, `viewed_sync`, `is_dirty`) are not counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[doc = concat!("`", $name, "`")] $variant,)*)*
        }

        impl Operation {
            /// Every operation, in the order of the enum.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The value of the label `operation`: the name of the method.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)*)*
                }
            }

            /// What sort of work it is.
            pub const fn class(self) -> Class {
                match self {
                    $($(Self::$variant)|* => Class::$class,)*
                }
            }
        }
    };
}

operations! {
    Read:
        GetSync "get_sync",
        LatestFinishedSync "latest_finished_sync",
        PreviousFinishedSync "previous_finished_sync",
        Resolve "resolve",
        GetResourceType "get_resource_type",
        GetResource "get_resource",
        GetEntitlement "get_entitlement",
        GetGrant "get_grant",
        GetGrantByKey "get_grant_by_key",
        GetResourcesByIds "get_resources_by_ids",
        GetEntitlementsByIds "get_entitlements_by_ids",
        GetGrantsByIds "get_grants_by_ids",
        GetAsset "get_asset",
        Stats "stats",
        StatsMap "stats_map",
        GrantStats "grant_stats",
        EntitlementStats "entitlement_stats",
        GrantSources "grant_sources",
        EntitlementDigest "entitlement_digest",
        EntitlementDigestNodes "entitlement_digest_nodes",
        GrantsDigest "grants_digest",
        SessionGet "session_get",
        SessionGetMany "session_get_many",
        SizeOnDisk "size_on_disk",
        CurrentSyncStep "current_sync_step";
    Scan:
        ListSyncRuns "list_sync_runs",
        ListResourceTypes "list_resource_types",
        ListResources "list_resources",
        ListEntitlements "list_entitlements",
        ListGrants "list_grants",
        ListGrantsForEntitlements "list_grants_for_entitlements",
        ListPendingExpansion "list_pending_expansion",
        ListAssets "list_assets",
        ListPrincipalsForEntitlement "list_principals_for_entitlement",
        StreamResources "stream_resources",
        StreamEntitlements "stream_entitlements",
        StreamGrants "stream_grants",
        SessionGetAll "session_get_all";
    Write:
        PutResourceTypes "put_resource_types",
        PutResources "put_resources",
        PutEntitlements "put_entitlements",
        PutGrants "put_grants",
        StoreExpandedGrants "store_expanded_grants",
        PutResourceTypesIfNewer "put_resource_types_if_newer",
        PutResourcesIfNewer "put_resources_if_newer",
        PutEntitlementsIfNewer "put_entitlements_if_newer",
        PutGrantsIfNewer "put_grants_if_newer",
        PutAsset "put_asset",
        SessionSet "session_set",
        SessionSetMany "session_set_many";
    Delete:
        DeleteGrant "delete_grant",
        DeleteGrantsByIds "delete_grants_by_ids",
        DeleteGrantsByKeys "delete_grants_by_keys",
        DeleteResource "delete_resource",
        DeleteEntitlement "delete_entitlement",
        SessionDelete "session_delete",
        SessionClear "session_clear",
        DeleteSyncRun "delete_sync_run";
    Lifecycle:
        StartNewSync "start_new_sync",
        ResumeSync "resume_sync",
        StartOrResumeSync "start_or_resume_sync",
        SetCurrentSync "set_current_sync",
        ViewSync "view_sync",
        CheckpointSync "checkpoint_sync",
        EndSync "end_sync",
        MarkSupportsDiff "mark_supports_diff",
        SetSyncLink "set_sync_link",
        MarkVerified "mark_verified",
        ClearVerified "clear_verified";
}
