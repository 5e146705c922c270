//! Repositories that keep no sessions.

use crate::domain::event::Visibility;

/// Why a repository keeps no sessions: more people could read them there than may read the repository,
/// or nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::command::ci) enum Unkept {
    /// Anybody reads it.
    Public,
    /// GitLab's word for: everybody with an account.
    #[cfg(feature = "gitlab")]
    Internal,
    /// A private project whose packages are not.
    #[cfg(feature = "gitlab")]
    Registry,
    /// The event does not say.
    Unknown,
}

impl Unkept {
    /// On GitHub, where only those of the enterprise who may read the repository read its artifacts.
    #[cfg(feature = "github")]
    pub(super) fn on_github(visibility: Option<Visibility>) -> Option<Self> {
        match visibility {
            None => Some(Self::Unknown),
            Some(Visibility::Public) => Some(Self::Public),
            Some(Visibility::Internal | Visibility::Private) => None,
        }
    }

    /// On GitLab, whose package registry may be more open than its project.
    #[cfg(feature = "gitlab")]
    pub(super) fn on_gitlab(visibility: Option<Visibility>, has_public_registry: bool) -> Option<Self> {
        match visibility {
            None => Some(Self::Unknown),
            Some(Visibility::Public) => Some(Self::Public),
            Some(Visibility::Internal) => Some(Self::Internal),
            Some(Visibility::Private) => has_public_registry.then_some(Self::Registry),
        }
    }

    /// Goes on after "fresh: ".
    pub(in crate::cli::command::ci) fn keeper(self) -> &'static str {
        match self {
            Self::Public => "a public repository keeps none",
            #[cfg(feature = "gitlab")]
            Self::Internal => "an internal project keeps none",
            #[cfg(feature = "gitlab")]
            Self::Registry => "a project whose package registry is public keeps none",
            Self::Unknown => "a repository of which nobody says who can read it keeps none",
        }
    }

    /// Goes on after "nowhere: ".
    pub(in crate::cli::command::ci) fn reader(self) -> &'static str {
        match self {
            Self::Public => "nowhere: anybody can read what a public repository keeps",
            #[cfg(feature = "gitlab")]
            Self::Internal => "nowhere: everybody with an account can read what an internal project keeps",
            #[cfg(feature = "gitlab")]
            Self::Registry => "nowhere: anybody can read this project's package registry",
            Self::Unknown => "nowhere: nobody says who could read what this repository keeps",
        }
    }
}
