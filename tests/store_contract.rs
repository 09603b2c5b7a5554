//! Both databases give the same answer to every store method.

use crate::support::stores::for_each_store;
#[tokio::test]
async fn smoke() {
    for_each_store(async |given| {
        given.ping().await.unwrap();
        let now = chrono::DateTime::UNIX_EPOCH;
        let id = given.insert_manual_run("daily", now, None, now).await.unwrap();
        let claimed = given.claim_run("a", 60, now).await.unwrap().unwrap();
        assert_eq!(claimed.run.id, id);
        given.finish_run(&claimed.lease, &Default::default(), now).await.unwrap();
        assert!(given.claim_delivery("a", 60, now).await.unwrap().is_none());
        given.facts_between(now, now).await.unwrap();
        println!("{:?}", given.count_facts().await.unwrap());
    })
    .await;
}
