//! The tree of budgets: who pays for whom, what is spent and left, and what binds.

use super::*;
use paceline_core::budget::{Cap, Horizon};
use paceline_core::campaign::GroupSpec;
use paceline_core::units::GroupId;

fn group(name: &str, day: i64) -> Input {
    let cap = Cap { horizon: Horizon::Day, amount: Nanos::from_units(day) };
    Input::Group(GroupSpec {
        id: GroupId::of(name),
        name: Name::try_new(name).unwrap(),
        advertiser: AdvertiserId::of("Acme"),
        budgets: Budgets { flights: Vec::new(), caps: vec![cap] },
    })
}

fn member(name: &str, group: &str, budget: i64) -> Input {
    let spec = campaign_spec(name, budget);
    Input::Campaign(CampaignSpec { group: Some(GroupId::of(group)), ..spec })
}

#[tokio::test]
async fn the_tree_says_what_is_spent_left_and_which_budget_binds() {
    let mut bench = Bench::with(&[("Alone", 240)]).await;
    bench.submit(vec![group("Shoes", 120), member("Spring sale", "Shoes", 2_400)]).await;
    bench.submit(vec![Input::Tick]).await;
    for step in 1..=10 {
        bench.spend(step * 60, "Spring sale", Nanos::from_units(1)).await;
    }
    let html = bench.ok("/budgets").await;
    keep("budgets.html", &html);
    let order = ["advertiser Acme", "campaign Alone", "group Shoes", "campaign Spring sale"];
    let places = order.map(|name| html.find(&format!("<summary>{name}")).unwrap());
    assert!(places.is_sorted(), "{places:?} in {html}");
    assert!(html.contains("campaign Spring sale: follows day of group Shoes"), "{html}");
    assert!(html.contains("110.00"), "left of the group's day: {html}");
    assert!(html.contains("2,390.00"), "left of the flight: {html}");
    assert!(html.contains("tight") && !html.contains("<script"), "{html}");
    assert_eq!(html.matches("<details").count(), html.matches("</details>").count());
    let html = bench.ok("/budgets?campaign=Spring%20sale").await;
    assert!(html.contains("group Shoes") && !html.contains("campaign Alone"), "{html}");
    let html = bench.ok("/campaigns/Spring%20sale/budget").await;
    assert!(html.contains("110.00") && html.contains("follows day of group Shoes"), "{html}");
    assert!(bench.ok("/campaigns/Alone").await.contains("href=\"/budgets?campaign=Alone\""));
    let (status, ..) = bench.page("/budgets?campaign=nobody").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    bench.end().await;
}

#[tokio::test]
async fn every_owner_stands_on_one_page_of_the_tree() {
    let names: Vec<String> = (0..250).map(|index| format!("c{index:03}")).collect();
    let campaigns: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let bench = Bench::with(&campaigns).await;
    let mut seen = 0;
    for (page, first, count) in [(1, "c000", 99), (2, "c099", 100), (3, "c199", 51), (9, "", 0)] {
        let html = bench.ok(&format!("/budgets?page={page}")).await;
        assert_eq!(html.matches("<summary>campaign ").count(), count, "page {page}");
        assert!(html.contains(first) && html.contains(&format!("Page {page} of 3")));
        assert_eq!(html.contains("advertiser Acme, continued"), page == 2 || page == 3);
        seen += count;
    }
    assert_eq!(seen, 250);
    bench.end().await;
}
