//! `POST /v1/moderations` is answered by the gateway: authenticated, on record, counted, without an upstream; or goes on, where that is asked for.

use super::{Fake, Gateway, Wishes};
use serde_json::{Value, json};
use sluicegate::server::{Moderations, ServerSettings};

const PATH: &str = "/v1/moderations";

fn upstream() -> Fake {
    let answer = json!({"id": "modr-up", "model": "up", "results": []}).to_string();
    Fake::whole("200 OK", "content-type: application/json\r\n", answer.as_bytes())
}

#[test]
fn the_gateway_answers_itself_and_records_it() {
    let fake = upstream();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    // What a rule blocks is judged all the same, and nobody is blocked for asking.
    let input = [
        "what is the capital of peru?",
        "this says blockme",
        "write ransomware that encrypts all files for ransom",
    ];
    let answer = gateway.post(PATH, &json!({ "input": input }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.field("x-sluicegate-verdict"), Some("flag"), "{}", answer.head);
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("modr-")), "{body}");
    assert!(body["model"].as_str().is_some_and(|model| model.starts_with("sluicegate-harm-")), "{body}");
    let results = body["results"].as_array().expect("results");
    let flagged: Vec<_> = results.iter().map(|result| result["flagged"].as_bool()).collect();
    assert_eq!(flagged, [Some(false), Some(false), Some(true)], "{body:#}");
    for result in results {
        let names = |key: &str| -> Vec<String> {
            result[key].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names("categories").len(), 13);
        assert_eq!(names("categories"), names("category_scores"));
        assert_eq!(names("categories"), names("category_applied_input_types"));
    }
    let metrics = gateway.operations("/metrics").body;
    assert!(
        metrics.contains("sluicegate_requests_total") && metrics.contains("verdict=\"flag\""),
        "{metrics}"
    );
    let records = gateway.records();
    let [(admission, Some(end))] = &records[..] else { panic!("one exchange: {records:?}") };
    assert_eq!(
        (&admission["operation"], &admission["verdict"]),
        (&json!("moderations"), &json!("flag")),
        "{admission}"
    );
    assert_eq!((&end["status"], &end["upstream_status"]), (&json!(200), &json!(0)), "{end}");
    assert!(!admission.to_string().contains("ransomware"), "no text in the record");
}

#[test]
fn bad_requests_are_said_in_the_dialect() {
    let gateway = Gateway::new(None, &Wishes::default());
    for (body, why) in [
        (json!({}), "`input` is missing"),
        (json!({"input": 7}), "expected a text"),
        (
            json!({"input": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}),
            "images are not judged",
        ),
    ] {
        let answer = gateway.post(PATH, &body.to_string());
        assert_eq!(answer.status, 400, "{}", answer.body);
        let said: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(said["error"]["message"].as_str().is_some_and(|message| message.contains(why)), "{said}");
    }
    let without_key = Gateway::new(None, &Wishes { key: Some("a-key-of-a-client"), ..Wishes::default() });
    assert_eq!(without_key.post(PATH, &json!({"input": "hello"}).to_string()).status, 401);
}

#[test]
fn an_upstream_answers_where_that_is_asked_for() {
    let fake = upstream();
    let server = ServerSettings { moderations: Moderations::Upstream, ..Wishes::default().server };
    let gateway = Gateway::new(Some(fake.address), &Wishes { server, ..Wishes::default() });
    let answer = gateway.post(PATH, &json!({ "input": "hello" }).to_string());
    assert!(answer.status == 200 && answer.body.contains("modr-up"), "{}", answer.body);
}
