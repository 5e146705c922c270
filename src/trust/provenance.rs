//! Whether a bundle from the shelf may be used again, by who put it there.
//!
//! A name on a shelf proves nothing: in a public repository any job may upload under any name, also
//! a stranger's pull request. What the forge says about the run that uploaded it does.

use crate::forge::{Head, Origin};

/// Where it would be used.
#[derive(Clone, Debug)]
pub struct Here<'a> {
    /// Repository or project of the job.
    pub repository: u64,
    /// Its default branch; empty when nobody told.
    pub default_branch: &'a str,
    /// The pull request or merge request that the instance continues on, if it is one.
    pub pull: Option<u64>,
    /// What that one is made of, once it was asked: GitHub's runs name only pull requests that are open.
    pub head: Option<Head>,
    /// What else the forge tells.
    pub on: On<'a>,
}

/// The code host of the job.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// GitHub.
    Github {
        /// Path of the job's workflow file; `None` where the runner does not tell.
        workflow: Option<&'a str>,
    },
    /// GitLab.
    Gitlab,
}

/// Why a bundle is not used; goes on after "its earlier session was not used: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// Another repository's shelf.
    #[error("it was made in repository {made_in}, not in this one ({here})")]
    Repository {
        /// Where the run ran.
        made_in: u64,
        /// Where we are.
        here: u64,
    },
    /// A fork's code ran.
    #[error("it was made with code of repository {0}, a fork")]
    Fork(u64),
    /// Nothing to compare with.
    #[error("this job does not say which workflow it belongs to (`GITHUB_WORKFLOW_REF`)")]
    NoWorkflow,
    /// Another workflow file.
    #[error("it was made by the workflow `{made_by}`, not by this one (`{here}`)")]
    Workflow {
        /// Its path.
        made_by: String,
        /// Ours.
        here: String,
    },
    /// A kind of run that people without rights may start or change.
    #[error("it was made in a `{0}` run, and such runs are not trusted with sessions")]
    Event(String),
    /// Nothing to compare with.
    #[error("this job's event does not say which branch is the default one")]
    NoBranch,
    /// Whoever may push tags chose its code.
    #[error("it was made on the tag `{0}`, not on a branch")]
    Tag(String),
    /// Code that is not on the default branch yet.
    #[error("it was made on `{made_on}`, not on the default branch `{default_branch}`")]
    Branch {
        /// Its branch.
        made_on: String,
        /// The right one.
        default_branch: String,
    },
    /// Another pull request's code ran.
    #[error("it was made for {0}, not for this one")]
    Pull(String),
    /// A pull request's run, and the instance continues on an issue.
    #[error("it was made for {0}, and this is an issue")]
    NoPull(String),
}

/// Events whose workflow comes from the default branch, and which start agents.
const ON_DEFAULT_BRANCH: [&str; 2] = ["issues", "issue_comment"];
/// Events whose workflow runs for a pull request.
const FOR_PULL: [&str; 4] =
    ["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"];
/// The source of pipelines that a webhook starts.
const BY_WEBHOOK: &str = "trigger";

/// Judges the run that put a bundle on the shelf.
///
/// # Errors
/// The first reason against it.
pub fn judge(origin: &Origin, here: &Here<'_>) -> Result<(), WhyNot> {
    if origin.repository != here.repository {
        return Err(WhyNot::Repository { made_in: origin.repository, here: here.repository });
    }
    if origin.head_repository != here.repository {
        return Err(WhyNot::Fork(origin.head_repository));
    }
    let event = origin.event.as_str();
    match here.on {
        On::Github { workflow } => {
            same_workflow(&origin.workflow, workflow)?;
            if ON_DEFAULT_BRANCH.contains(&event) {
                on_default_branch(origin, here)
            } else if FOR_PULL.contains(&event) {
                if is_made_of(origin, here) { Ok(()) } else { for_pull(&origin.pulls, here) }
            } else {
                Err(WhyNot::Event(clipped(event)))
            }
        }
        On::Gitlab if origin.is_tag => Err(WhyNot::Tag(clipped(&origin.branch))),
        On::Gitlab if event == BY_WEBHOOK => on_default_branch(origin, here),
        On::Gitlab if event == "merge_request_event" && origin.pulls.is_empty() => Err(branch(origin, here)),
        On::Gitlab if event == "merge_request_event" => for_pull(&origin.pulls, here),
        On::Gitlab => Err(WhyNot::Event(clipped(event))),
    }
}

fn same_workflow(made_by: &str, here: Option<&str>) -> Result<(), WhyNot> {
    let here = here.ok_or(WhyNot::NoWorkflow)?;
    if made_by == here {
        return Ok(());
    }
    Err(WhyNot::Workflow { made_by: clipped(made_by), here: here.to_owned() })
}

fn on_default_branch(origin: &Origin, here: &Here<'_>) -> Result<(), WhyNot> {
    if here.default_branch.is_empty() {
        return Err(WhyNot::NoBranch);
    }
    if origin.branch == here.default_branch { Ok(()) } else { Err(branch(origin, here)) }
}

fn branch(origin: &Origin, here: &Here<'_>) -> WhyNot {
    WhyNot::Branch { made_on: clipped(&origin.branch), default_branch: here.default_branch.to_owned() }
}

fn for_pull(made_for: &[u64], here: &Here<'_>) -> Result<(), WhyNot> {
    match here.pull {
        Some(own) if made_for.contains(&own) => Ok(()),
        Some(_) => Err(WhyNot::Pull(pulls(made_for, here.on))),
        None => Err(WhyNot::NoPull(pulls(made_for, here.on))),
    }
}

/// Whether it ran for the head of the pull request that the instance continues on.
fn is_made_of(origin: &Origin, here: &Here<'_>) -> bool {
    let head = here.head.as_ref().filter(|_| here.pull.is_some());
    head.is_some_and(|head| head.repository == origin.head_repository && head.branch == origin.branch)
}

fn pulls(numbers: &[u64], on: On<'_>) -> String {
    let noun = match on {
        On::Github { .. } => "pull request",
        On::Gitlab => "merge request",
    };
    match numbers {
        [] => format!("no {noun} that is open"),
        [one] => format!("{noun} {one}"),
        many => format!("{noun}s {}", many.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A foreign word, for a sentence of one line.
fn clipped(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here<'_> = Here {
        repository: 7,
        default_branch: "main",
        pull: Some(5),
        head: None,
        on: On::Github { workflow: Some(".github/workflows/hob.yml") },
    };
    const PROJECT: Here<'_> = Here { on: On::Gitlab, ..HERE };

    fn github(event: &str) -> Origin {
        Origin {
            workflow: ".github/workflows/hob.yml".to_owned(),
            event: event.to_owned(),
            repository: 7,
            head_repository: 7,
            branch: "main".to_owned(),
            is_tag: false,
            pulls: Vec::new(),
        }
    }

    fn gitlab(event: &str, branch: &str) -> Origin {
        Origin { workflow: String::new(), branch: branch.to_owned(), ..github(event) }
    }

    fn said(origin: &Origin, here: &Here<'_>) -> String {
        judge(origin, here).map_or_else(|why_not| why_not.to_string(), |()| "used".to_owned())
    }

    fn table(rows: Vec<(&str, Origin, Here<'_>)>) -> String {
        let rows = rows.into_iter().map(|(what, origin, here)| format!("{what:<28} {}", said(&origin, &here)));
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn on_github_a_bundle_is_used_when_its_run_is_one_of_ours() {
        let with = |origin: Origin, pulls: &[u64]| Origin { pulls: pulls.to_vec(), branch: "topic".into(), ..origin };
        let issue = Here { pull: None, ..HERE };
        let headed =
            |repository, branch: &str| Here { head: Some(Head { repository, branch: branch.to_owned() }), ..HERE };
        let mut rows: Vec<_> = ON_DEFAULT_BRANCH.iter().map(|event| (*event, github(event), issue.clone())).collect();
        rows.extend([
            ("for a pull request too", github("issue_comment"), HERE),
            ("its own pull request", with(github("pull_request"), &[5]), HERE),
            ("its own, of two", with(github("pull_request_review"), &[4, 5]), HERE),
            ("another repository", Origin { repository: 8, ..github("issues") }, HERE),
            ("a fork", Origin { head_repository: 8, ..github("pull_request") }, HERE),
            ("another workflow", Origin { workflow: ".github/workflows/ci.yml".into(), ..github("issues") }, HERE),
            ("no workflow", Origin { workflow: String::new(), ..github("issues") }, HERE),
            ("not knowing our workflow", github("issues"), Here { on: On::Github { workflow: None }, ..HERE }),
            ("on a branch", Origin { branch: "topic".into(), ..github("issue_comment") }, HERE),
            ("dispatched", github("workflow_dispatch"), HERE),
            ("at a time", github("schedule"), HERE),
            ("after a workflow", github("workflow_run"), HERE),
            (
                "no branch told, twice",
                Origin { branch: String::new(), ..github("issues") },
                Here { default_branch: "", ..HERE },
            ),
            ("a push", github("push"), HERE),
            ("no event", github(""), HERE),
            ("a line in the event", github("a\nb"), HERE),
            ("another pull request", with(github("pull_request"), &[4]), HERE),
            ("others", with(github("pull_request_target"), &[4, 6]), HERE),
            ("no pull request", with(github("pull_request"), &[]), HERE),
            ("we are an issue", with(github("pull_request_review_comment"), &[5]), issue),
            ("closed since", with(github("pull_request"), &[]), headed(7, "topic")),
            ("of another branch", with(github("pull_request"), &[]), headed(7, "other")),
            ("of a fork's branch", with(github("pull_request"), &[]), headed(8, "topic")),
        ]);
        insta::assert_snapshot!(table(rows), @"
        issues                       used
        issue_comment                used
        for a pull request too       used
        its own pull request         used
        its own, of two              used
        another repository           it was made in repository 8, not in this one (7)
        a fork                       it was made with code of repository 8, a fork
        another workflow             it was made by the workflow `.github/workflows/ci.yml`, not by this one (`.github/workflows/hob.yml`)
        no workflow                  it was made by the workflow ``, not by this one (`.github/workflows/hob.yml`)
        not knowing our workflow     this job does not say which workflow it belongs to (`GITHUB_WORKFLOW_REF`)
        on a branch                  it was made on `topic`, not on the default branch `main`
        dispatched                   it was made in a `workflow_dispatch` run, and such runs are not trusted with sessions
        at a time                    it was made in a `schedule` run, and such runs are not trusted with sessions
        after a workflow             it was made in a `workflow_run` run, and such runs are not trusted with sessions
        no branch told, twice        this job's event does not say which branch is the default one
        a push                       it was made in a `push` run, and such runs are not trusted with sessions
        no event                     it was made in a `` run, and such runs are not trusted with sessions
        a line in the event          it was made in a `a b` run, and such runs are not trusted with sessions
        another pull request         it was made for pull request 4, not for this one
        others                       it was made for pull requests 4, 6, not for this one
        no pull request              it was made for no pull request that is open, not for this one
        we are an issue              it was made for pull request 5, and this is an issue
        closed since                 used
        of another branch            it was made for no pull request that is open, not for this one
        of a fork's branch           it was made for no pull request that is open, not for this one
        ");
    }

    #[test]
    fn on_gitlab_a_bundle_is_used_when_its_pipeline_is_one_of_ours() {
        let merge = |pulls: &[u64], branch| Origin { pulls: pulls.to_vec(), ..gitlab("merge_request_event", branch) };
        let rows = vec![
            ("by a webhook", gitlab(BY_WEBHOOK, "main"), PROJECT),
            ("on a tag", Origin { is_tag: true, ..gitlab(BY_WEBHOOK, "main") }, PROJECT),
            ("at a time", gitlab("schedule", "main"), PROJECT),
            ("by hand", gitlab("web", "main"), PROJECT),
            ("by a program", gitlab("api", "main"), PROJECT),
            ("its own merge request", merge(&[5], "refs/merge-requests/5/head"), PROJECT),
            ("its own, in a train", merge(&[], "refs/merge-requests/5/train"), PROJECT),
            ("another project", Origin { repository: 8, ..gitlab("trigger", "main") }, PROJECT),
            ("a fork", Origin { head_repository: 8, ..merge(&[5], "refs/merge-requests/5/head") }, PROJECT),
            ("a branch", gitlab(BY_WEBHOOK, "topic"), PROJECT),
            ("a push", gitlab("push", "main"), PROJECT),
            ("another merge request", merge(&[4], "refs/merge-requests/4/head"), PROJECT),
            ("we are an issue", merge(&[5], "refs/merge-requests/5/head"), Here { pull: None, ..PROJECT }),
        ];
        insta::assert_snapshot!(table(rows), @"
        by a webhook                 used
        on a tag                     it was made on the tag `main`, not on a branch
        at a time                    it was made in a `schedule` run, and such runs are not trusted with sessions
        by hand                      it was made in a `web` run, and such runs are not trusted with sessions
        by a program                 it was made in a `api` run, and such runs are not trusted with sessions
        its own merge request        used
        its own, in a train          it was made on `refs/merge-requests/5/train`, not on the default branch `main`
        another project              it was made in repository 8, not in this one (7)
        a fork                       it was made with code of repository 8, a fork
        a branch                     it was made on `topic`, not on the default branch `main`
        a push                       it was made in a `push` run, and such runs are not trusted with sessions
        another merge request        it was made for merge request 4, not for this one
        we are an issue              it was made for merge request 5, and this is an issue
        ");
    }
}
