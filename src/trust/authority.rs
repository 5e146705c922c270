//! Who may start a run. One function, and whatever it was not told is a no.
//!
//! The weakest counts: of who caused the event, who wrote its text, and who ran the job again. A
//! person is a number, and what they may do is the forge's answer about that number; names, `[bot]`
//! endings and what a payload says about its sender decide nothing in anyone's favour.

use crate::domain::event::{Actor, ActorKind, Event};
use crate::domain::name::{Role, SandboxKind, Who};
use crate::forge::{Account, Standing};

/// An event that would start an agent.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What happened.
    pub event: &'a Event,
    /// What the trigger, else the agent, asks for.
    pub who: Who,
    /// Whose CI job it is, when that is not whom the event names: who ran it again, or owns what
    /// started it. It can only narrow, so a login is enough.
    pub rerun_by: Option<&'a Account>,
    /// The account hob writes as.
    pub own: &'a Account,
    /// Ids of the accounts it wrote as before.
    pub own_ids: &'a [u64],
    /// Whether the triggering text has a marker of ours: tells our comments from those of other
    /// workflows, which GitHub's job token writes under one name.
    pub marked: bool,
}

/// What the forge answered about an account that [`concerned`] named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who was asked about.
    pub account: Account,
    /// What they may do in the repository; `None` when they have no standing there.
    pub standing: Option<Standing>,
}

/// Whether the event starts the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Allowed {
        /// The weakest role of all concerned; `None` when nobody was asked.
        role: Option<Role>,
        /// The agent is open to anyone.
        anyone: bool,
    },
    /// Our own doing, or what cannot be told from it: nothing to say about it.
    Own,
    /// It does not.
    Refused(Refusal),
}

/// Why an event starts nothing, as a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bots start nothing.
    #[error("{0} is a bot, and bots start no agent")]
    Bot(Shown),
    /// A deleted account, or one the payload does not name.
    #[error("the account that wrote the text is deleted or unknown, so nobody answers for it")]
    Nobody,
    /// A person who gave hob a token of their own.
    #[error(
        "hob writes as {0}, whose own token it was given, and never answers the account that it writes as; give it the \
         token of a bot: on GitLab a project access token, on GitHub the job's own or an App's"
    )]
    Owner(Shown),
    /// A person whom the operator lists among the accounts that hob wrote as.
    #[error("{0} is in HOB_OWN_IDS, and hob never answers an account that it wrote as; take that id out of it")]
    FormerOwner(Shown),
    /// The forge was not asked, or did not answer.
    #[error("what {0} may do here could not be found out; run the job again")]
    NotAnswered(Shown),
    /// The forge answered about somebody else: the login changed hands.
    #[error("the forge answered about account {answered} when it was asked about {asked}; run the job again")]
    Another {
        /// Who was meant.
        asked: Shown,
        /// Whose standing was told.
        answered: u64,
    },
    /// Not as strong as the agent asks for.
    #[error(
        "{account}{part} has {} here, and this agent needs `{needed}`; ask somebody who has it to start it",
        shown_role(*role)
    )]
    TooWeak {
        /// The weakest of all concerned.
        account: Shown,
        /// What they had to do with it, when they did not cause it: `, who wrote the text,`.
        part: &'static str,
        /// What they are.
        role: Role,
        /// What `who` says.
        needed: Role,
    },
}

/// An account as a sentence names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(Account);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.id {
            Some(id) if self.0.login.is_empty() => write!(f, "account {id}"),
            _ => write!(f, "`{}`", self.0.login),
        }
    }
}

/// Whom the forge must be asked about, each once; nobody when the verdict stands without.
pub fn concerned(case: &Case<'_>) -> Vec<Account> {
    if verdict_unasked(case).is_some() {
        return Vec::new();
    }
    let mut accounts: Vec<Account> = Vec::new();
    for account in actors(case.event).into_iter().flatten().map(account) {
        if !accounts.iter().any(|known| known.id == account.id) {
            accounts.push(account);
        }
    }
    if let Some(again) = case.rerun_by
        && !accounts.iter().any(|known| is_same(known, again))
    {
        accounts.push(again.clone());
    }
    accounts
}

/// Decides, given the answers about all whom [`concerned`] names.
pub fn judge(case: &Case<'_>, answers: &[Answer]) -> Verdict {
    if let Some(verdict) = verdict_unasked(case) {
        return verdict;
    }
    let Who::AtLeast(needed) = case.who else { return Verdict::Allowed { role: None, anyone: true } };
    let mut weakest: Option<(Role, Account)> = None;
    for account in concerned(case) {
        let role = match role(&account, answers) {
            Ok(role) => role,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        if weakest.as_ref().is_none_or(|(least, _)| role < *least) {
            weakest = Some((role, account));
        }
    }
    match weakest {
        // `none` is the word for no standing at all: nobody may start an agent with it.
        Some((role, account)) if role < needed || role == Role::None => {
            let part = part(case, &account);
            Verdict::Refused(Refusal::TooWeak { account: Shown(account), part, role, needed })
        }
        weakest => Verdict::Allowed { role: weakest.map(|(role, _)| role), anyone: false },
    }
}

/// The verdict that needs no answer of the forge.
fn verdict_unasked(case: &Case<'_>) -> Option<Verdict> {
    let Case { event, .. } = case;
    let author = event.comment.as_ref().map(|comment| &comment.author);
    let refused = |refusal| Some(Verdict::Refused(refusal));
    if let Some(own) = std::iter::once(&event.actor).chain(author).find(|actor| is_own(case, actor)) {
        let shown = Shown(account(own));
        return match case.own.id {
            _ if !is_spoken(case, own) => Some(Verdict::Own),
            Some(id) if id == own.id => refused(Refusal::Owner(shown)),
            _ => refused(Refusal::FormerOwner(shown)),
        };
    }
    let is_bot = |actor: &Actor| actor.kind == ActorKind::Bot;
    if is_bot(&event.actor) {
        return refused(Refusal::Bot(Shown(account(&event.actor))));
    }
    if case.who == Who::Anyone {
        return Some(Verdict::Allowed { role: None, anyone: true });
    }
    for actor in actors(event) {
        match actor {
            Some(actor) if actor.id == 0 => return refused(Refusal::Nobody),
            Some(actor) if is_bot(actor) => return refused(Refusal::Bot(Shown(account(actor)))),
            Some(_) => {}
            None => return refused(Refusal::Nobody),
        }
    }
    None
}

/// Who caused the event, and who wrote the text it brings.
fn actors(event: &Event) -> [Option<&Actor>; 2] {
    let author = event.comment.as_ref().map_or(event.thread.author.as_ref(), |comment| Some(&comment.author));
    [Some(&event.actor), author]
}

/// Our own account by its number; by its name only where the forge tells no number, and then only
/// with our marker. Being taken for our own starts nothing, so a name that lies wins nothing.
fn is_own(case: &Case<'_>, actor: &Actor) -> bool {
    let is_named = || case.marked && !actor.login.is_empty() && actor.login == case.own.login;
    case.own_ids.contains(&actor.id) || case.own.id.map_or_else(is_named, |own| own == actor.id)
}

/// Whether a person said it themselves, who is our own account: hob marks each comment, and opens nothing.
fn is_spoken(case: &Case<'_>, own: &Actor) -> bool {
    let is_new = case.event.comment.is_some() || matches!(case.event.action.as_str(), "open" | "opened");
    own.kind == ActorKind::User && is_new && !case.marked
}

fn account(actor: &Actor) -> Account {
    Account { id: Some(actor.id), login: actor.login.clone() }
}

/// Why somebody is asked about who did not cause the event.
fn part(case: &Case<'_>, account: &Account) -> &'static str {
    let [actor, author] = actors(case.event).map(|actor| actor.map(|actor| actor.id));
    match account.id {
        Some(_) if account.id == actor => "",
        Some(_) if account.id == author => ", who wrote the text,",
        Some(_) => ", whose job this is,",
        None => ", who ran the job again,",
    }
}

fn shown_role(role: Role) -> String {
    match role {
        Role::None => "no role".to_owned(),
        role => format!("the role `{role}`"),
    }
}

fn is_same(one: &Account, other: &Account) -> bool {
    match (one.id, other.id) {
        (Some(one), Some(other)) => one == other,
        _ => !one.login.is_empty() && one.login.eq_ignore_ascii_case(&other.login),
    }
}

fn role(account: &Account, answers: &[Answer]) -> Result<Role, Refusal> {
    let shown = || Shown(account.clone());
    let answer = answers.iter().find(|answer| answer.account == *account);
    match answer.ok_or_else(|| Refusal::NotAnswered(shown()))?.standing {
        None => Ok(Role::None),
        Some(Standing { id, .. }) if account.id.is_some_and(|meant| meant != id) => {
            Err(Refusal::Another { asked: shown(), answered: id })
        }
        Some(Standing { role, .. }) => Ok(role),
    }
}

/// A run would execute commands on the machine for people who may not even push to the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "people with the role `{0}` may start this agent, and `local` commands are not confined yet: they could read this \
     job's secrets; give it `sandbox: virtual`, or `who: write`"
)]
pub struct TooWide(Who);

/// Whether a run reaches no more than those may have who may start it.
///
/// # Errors
/// When it must not have its sandbox.
pub fn narrowed(who: Who, sandbox: SandboxKind) -> Result<(), TooWide> {
    let may_push = matches!(who, Who::AtLeast(role) if role >= Role::Write);
    match sandbox {
        SandboxKind::Virtual | SandboxKind::None => Ok(()),
        SandboxKind::Local if may_push => Ok(()),
        SandboxKind::Local => Err(TooWide(who)),
    }
}

#[cfg(test)]
mod tests;
