use super::*;
use crate::scene::postgres::database;

#[tokio::test]
async fn a_run_goes_from_admitted_to_settled() {
    let Some(url) = database().await else { return };
    let store = store(&url).await.unwrap();
    let first = run(&thread(1), "first");
    assert_eq!(admit(&store, &first).await.unwrap(), Admitted::New);
    assert!(matches!(admit(&store, &first).await.unwrap(), Admitted::Known(_)));
    assert_eq!(store.waiting(9).await.unwrap(), [thread(1)]);
    let mut log = open(&store, &thread(1), 1).await;
    let (fence, _) = log.claim(at(2)).await.unwrap();
    assert!(store.waiting(9).await.unwrap().is_empty());
    log.append(fence, path(&log, [note("a"), note("b")]), at(3)).await.unwrap();
    let blob = log.put_blob(&hob::store::Blob::new(b"content", &Redactor::default())).await.unwrap();
    let effect = comment(&first);
    log.effect_claim(&effect, at(4)).await.unwrap();
    log.settle(fence, path(&log, [note("c"), settled(&first)]), at(5)).await.unwrap();
    assert!(store.waiting(9).await.unwrap().is_empty());
    let mut peek = store.peek(&thread(1)).await.unwrap().unwrap();
    assert_eq!(notes(&peek), ["a", "b", "c"]);
    assert_eq!(&*peek.blob(&blob).await.unwrap(), b"content");
    assert!(peek.effects.is_claimed(&effect));
    assert_eq!(store.list().await.unwrap().len(), 1);
    assert!(store.forget(&thread(1), &holder(2)).await.unwrap());
    assert!(store.peek(&thread(1)).await.unwrap().is_none());
}
