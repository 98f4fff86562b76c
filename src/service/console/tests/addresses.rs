//! Addresses that ask for what makes no sense: each page refuses them, none takes them as empty.

use super::*;

#[tokio::test]
async fn a_question_that_cannot_be_read_is_refused_by_every_page_and_not_taken_as_empty() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let pages = ["/", "/segments", "/budgets", "/audit", "/campaigns/Spring%20sale/budget"];
    for path in pages {
        for question in ["object=%ff", "author=%zz", "kind"] {
            let (status, _, html) = bench.page(&format!("{path}?{question}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}?{question}: {html}");
            let due = format!("= &quot;{question}&quot; must be name=value");
            assert!(html.contains(&due), "{due} is not in {html}");
        }
        let (status, _, html) = bench.page(&format!("{path}?colour=red")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {html}");
        let due = "colour = &quot;red&quot; is not known here: there are ";
        assert!(html.contains(due), "{path}: {html}");
        let long = "a=b&".repeat(2_001);
        let (status, _, html) = bench.page(&format!("{path}?{long}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {html}");
        assert!(html.contains("asks with 8004 bytes, and at most "), "{path}: {html}");
        assert_eq!(bench.page(&format!("{path}?")).await.0, StatusCode::OK, "{path}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_page_of_budgets_that_is_none_is_refused() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    for page in ["0", "x", "-1", "10001"] {
        let (status, _, html) = bench.page(&format!("/budgets?page={page}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{page}: {html}");
        let due = format!("page = &quot;{page}&quot; must be a whole number between 1 and 10000");
        assert!(html.contains(&due), "{due} is not in {html}");
    }
    assert_eq!(bench.page("/budgets?page=1&campaign=").await.0, StatusCode::OK);
    bench.end().await;
}
