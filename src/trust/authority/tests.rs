//! The matrix: event × actor × forge × answers, every cell as a person would read it.

use super::*;
use crate::domain::event::{Comment, EventKind, Forge, Repository, Thread, ThreadKind};
use crate::domain::id::EventKey;

const OWN: u64 = 1;

fn person(id: u64, login: &str) -> Actor {
    Actor { id, login: login.to_owned(), kind: ActorKind::User }
}

fn bot(id: u64, login: &str) -> Actor {
    Actor { kind: ActorKind::Bot, ..person(id, login) }
}

fn ada() -> Actor {
    person(10, "ada")
}

fn bob() -> Actor {
    person(11, "bob")
}

/// Something that `actor` did to a thread of `author`, with a comment where `comment` wrote one.
fn event(forge: Forge, actor: Actor, author: Option<Actor>, comment: Option<Actor>) -> Event {
    Event {
        forge,
        host: "git.example".to_owned(),
        repository: Repository { id: 7, path: "acme/widgets".to_owned(), visibility: None },
        kind: if comment.is_some() { EventKind::Comment } else { EventKind::Issue },
        action: "opened".to_owned(),
        actor,
        thread: Thread {
            kind: ThreadKind::Issue,
            number: 42,
            title: String::new(),
            body: String::new(),
            author,
            labels: Vec::new(),
            state: "open".to_owned(),
            confidential: false,
        },
        comment: comment.map(|author| Comment { id: 3, author, body: String::new(), path: None, internal: false }),
        change: None,
        label: None,
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        key: EventKey::from_parts(["x"]),
    }
}

fn own(forge: Forge) -> Account {
    match forge {
        // What the job token may not ask.
        Forge::Github => Account { id: None, login: "github-actions[bot]".to_owned() },
        Forge::Gitlab => Account { id: Some(OWN), login: "hob".to_owned() },
    }
}

/// What a forge would answer: `ada=write bob=-`, with `-` for no standing and `ada=99:write` for an
/// answer about somebody else.
fn answers(case: &Case<'_>, said: &str) -> Vec<Answer> {
    let words = said.split_whitespace().filter_map(|word| word.split_once('='));
    let answer = |account: Account, word: &str| {
        let (id, word) = word.split_once(':').map_or((None, word), |(id, word)| (id.parse().ok(), word));
        let id = id.or(account.id).unwrap_or(12);
        Answer { account, standing: word.parse().ok().map(|role| Standing { id, role }) }
    };
    let named = |account: Account| {
        words.clone().find(|(login, _)| *login == account.login).map(|(_, word)| answer(account, word))
    };
    concerned(case).into_iter().filter_map(named).collect()
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allowed { role, anyone: false } => format!("allowed as {}", role.map_or("-", Role::as_str)),
        Verdict::Allowed { anyone: true, .. } => "allowed, narrowed".to_owned(),
        Verdict::Own => "own".to_owned(),
        Verdict::Refused(refusal) => refusal.to_string(),
    }
}

#[test]
fn whatever_nobody_answered_for_is_a_no() {
    let (write, anyone) = (Who::AtLeast(Role::Write), Who::Anyone);
    let again = Account { id: None, login: "eve".to_owned() };
    let renovate = || bot(50, "renovate[bot]");
    let actions = || bot(41_898_282, "github-actions[bot]");
    let owner = || person(OWN, "hob");
    let own_user = || Actor { kind: ActorKind::Other, ..person(OWN, "hob") };
    let ghost = || Actor { kind: ActorKind::Other, ..person(0, "ghost") };
    let rows = [
        ("opened by a writer", ada(), Some(ada()), None, write, None, false, "ada=write"),
        ("by an admin", ada(), Some(ada()), None, write, None, false, "ada=admin"),
        ("by one with triage", ada(), Some(ada()), None, write, None, false, "ada=triage"),
        ("by one who may read", ada(), Some(ada()), None, write, None, false, "ada=read"),
        ("by a stranger", ada(), Some(ada()), None, write, None, false, "ada=-"),
        ("by one with no role", ada(), Some(ada()), None, Who::AtLeast(Role::None), None, false, "ada=none"),
        ("no answer", ada(), Some(ada()), None, write, None, false, ""),
        ("an answer about another", ada(), Some(ada()), None, write, None, false, "ada=99:admin"),
        ("open to anyone", ada(), Some(ada()), None, anyone, None, false, ""),
        ("a stranger's, labelled", bob(), Some(ada()), None, write, None, false, "bob=admin ada=-"),
        ("a reader's, labelled", bob(), Some(ada()), None, write, None, false, "bob=admin ada=read"),
        ("a writer's, labelled", bob(), Some(ada()), None, write, None, false, "bob=admin ada=write"),
        ("a ghost's, labelled", bob(), Some(ghost()), None, write, None, false, "bob=admin"),
        ("a bot's, labelled", bob(), Some(renovate()), None, write, None, false, "bob=admin"),
        ("unknown author", bob(), None, None, write, None, false, "bob=admin"),
        ("comment on a stranger's", bob(), Some(ada()), Some(bob()), write, None, false, "bob=write"),
        ("edited by another", bob(), Some(ada()), Some(ada()), write, None, false, "bob=admin ada=-"),
        ("run again by a writer", ada(), Some(ada()), None, write, Some(&again), false, "ada=admin eve=write"),
        ("run again by a reader", ada(), Some(ada()), None, write, Some(&again), false, "ada=admin eve=read"),
        ("run again, not asked", ada(), Some(ada()), None, write, Some(&again), false, "ada=admin"),
        ("run again, for anyone", ada(), Some(ada()), None, anyone, Some(&again), false, ""),
        ("a bot", renovate(), Some(renovate()), None, write, None, false, "renovate[bot]=admin"),
        ("a bot, anyone", renovate(), Some(renovate()), None, anyone, None, false, ""),
        ("the job token, marked", actions(), Some(ada()), Some(actions()), write, None, true, ""),
        ("the job token, not marked", actions(), Some(ada()), Some(actions()), write, None, false, ""),
        ("our marker, quoted by ada", ada(), Some(ada()), Some(ada()), write, None, true, "ada=write"),
        ("our user", own_user(), Some(ada()), Some(own_user()), anyone, None, false, ""),
        ("the token's owner", owner(), Some(ada()), Some(owner()), write, None, false, "hob=write"),
        ("hob in the owner's name", owner(), Some(ada()), Some(owner()), write, None, true, "hob=write"),
        ("the owner opens it", owner(), Some(owner()), None, anyone, None, false, ""),
        ("our comment, edited by ada", ada(), Some(ada()), Some(own_user()), write, None, false, "ada=admin"),
    ];
    let mut table = Vec::new();
    for (what, actor, author, comment, who, rerun_by, marked, said) in rows {
        for forge in [Forge::Github, Forge::Gitlab] {
            let event = event(forge, actor.clone(), author.clone(), comment.clone());
            let own = own(forge);
            let case = Case { event: &event, who, rerun_by, own: &own, own_ids: &[], marked };
            table.push(format!("{what:<26} {:<7} {}", forge.to_string(), shown(&judge(&case, &answers(&case, said)))));
        }
    }
    insta::assert_snapshot!(table.join("\n"), @"
    opened by a writer         GitHub  allowed as write
    opened by a writer         GitLab  allowed as write
    by an admin                GitHub  allowed as admin
    by an admin                GitLab  allowed as admin
    by one with triage         GitHub  `ada` has the role `triage` here, and this agent needs `write`; ask somebody who has it to start it
    by one with triage         GitLab  `ada` has the role `triage` here, and this agent needs `write`; ask somebody who has it to start it
    by one who may read        GitHub  `ada` has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    by one who may read        GitLab  `ada` has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    by a stranger              GitHub  `ada` has no role here, and this agent needs `write`; ask somebody who has it to start it
    by a stranger              GitLab  `ada` has no role here, and this agent needs `write`; ask somebody who has it to start it
    by one with no role        GitHub  `ada` has no role here, and this agent needs `none`; ask somebody who has it to start it
    by one with no role        GitLab  `ada` has no role here, and this agent needs `none`; ask somebody who has it to start it
    no answer                  GitHub  what `ada` may do here could not be found out; run the job again
    no answer                  GitLab  what `ada` may do here could not be found out; run the job again
    an answer about another    GitHub  the forge answered about account 99 when it was asked about `ada`; run the job again
    an answer about another    GitLab  the forge answered about account 99 when it was asked about `ada`; run the job again
    open to anyone             GitHub  allowed, narrowed
    open to anyone             GitLab  allowed, narrowed
    a stranger's, labelled     GitHub  `ada`, who wrote the text, has no role here, and this agent needs `write`; ask somebody who has it to start it
    a stranger's, labelled     GitLab  `ada`, who wrote the text, has no role here, and this agent needs `write`; ask somebody who has it to start it
    a reader's, labelled       GitHub  `ada`, who wrote the text, has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    a reader's, labelled       GitLab  `ada`, who wrote the text, has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    a writer's, labelled       GitHub  allowed as write
    a writer's, labelled       GitLab  allowed as write
    a ghost's, labelled        GitHub  the account that wrote the text is deleted or unknown, so nobody answers for it
    a ghost's, labelled        GitLab  the account that wrote the text is deleted or unknown, so nobody answers for it
    a bot's, labelled          GitHub  `renovate[bot]` is a bot, and bots start no agent
    a bot's, labelled          GitLab  `renovate[bot]` is a bot, and bots start no agent
    unknown author             GitHub  the account that wrote the text is deleted or unknown, so nobody answers for it
    unknown author             GitLab  the account that wrote the text is deleted or unknown, so nobody answers for it
    comment on a stranger's    GitHub  allowed as write
    comment on a stranger's    GitLab  allowed as write
    edited by another          GitHub  `ada`, who wrote the text, has no role here, and this agent needs `write`; ask somebody who has it to start it
    edited by another          GitLab  `ada`, who wrote the text, has no role here, and this agent needs `write`; ask somebody who has it to start it
    run again by a writer      GitHub  allowed as write
    run again by a writer      GitLab  allowed as write
    run again by a reader      GitHub  `eve`, who ran the job again, has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    run again by a reader      GitLab  `eve`, who ran the job again, has the role `read` here, and this agent needs `write`; ask somebody who has it to start it
    run again, not asked       GitHub  what `eve` may do here could not be found out; run the job again
    run again, not asked       GitLab  what `eve` may do here could not be found out; run the job again
    run again, for anyone      GitHub  allowed, narrowed
    run again, for anyone      GitLab  allowed, narrowed
    a bot                      GitHub  `renovate[bot]` is a bot, and bots start no agent
    a bot                      GitLab  `renovate[bot]` is a bot, and bots start no agent
    a bot, anyone              GitHub  `renovate[bot]` is a bot, and bots start no agent
    a bot, anyone              GitLab  `renovate[bot]` is a bot, and bots start no agent
    the job token, marked      GitHub  own
    the job token, marked      GitLab  `github-actions[bot]` is a bot, and bots start no agent
    the job token, not marked  GitHub  `github-actions[bot]` is a bot, and bots start no agent
    the job token, not marked  GitLab  `github-actions[bot]` is a bot, and bots start no agent
    our marker, quoted by ada  GitHub  allowed as write
    our marker, quoted by ada  GitLab  allowed as write
    our user                   GitHub  allowed, narrowed
    our user                   GitLab  own
    the token's owner          GitHub  allowed as write
    the token's owner          GitLab  hob writes as `hob`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's
    hob in the owner's name    GitHub  allowed as write
    hob in the owner's name    GitLab  own
    the owner opens it         GitHub  allowed, narrowed
    the owner opens it         GitLab  hob writes as `hob`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's
    our comment, edited by ada GitHub  what `hob` may do here could not be found out; run the job again
    our comment, edited by ada GitLab  own
    ");
}

#[test]
fn of_what_an_owner_of_the_token_does_only_their_words_are_surely_their_own() {
    let own = own(Forge::Gitlab);
    let judged = |action: &str, own_ids: &[u64], actor: Actor| {
        let event = Event { action: action.to_owned(), ..event(Forge::Gitlab, actor, Some(ada()), None) };
        let who = Who::AtLeast(Role::Write);
        let case = Case { event: &event, who, rerun_by: None, own: &own, own_ids, marked: false };
        shown(&judge(&case, &[]))
    };
    let owner = || person(OWN, "hob");
    insta::assert_snapshot!([
        judged("open", &[], owner()),
        judged("update", &[], owner()),
        judged("open", &[], bot(OWN, "hob")),
        judged("open", &[9], person(9, "grace")),
        judged("open", &[9], bot(9, "hob-old")),
    ].join("\n"), @"
    hob writes as `hob`, whose own token it was given, and never answers the account that it writes as; give it the token of a bot: on GitLab a project access token, on GitHub the job's own or an App's
    own
    own
    `grace` is in HOB_OWN_IDS, and hob never answers an account that it wrote as; take that id out of it
    own
    ");
}

#[test]
fn each_account_is_asked_about_once_and_none_where_nothing_depends_on_it() {
    let own = own(Forge::Github);
    let again = Account { id: None, login: "Ada".to_owned() };
    let asked = |event: &Event, who| {
        let case = Case { event, who, rerun_by: Some(&again), own: &own, own_ids: &[9], marked: false };
        concerned(&case).iter().map(|account| account.login.clone()).collect::<Vec<_>>()
    };
    let write = Who::AtLeast(Role::Write);
    assert_eq!(asked(&event(Forge::Github, ada(), Some(ada()), None), write), ["ada"]);
    assert_eq!(asked(&event(Forge::Github, bob(), Some(ada()), None), write), ["bob", "ada"]);
    assert_eq!(asked(&event(Forge::Github, bob(), Some(ada()), Some(bob())), write), ["bob", "Ada"]);
    assert_eq!(asked(&event(Forge::Github, bob(), Some(bob()), None), Who::Anyone), [""; 0]);
    assert_eq!(asked(&event(Forge::Github, person(9, "hob-old"), Some(bob()), None), write), [""; 0]);
    assert_eq!(asked(&event(Forge::Github, bot(5, "b"), Some(bot(5, "b")), None), write), [""; 0]);
}

#[test]
fn commands_on_the_machine_are_for_people_who_may_push() {
    let local = |who| narrowed(who, SandboxKind::Local).is_ok();
    for (role, fine) in [(Role::Read, false), (Role::Triage, false), (Role::Write, true), (Role::Admin, true)] {
        assert_eq!(local(Who::AtLeast(role)), fine, "{role}");
    }
    assert!(!local(Who::Anyone), "agent files that say so are refused before");
    for sandbox in [SandboxKind::Virtual, SandboxKind::None] {
        assert_eq!(narrowed(Who::Anyone, sandbox), Ok(()));
    }
}
