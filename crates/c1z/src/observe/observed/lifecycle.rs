//! [`Lifecycle`] over a watched engine.

use std::fmt;
use std::ops::Deref;

use super::{Call, Observed, none};
use crate::Result;
use crate::engine::Lifecycle;
use crate::engine::types::{SyncId, SyncType, Verification};
use crate::observe::operation::Operation as Op;
use crate::observe::shape::Shape;

impl<P> Lifecycle for Observed<P>
where
    P: Deref<Target: Lifecycle> + Send + Sync + fmt::Debug,
{
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        let call = Call::new(Op::StartNewSync);
        let run = |engine: &P::Target| engine.start_new_sync(sync_type, parent);
        self.timed(call, run, none)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let call = Call::sync(Op::ResumeSync, id).with(Shape::NONE.sync_type(of.is_some()));
        self.timed(call, |engine| engine.resume_sync(of, id), none)
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let call = Call::sync(Op::StartOrResumeSync, id).with(Shape::NONE.sync_type(of.is_some()));
        self.timed(call, |engine| engine.start_or_resume_sync(of, id), none)
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let call = Call::sync(Op::SetCurrentSync, Some(id));
        self.timed(call, |engine| engine.set_current_sync(id), none)
    }

    fn current_sync(&self) -> Option<SyncId> {
        self.engine.current_sync()
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        let call = Call::sync(Op::ViewSync, id);
        self.timed(call, |engine| engine.view_sync(id), none)
    }

    fn viewed_sync(&self) -> Option<SyncId> {
        self.engine.viewed_sync()
    }

    fn current_sync_step(&self) -> Result<String> {
        let call = Call::new(Op::CurrentSyncStep);
        self.timed(call, P::Target::current_sync_step, none)
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        let call = Call::new(Op::CheckpointSync);
        self.timed(call, |engine| engine.checkpoint_sync(token), none)
    }

    fn end_sync(&self) -> Result<()> {
        let sync = self.engine.current_sync();
        let call = Call::sync(Op::EndSync, sync.as_ref());
        self.timed(call, P::Target::end_sync, none)
    }

    fn mark_supports_diff(&self, id: &SyncId) -> Result<()> {
        let call = Call::sync(Op::MarkSupportsDiff, Some(id));
        self.timed(call, |engine| engine.mark_supports_diff(id), none)
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        let call = Call::sync(Op::SetSyncLink, Some(id));
        self.timed(call, |engine| engine.set_sync_link(id, linked), none)
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        let call = Call::sync(Op::MarkVerified, Some(id));
        self.timed(call, |engine| engine.mark_verified(id, mark), none)
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        let call = Call::sync(Op::ClearVerified, Some(id));
        self.timed(call, |engine| engine.clear_verified(id), none)
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        let call = Call::sync(Op::DeleteSyncRun, Some(id));
        self.timed(call, |engine| engine.delete_sync_run(id), none)
    }

    fn is_dirty(&self) -> bool {
        self.engine.is_dirty()
    }
}
