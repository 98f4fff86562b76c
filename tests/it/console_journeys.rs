//! What people come to the console for, each as they would do it: in a real browser, by links,
//! fields and buttons, against the finished program behind its door.
//!
//! One program, one browser, one market on a fast clock; each journey begins where the one before
//! ended. Pictures of every stop stay beside the build, under `console-journeys`.

mod sessions;
mod visit;

use crate::browser::Browser;
use crate::harness::until;
use paceline_core::units::CampaignId;
use std::time::Duration;
use tokio::time::Instant;
use visit::{BEHIND, STEADY, Visit};

#[tokio::test]
async fn people_find_ask_change_and_undo_in_a_real_browser() {
    let Some(browser) = Browser::open("console-journeys").await else { return };
    let began = Instant::now();
    let visit = Visit::begin(browser).await;
    let tell = |what: &str| eprintln!("{:>5.1} s: {what}", began.elapsed().as_secs_f64());
    asks_who_is_there(&visit).await;
    tell("logged in");
    finds_who_is_behind_and_why(&visit).await;
    tell("found who is behind");
    sees_what_every_budget_has_left(&visit).await;
    tell("saw the budgets");
    pauses_and_resumes(&visit).await;
    tell("paused and resumed");
    fixes_for_an_hour_and_watches_it_end(&visit).await;
    tell("fixed for an hour");
    takes_back(&visit).await;
    tell("took back");
    reads_who_changed_what(&visit).await;
    tell("read the audit");
    raises_a_budget_after_a_preview(&visit).await;
    tell("raised a budget");
    is_refused_as_a_viewer(&visit).await;
    tell("refused a viewer");
    comes_back_after_the_session_ended(&visit).await;
    tell("came back");
    visit.end().await;
}

/// Nobody sees anything before they said who they are.
async fn asks_who_is_there(visit: &Visit) {
    visit.browser.go(&visit.url("/")).await;
    visit.browser.reads("there is none, or it has ended").await;
    visit.sound("logged-out", &[401]).await;
    visit.log_in("anna").await;
    visit.browser.reads("Spent so far").await;
}

/// First in the portfolio stands who is furthest behind, and a filter leaves nobody else; its page
/// says why and what would help.
async fn finds_who_is_behind_and_why(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.comes_to_read(&visit.url("/"), BEHIND).await;
    until("the one that is behind comes first", async || {
        browser.go(&visit.url("/")).await;
        let script = "return document.querySelector('tbody th a')?.innerText";
        (browser.script(script, &[]).await == BEHIND).then_some(())
    })
    .await;
    visit.sound("portfolio", &[]).await;
    browser.follow("Search and filter").await;
    browser.choose("Spend against plan", "behind").await;
    browser.fill("Name, advertiser or id", "FAR").await;
    visit.sound("search", &[]).await;
    browser.press("Show").await;
    let sought = "/?search=FAR&status=&pace=behind&held=&cause=";
    let address = browser.address().await;
    assert!(address.starts_with(sought), "everything stands in the address: {address}");
    let found = browser.comes_to_read(&visit.url(&address), "1 of 2 campaigns").await;
    assert!(found.contains("behind plan"), "{found}");
    visit.sound("found", &[]).await;
    browser.follow("spent EUR").await;
    let script = "return document.querySelector('th[aria-sort]')?.innerText.split(' ')[0] \
                  + ' ' + document.querySelector('th[aria-sort]')?.ariaSort";
    // A table that has just been planned anew has nobody behind: the page loads itself again.
    until("it is sorted by spend", async || {
        (browser.script(script, &[]).await == "spent descending").then_some(())
    })
    .await;
    browser.reads("1 of 2 campaigns").await;
    browser.follow(BEHIND).await;
    browser.comes_to_read(&visit.campaign(BEHIND), "it bids as high as it may").await;
    let text = browser.text().await;
    for due in ["Why", "would help", "Spend against plan", "Will have spent"] {
        assert!(text.contains(due), "{due} is not in {text}");
    }
    visit.sound("behind-and-why", &[]).await;
    // Who else has the same cause: one of these two, whenever its reports are not late.
    let mut causes = ["supply limited", "bid limited"].into_iter().cycle();
    until("it is found by its cause", async || {
        let cause = causes.next()?;
        browser.go(&visit.url("/?form=open")).await;
        browser.choose("Main cause", cause).await;
        browser.press("Show").await;
        let text = browser.reads(&format!("first cause {cause}")).await;
        (text.contains("1 of 2 campaigns") && text.contains(BEHIND)).then_some(())
    })
    .await;
    visit.sound("same-cause", &[]).await;
}

/// Who pays for whom, what each has left and what binds; by keyboard as by mouse.
async fn sees_what_every_budget_has_left(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.url("/")).await;
    browser.follow("Budgets").await;
    let text = browser.reads("advertisers, groups and campaigns").await;
    for due in ["advertiser", BEHIND, STEADY, "follows flight of campaign"] {
        assert!(text.contains(due), "{due} is not in {text}");
    }
    visit.sound("budgets-tree", &[]).await;
    visit.walks_by_keyboard().await;
    // Closed at first; opened where the focus is.
    browser.go(&visit.url("/budgets")).await;
    visit.opens_by_keyboard(&format!("campaign {STEADY}")).await;
    let text = browser.reads(&format!("Edit a budget of {STEADY}")).await;
    for due in ["100.00", "left", "tight"] {
        assert!(text.contains(due), "{due} is not in {text}");
    }
    visit.sound("budgets-open", &[]).await;
    browser.follow(&format!("Campaign {STEADY}")).await;
    browser.follow("What it spends from").await;
    browser.reads(&format!("What {STEADY} spends from")).await;
    visit.sound("budgets-of-one", &[]).await;
}

/// A pause is seen before it is done, reaches every bidder, and is taken off.
async fn pauses_and_resumes(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.campaign(STEADY)).await;
    browser.follow("Lay a hand on").await;
    visit.sound("hand", &[]).await;
    browser.choose("Do", "No bids").await;
    browser.choose("For", "1 day").await;
    browser.fill("Why", "wrong creative").await;
    browser.press("Show what it does").await;
    browser.reads("no bids from the next table on").await;
    visit.sound("before-it-is-done", &[]).await;
    browser.press("Do it: pause").await;
    browser.reads("wrong creative").await;
    assert_eq!(browser.address().await, "/overrides");
    let held = visit.generations().await;
    visit.sound("overrides", &[]).await;

    // The edit reaches all bidders: each runs a table that was made after it, and none bids.
    until("every bidder runs a later table", async || {
        let now = visit.generations().await;
        let later = held.iter().filter(|(bidder, held)| now.get(*bidder) > Some(held));
        (later.count() == 2).then_some(())
    })
    .await;
    browser.comes_to_read(&visit.url("/fleet"), "on the newest table").await;
    visit.sound("fleet", &[]).await;
    let paused = CampaignId::of(STEADY);
    let sold = |visit: &Visit| visit.sales(paused);
    let before = sold(visit);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sold(visit), before, "no bidder wins while it is paused");

    browser.go(&visit.url("/overrides")).await;
    let script = "return document.querySelector('tbody th a').innerText";
    let hand = browser.script(script, &[]).await;
    browser.follow(hand.as_str().unwrap()).await;
    browser.fill("Why", "creative mended").await;
    visit.sound("override", &[]).await;
    browser.press("Take it off").await;
    browser.reads("No hand is on the wheel.").await;
    until("bidders win again", async || (sold(visit) > before).then_some(())).await;
}

/// A multiplier is fixed for an hour of the market's time, and the law decides again after it.
async fn fixes_for_an_hour_and_watches_it_end(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.campaign(STEADY)).await;
    browser.follow("Lay a hand on").await;
    browser.choose("Do", "Publish exactly").await;
    browser.fill("Per cent, to publish exactly or at most", "35").await;
    browser.choose("For", "1 hour").await;
    browser.fill("Why", "a trial").await;
    browser.press("Show what it does").await;
    browser.reads("multiplier 35.00% at once").await;
    let laid = visit.now();
    browser.press("Do it: fix at 35.00%").await;
    browser.reads("fix at 35.00%").await;
    browser.comes_to_read(&visit.campaign(STEADY), "An override fixes its multiplier.").await;
    browser.reads("0.350").await;
    visit.sound("fixed", &[]).await;
    // Nobody does anything: the page loads itself again, and the hand ends by itself.
    let text = browser.reads("There is no override on it.").await;
    assert!(!text.contains("An override fixes its multiplier."), "{text}");
    let lasted = (visit.now() - laid).as_seconds();
    assert!(lasted > 3_000.0, "it ended after {lasted} s");
    visit.sound("fix-has-ended", &[]).await;
}

/// A hand is laid on and taken back from the record of it.
async fn takes_back(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.campaign(STEADY)).await;
    browser.follow("Lay a hand on").await;
    browser.choose("Do", "Publish at most").await;
    browser.fill("Per cent, to publish exactly or at most", "40").await;
    browser.choose("For", "1 week").await;
    browser.fill("Why", "a slip").await;
    browser.press("Show what it does").await;
    browser.press("Do it: cap at 40.00%").await;
    browser.reads("a slip").await;
    browser.go(&visit.campaign(STEADY)).await;
    browser.follow("Who changed what").await;
    browser.reads("a slip").await;
    let script = "return document.querySelector('tbody th a').innerText";
    let change = browser.script(script, &[]).await;
    browser.follow(change.as_str().unwrap()).await;
    browser.reads("Take it back").await;
    visit.sound("change", &[]).await;
    browser.fill("Why", "it was one").await;
    browser.press("Take it back").await;
    let text = browser.reads("undoing").await;
    assert!(text.contains("it was one"), "{text}");
    visit.sound("taken-back", &[]).await;
    browser.go(&visit.url("/overrides")).await;
    browser.reads("No hand is on the wheel.").await;
}

/// Everything that was done stands in the record, with who and why.
async fn reads_who_changed_what(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.url("/")).await;
    browser.follow("Changes").await;
    let text = browser.reads("it was one").await;
    for due in ["wrong creative", "creative mended", "a trial", "a slip", "anna", "undoing"] {
        assert!(text.contains(due), "{due} is not in {text}");
    }
    visit.sound("changes", &[]).await;
    visit.walks_by_keyboard().await;
}

/// What more money would do is seen before the button; the edit is one record, and taking that back
/// brings the old amount back.
async fn raises_a_budget_after_a_preview(visit: &Visit) {
    let Visit { browser, .. } = visit;
    visit.log_out().await;
    visit.log_in("ada").await;
    browser.go(&visit.campaign(STEADY)).await;
    browser.follow("Edit a budget").await;
    browser.reads("100.00 EUR").await;
    visit.sound("budgets", &[]).await;
    browser.fill("From then on, EUR", "200").await;
    browser.fill("Why", "more demand").await;
    browser.press("Show what it does").await;
    let text = browser.reads("Before it is done").await;
    for due in ["spend of the hour ahead", "spend of the day ahead", "what binds", "participation"]
    {
        assert!(text.contains(due), "{due} is not in {text}");
    }
    assert!(text.contains("flight of campaign steady"), "what binds: {text}");
    visit.sound("budget-preview", &[]).await;
    browser.press("Do it: 200.00 EUR").await;
    browser.reads("more demand").await;
    assert_eq!(browser.address().await, format!("/audit?kind=campaign&object={STEADY}"));
    browser.comes_to_read(&visit.campaign(STEADY), "budget 200.00 EUR").await;

    browser.go(&visit.url(&format!("/audit?kind=campaign&object={STEADY}&author=ada"))).await;
    let script = "return document.querySelector('tbody th a').innerText";
    let change = browser.script(script, &[]).await;
    browser.follow(change.as_str().unwrap()).await;
    browser.fill("Why", "less after all").await;
    browser.press("Take it back").await;
    let text = browser.reads("edited, undoing").await;
    assert!(text.contains("less after all"), "{text}");
    browser.comes_to_read(&visit.campaign(STEADY), "budget 100.00 EUR").await;
    visit.quiet("budget-taken-back", &[]).await;
}

/// Whoever may only look is told so, by name and role, and nothing is done.
async fn is_refused_as_a_viewer(visit: &Visit) {
    let Visit { browser, .. } = visit;
    visit.log_out().await;
    visit.log_in("vera").await;
    browser.go(&(visit.campaign(STEADY) + "/budget?what=flight-0&to=150&reason=why")).await;
    browser.reads("vera has the role viewer, which may not enter campaigns: only shown.").await;
    visit.sound("viewer-previews", &[]).await;
    browser.go(&(visit.campaign(STEADY) + "/hand")).await;
    browser.reads("vera has the role viewer, which may not steer: only shown.").await;
    let buttons = browser.script("return document.forms.length", &[]).await;
    assert_eq!(buttons, 0, "no form that would end in a refusal");
    visit.sound("viewer-looks", &[]).await;
    // Whoever makes a form of their own is refused by the door.
    let script = "const form = document.createElement('form'); form.method = 'post';\
                  document.querySelector('main').append(form); form.submit()";
    browser.script(script, &[]).await;
    browser.reads("Not allowed").await;
    browser.reads("vera has the role viewer, which may not steer").await;
    visit.sound("viewer-refused", &[403]).await;
    browser.go(&visit.url("/overrides")).await;
    browser.reads("No hand is on the wheel.").await;
    visit.log_out().await;
}

/// A session that ended while a form was open: its button does nothing, and after a new one begun
/// the work goes on.
async fn comes_back_after_the_session_ended(visit: &Visit) {
    let Visit { browser, .. } = visit;
    visit.log_in("anna").await;
    browser.go(&(visit.campaign(STEADY) + "/hand")).await;
    browser.choose("Do", "No bids").await;
    browser.choose("For", "1 hour").await;
    browser.fill("Why", "too late").await;
    visit.give_tokens(&["vera"]);
    until("her token opens no door", async || {
        let asked = visit.ask_as("anna").await;
        (asked == tonic::Code::Unauthenticated).then_some(())
    })
    .await;
    browser.press("Show what it does").await;
    browser.reads("there is none, or it has ended").await;
    visit.sound("session-ended", &[401]).await;
    visit.give_tokens(&["anna", "vera"]);
    until("the token opens the door again", async || {
        let asked = visit.ask_as("anna").await;
        (asked == tonic::Code::Ok).then_some(())
    })
    .await;
    browser.fill("Token", "anna-7f3c").await;
    browser.press("Log in").await;
    browser.reads("Spent so far").await;
    visit.quiet("session-begun-again", &[401]).await;
    browser.go(&visit.url("/overrides")).await;
    browser.reads("No hand is on the wheel.").await;
}
