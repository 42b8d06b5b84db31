"""Who is there: log-in, its refusals, the end of a session."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from .conftest import log_in
from .platform import FakePlatform

Opener = Callable[..., Page]


def test_a_password_is_exchanged_for_a_token_and_only_the_token_is_kept(
    open_page: Opener, fake: FakePlatform
) -> None:
    page = open_page()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    kept = page.evaluate("JSON.stringify({...sessionStorage, ...localStorage}) + document.cookie")
    assert fake.tokens <= {kept.split('"labgen.token":"')[1].split('"')[0]}
    assert "sesame" not in kept
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_wrong_password_is_told_and_asked_for_again(open_page: Opener) -> None:
    page = open_page()
    log_in(page, "wrong")
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_have_text(
        "The name or the password is wrong."
    )
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_logging_out_ends_the_session_at_the_api_too(inside: Opener, fake: FakePlatform) -> None:
    page = inside()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert not fake.tokens
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_an_expired_token_leads_to_the_login_and_back(inside: Opener, fake: FakePlatform) -> None:
    fake.add_machine("web-1", "ON")
    page = inside()
    page.get_by_role("link", name="Machines", exact=True).click()
    page.get_by_role("link", name="web-1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")
    fake.tokens.clear()
    page.get_by_role("button", name="Power off").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("web-1")


def test_an_expired_token_of_an_earlier_page_leads_to_the_login(open_page: Opener) -> None:
    page = open_page(path="#/events")
    page.evaluate("sessionStorage.setItem('labgen.token', 'of yesterday')")
    page.reload()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")


def test_the_api_away_is_told_and_its_return_is_noticed(inside: Opener, fake: FakePlatform) -> None:
    page = inside()
    fake.away = True
    page.get_by_role("link", name="Events", exact=True).click()
    banner = page.get_by_role("alert").filter(has_text="The API is away")
    expect(banner).to_be_visible()
    fake.tell("STARTED")
    fake.away = False
    expect(banner).to_be_hidden()
    expect(page.get_by_role("listitem").filter(has_text="Started")).to_be_visible()


def test_logging_in_while_the_api_is_away_says_so(open_page: Opener, fake: FakePlatform) -> None:
    page = open_page()
    fake.away = True
    log_in(page)
    expect(page.locator("#login-problem")).to_have_text("The API does not answer (503).")
    fake.away = False
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_the_stream_away_is_told_and_what_was_missed_is_caught_up(inside: Opener, fake: FakePlatform) -> None:
    number = fake.add_machine("web-1", "OFF")
    page = inside()
    page.get_by_role("link", name="Machines", exact=True).click()
    row = page.get_by_role("listitem").filter(has_text="web-1")
    expect(row.locator(".badge")).to_have_text("Off")
    fake.quiet = True
    fake.cut_streams()
    expect(page.locator("#stream")).to_have_text("Events are away")
    fake.machines[number]["state"] = "ON"
    fake.quiet = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#stream")).to_have_text("Live")
    expect(row.locator(".badge")).to_have_text("Running")


def test_a_module_that_is_lost_on_its_way_is_fetched_again(open_page: Opener, site: str) -> None:
    page = open_page(path="config/lab.json", ready=False)
    page.route("**/views/tasks.js", lambda route: route.abort(), times=1)
    page.goto(f"{site}/ui/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
