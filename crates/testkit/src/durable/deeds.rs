//! What is done to a folder of syncs and to files beside it, in order.

use c1z::engine::types::SyncType;

/// Something that is done to a folder, or a file that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The sync of this name begins and is current.
    Start(&'static str, SyncType),
    /// A few resources are put into it, in one call; the number tells which.
    PutResources(&'static str, usize),
    /// A few grants, in one call.
    PutGrants(&'static str, usize),
    /// It supports a diff.
    Mark(&'static str),
    /// A token is stored: what was put before survives power failures.
    Checkpoint(&'static str),
    /// It ends.
    End(&'static str),
    /// Its directory becomes a file.
    Pack(&'static str),
    /// It gets a partner; packed, it becomes a directory again.
    Link(&'static str),
    /// It is deleted.
    Delete(&'static str),
    /// Retention deletes what is too old, all of it at once.
    Cleanup,
    /// The folder is closed and opened.
    Reopen,
    /// A sync is published as a file, which replaces the one before.
    Publish(&'static str, &'static str),
    /// Files are merged into another.
    Merge([&'static str; 2], &'static str),
    /// The differences of two files, as two files: upserts and deletions.
    Pair([&'static str; 2], [&'static str; 2]),
    /// The sync of a file comes into the folder.
    Add(&'static str),
}

fn whole(name: &'static str, of: SyncType) -> [Deed; 5] {
    [
        Deed::Start(name, of),
        Deed::PutResources(name, 0),
        Deed::PutGrants(name, 0),
        Deed::Mark(name),
        Deed::End(name),
    ]
}

/// All deeds, in order.
pub fn deeds() -> Vec<Deed> {
    use Deed::{
        Add, Checkpoint, Cleanup, Delete, End, Link, Merge, Pack, Pair, Publish, PutGrants,
        PutResources, Reopen, Start,
    };
    let mut deeds = whole("a", SyncType::Full).to_vec();
    deeds.extend([
        Start("left", SyncType::Partial),
        PutResources("left", 0),
        PutGrants("left", 0),
        PutGrants("left", 1),
        Checkpoint("left"),
        Reopen,
    ]);
    deeds.extend(whole("b", SyncType::Full));
    deeds.extend([
        Pack("a"),
        Publish("a", "a.c1z"),
        Publish("b", "b.c1z"),
        Pair(["a.c1z", "b.c1z"], ["upserts.c1z", "deletions.c1z"]),
        Merge(["a.c1z", "b.c1z"], "merged.c1z"),
        Add("merged.c1z"),
        Add("deletions.c1z"),
        Add("upserts.c1z"),
        Link("a"),
    ]);
    deeds.extend(whole("c", SyncType::ResourcesOnly));
    deeds.extend([Delete("b"), Pack("c"), Reopen]);
    deeds.extend(whole("d", SyncType::Full));
    // Over those that are there.
    deeds.extend([
        Publish("d", "a.c1z"),
        Merge(["a.c1z", "b.c1z"], "merged.c1z"),
        Pair(["b.c1z", "a.c1z"], ["upserts.c1z", "deletions.c1z"]),
    ]);
    deeds.extend(whole("e", SyncType::Full));
    deeds.extend([
        PutGrants("left", 2),
        Checkpoint("left"),
        // What is current counts for retention, and nothing is after an interruption.
        Reopen,
        Cleanup,
        PutGrants("left", 3),
        End("left"),
        Pack("left"),
        Reopen,
    ]);
    deeds
}

impl Deed {
    /// Whether what it and all deeds before it did survives power failures once it is acknowledged.
    pub fn is_barrier(&self) -> bool {
        !matches!(
            self,
            Deed::PutResources(..) | Deed::PutGrants(..) | Deed::Mark(_) | Deed::Reopen
        )
    }
}
