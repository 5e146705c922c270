//! One GitHub payload as an [`Event`]. Pure.

use crate::channel::field::Field;
use crate::channel::{Error, host};
use crate::domain::event::{
    Actor, ActorKind, Change, Comment, Event, EventKind, Forge, Identity, Repository, Side, Thread, ThreadKind,
    Visibility,
};

/// Reads what the five events of [`EventKind`] have in common, and where they differ.
pub(super) fn read(kind: EventKind, payload: &Field<'_>, host: Option<String>) -> Result<Event, Error> {
    let action = payload.at("action").word()?;
    let repository = repository(&payload.at("repository"))?;
    let host = match (host, payload.at("repository").at("html_url").optional()) {
        (Some(host), _) => host,
        (None, Some(address)) => host::of_address(&address)?,
        (None, None) => "github.com".to_owned(),
    };
    let actor = actor(&payload.at("sender"))?;

    let subject = match kind {
        EventKind::Issue | EventKind::Comment => payload.at("issue"),
        EventKind::Pull | EventKind::Review | EventKind::ReviewComment => payload.at("pull_request"),
    };
    let remark = match kind {
        EventKind::Issue | EventKind::Pull => None,
        EventKind::Comment | EventKind::ReviewComment => Some(payload.at("comment")),
        EventKind::Review => Some(payload.at("review")),
    };
    let is_pull = subject.path() == "pull_request" || subject.at("pull_request").optional().is_some();
    let thread = thread(&subject, if is_pull { ThreadKind::Pull } else { ThreadKind::Issue })?;
    let change = (subject.path() == "pull_request").then(|| change(&subject, repository.id)).transpose()?;

    let object = remark.as_ref().unwrap_or(&subject);
    let at = object.at(if kind == EventKind::Review { "submitted_at" } else { "updated_at" }).time()?;
    let twins = twins(kind, &action, payload, change.as_ref())?;
    let key = Identity {
        host: &host,
        repository: repository.id,
        shape: kind.name_on(Forge::Github),
        object: object.at("id").id()?,
        action: &action,
        at,
        twins: &twins,
    }
    .key();

    Ok(Event {
        forge: Forge::Github,
        host,
        repository,
        kind,
        action,
        actor,
        thread,
        comment: remark.map(|remark| comment(&remark)).transpose()?,
        change,
        label: payload.at("label").at("name").optional().map(|name| name.short()).transpose()?,
        at,
        key,
    })
}

fn repository(repository: &Field<'_>) -> Result<Repository, Error> {
    let is_private = repository.at("private").optional().map(|private| private.flag()).transpose()?;
    let said = repository.at("visibility").optional().map(|visibility| visibility.word()).transpose()?;
    let visibility = match (said.as_deref(), is_private) {
        (Some("public"), _) | (None, Some(false)) => Some(Visibility::Public),
        (Some("internal"), _) => Some(Visibility::Internal),
        (Some("private"), _) | (None, Some(true)) => Some(Visibility::Private),
        _ => None,
    };
    Ok(Repository { id: repository.at("id").id()?, path: repository.at("full_name").short()?, visibility })
}

fn actor(account: &Field<'_>) -> Result<Actor, Error> {
    let kind = match account.at("type").optional().map(|kind| kind.short()).transpose()?.as_deref() {
        Some("User") => ActorKind::User,
        Some("Bot") => ActorKind::Bot,
        _ => ActorKind::Other,
    };
    Ok(Actor { id: account.at("id").id()?, login: account.at("login").short()?, kind })
}

/// The author of a text. A deleted account is null in the payload, and `ghost` on the page.
fn author(object: &Field<'_>) -> Result<Actor, Error> {
    match object.at("user").optional() {
        Some(account) => actor(&account),
        None => Ok(Actor { id: 0, login: "ghost".to_owned(), kind: ActorKind::Other }),
    }
}

fn thread(subject: &Field<'_>, kind: ThreadKind) -> Result<Thread, Error> {
    let labels = subject.at("labels").optional().map(|labels| labels.list()).transpose()?.unwrap_or_default();
    let is_merged = subject.at("merged").optional().map(|merged| merged.flag()).transpose()?.unwrap_or_default();
    Ok(Thread {
        kind,
        number: subject.at("number").id()?,
        title: subject.at("title").text()?,
        body: body(subject)?,
        author: Some(author(subject)?),
        labels: labels.iter().map(|label| label.at("name").short()).collect::<Result<_, _>>()?,
        state: match subject.at("state").optional() {
            _ if is_merged => "merged".to_owned(),
            Some(state) => state.word()?,
            // `pinned` and `unpinned` leave it out.
            None => String::new(),
        },
        confidential: false,
    })
}

fn comment(remark: &Field<'_>) -> Result<Comment, Error> {
    Ok(Comment {
        id: remark.at("id").id()?,
        author: author(remark)?,
        body: body(remark)?,
        path: remark.at("path").optional().map(|path| path.text()).transpose()?,
        internal: false,
    })
}

fn body(object: &Field<'_>) -> Result<String, Error> {
    object.at("body").optional().map_or(Ok(String::new()), |body| body.text())
}

fn change(pull: &Field<'_>, repository: u64) -> Result<Change, Error> {
    let base = pull.at("base").at("repo").at("id");
    let base_id = base.id()?;
    if base_id != repository {
        return Err(Error::Contradiction {
            shape: pull.shape(),
            path: "repository.id",
            value: repository,
            other_path: base.path().to_owned(),
            other: base_id,
        });
    }
    // Null when the fork was deleted.
    let head_id = pull.at("head").at("repo").at("id").optional().map(|id| id.id()).transpose()?;
    Ok(Change {
        head: side(&pull.at("head"))?,
        base: side(&pull.at("base"))?,
        is_fork: head_id != Some(base_id),
        draft: pull.at("draft").optional().map(|draft| draft.flag()).transpose()?.unwrap_or_default(),
    })
}

fn side(side: &Field<'_>) -> Result<Side, Error> {
    Ok(Side { sha: side.at("sha").sha()?, branch: side.at("ref").short()? })
}

/// See the table at [`Identity`].
fn twins(kind: EventKind, action: &str, payload: &Field<'_>, change: Option<&Change>) -> Result<Vec<String>, Error> {
    let about: &[&str] = match (kind, action) {
        (EventKind::Review, "edited") => {
            return Ok(vec![payload.at("pull_request").at("updated_at").time()?.as_millisecond().to_string()]);
        }
        (EventKind::Comment | EventKind::Review | EventKind::ReviewComment, _) => return Ok(Vec::new()),
        (_, "labeled" | "unlabeled") => &["label"],
        (_, "assigned" | "unassigned") => &["assignee"],
        (_, "milestoned" | "demilestoned") => &["milestone"],
        (_, "review_requested" | "review_request_removed") => &["requested_reviewer", "requested_team"],
        _ => &[],
    };
    let head = change.map(|change| change.head.sha.clone());
    let about = about.iter().filter_map(|name| Some((name, payload.at(name).at("id").optional()?)));
    let about = about.map(|(name, id)| Ok(format!("{name}.{}", id.id()?)));
    head.map(Ok).into_iter().chain(about).collect()
}
