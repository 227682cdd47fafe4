from exporter.subscriptions.hub_request import HubRequest


def test_a_request_does_not_show_its_secret() -> None:
    assert "0123abcd" not in repr(HubRequest("https://hub.example/", "topic", "callback", "0123abcd"))
