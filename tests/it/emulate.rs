//! Our GitHub forge against a GitHub that others wrote.

mod job;

use hob::domain::event::ThreadKind;
use hob::domain::name::Role;
use hob::domain::secret::Secret;
use hob::forge::github::{Github, Options};
use hob::forge::{Account, Forge, Line, Thread};

use crate::scene::emulate::{BOT, Emulate, OWNER, REPOSITORY, TOKEN};

#[tokio::test]
async fn what_hob_writes_stands_on_a_github_of_others() {
    let Some(github) = Emulate::start() else { return };
    let thread = Thread { kind: ThreadKind::Issue, number: github.open_issue("It is broken").await };
    let api = github.url.clone();
    let token = Secret::new(TOKEN.to_owned());
    let forge = Github::new(Options { api, repository: REPOSITORY.to_owned(), token, line: Line::default() }).unwrap();

    let own = forge.own().await.unwrap();
    assert_eq!(own.login, BOT);
    let posted = forge.post(thread, "First — 👋").await.unwrap();
    assert_eq!(posted.author, own);
    assert_eq!(forge.comment(thread, posted.id).await.unwrap(), Some(posted.clone()));
    assert_eq!(forge.comment(Thread { number: 99, ..thread }, posted.id).await.unwrap(), None);
    assert_eq!(forge.edit(thread, posted.id, "Changed").await.unwrap().body, "Changed");
    for n in 0..100 {
        forge.post(thread, &format!("comment {n}")).await.unwrap();
    }
    let page = forge.comments(thread, None, 1).await.unwrap();
    assert_eq!((page.items.len(), page.next, page.items[0].body.as_str()), (100, Some(2), "Changed"));
    let page = forge.comments(thread, None, 2).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    assert_eq!(github.get(&format!("issues/{}/comments", thread.number)).await[0]["body"], "Changed");

    let names = ["bug", "needs info", "area/ui", "größe 👋"].map(str::to_owned);
    forge.label(thread, &names, &[]).await.unwrap();
    forge.label(thread, &names, &names[1..]).await.unwrap();
    let labels = github.get(&format!("issues/{}/labels", thread.number)).await;
    assert_eq!((labels.as_array().unwrap().len(), &labels[0]["name"]), (1, &"bug".into()));

    let account = |login: &str| Account { id: None, login: login.to_owned() };
    assert_eq!(forge.standing(&account(OWNER)).await.unwrap().unwrap().role, Role::Admin);
    assert_eq!(forge.standing(&account("stranger")).await.unwrap(), None);
}
