//! What callers change in the account: what they get, and what they refuse.

use pan123_token::AccessToken;
use pan123_token_cache::Moment;

use super::Account;
use crate::platform::TokenId;
use crate::wire::token_id;

/// Whether a caller asked for another token than the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    No,
    Any,
    InsteadOf(TokenId),
}

impl Account {
    /// What a caller gets now.
    pub(crate) fn serves(&mut self, token: Option<&AccessToken>) {
        self.serving = token.is_some();
        self.held_expires_at = token.map_or(self.held_expires_at, |it| Some(it.expires_at()));
        let Some(token) = token.map(token_id) else {
            self.due_since = None;
            return;
        };
        if self.held != Some(token) {
            if self.held.is_some() || self.failures > 0 {
                self.renewed();
            }
            self.held = Some(token);
            self.due_since = None;
            let counted = self.lives_of(token).iter().map(|it| it.maybe_issued).max();
            self.maybe_issued = counted.unwrap_or(0);
            self.spent = self.maybe_issued;
            if self.unsaved.as_ref().is_some_and(|it| it.token != token) {
                self.unsaved = None;
            }
            if self.must_save.is_some_and(|(it, _)| it != token) {
                self.must_save = None;
            }
        }
        if self.refresh == Refresh::Any {
            self.refresh = Refresh::InsteadOf(token);
        }
    }

    pub(crate) fn refresh(&mut self) {
        self.refresh = self.held.map_or(Refresh::Any, Refresh::InsteadOf);
        self.calls_at_once = 0;
    }

    pub(crate) fn rejects(&mut self, token: TokenId, now: Moment) {
        if self.held != Some(token) {
            return;
        }
        self.calls_at_once = 0;
        if !self.suspects.contains(&token) {
            self.suspects.push(token);
        }
        if !self.was_rejected(token) {
            self.changed_at = now.monotonic;
            self.rejected.push_back(token);
            if self.rejected.len() > 16 {
                self.rejected.pop_front();
            }
        }
        self.must_save = None;
        self.due_since = None;
    }
}
