"""The template tags of console/templatetags/slipway.py: what they draw, escape, and leave out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.paginator import Paginator
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone, translation

from console.web import words
from console.web.parts import Change, Choice, May, Stage
from console.web.styleguide import SampleForm

NOW = datetime(2026, 11, 22, 14, 0, 0, tzinfo=UTC)


def draw(source: str, path: str = "/", headers: dict[str, str] | None = None, **values: Any) -> str:
    request = RequestFactory().get(path, headers=headers or {})
    return Template("{% load slipway %}" + source).render(
        Context({"request": request, "csrf_token": "tok", **values})
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.34, "0.3 s"),
        (9.99, "9.9 s"),
        (10.9, "10 s"),
        (108, "1 min 48 s"),
        (3600, "1 h"),
        (15660, "4 h 21 min"),
        (86400 * 3 + 5, "3 d"),
        (-4, "0 s"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (1, "just now"),
        (12, "12 s ago"),
        (310, "5 min ago"),
        (3 * 3600, "3 h ago"),
        (29 * 3600, "1 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_ages(back: float, said: str) -> None:
    assert words.ago(NOW - timedelta(seconds=back), NOW) == said


def test_ages_of_a_week_and_more_are_dates() -> None:
    assert words.ago(NOW - timedelta(days=9), NOW) == "13 Nov"
    assert words.ago(NOW - timedelta(days=400), NOW) == "18 Oct 2025"


def test_french_words() -> None:
    with translation.override("fr"):
        assert words.ago(NOW - timedelta(hours=29), NOW) == "il y a 1 j"
        assert words.duration(0.34) == "0,3 s"
        assert words.state("RUNNING")[2] == "En cours d’exécution"


def test_a_state_has_a_tone_and_a_word() -> None:
    assert draw('{% state "IN_PROGRESS" %}') == '<span class="st wait live">In progress</span>'
    assert (
        draw('{% state "RUNNING" label=x tone="bad" live=True %}', x="<b>")
        == '<span class="st bad live">&lt;b&gt;</span>'
    )
    assert draw('{% state "SOME_NEW_WORD" %}') == '<span class="st old">Some new word</span>'


def test_every_status_of_ecs_is_known() -> None:
    from services.scheduler import model

    for name in [*model.Status, *model.DeploymentStatus, *model.Health]:
        assert str(name) in words._STATES, name


@pytest.mark.parametrize(("running", "css"), [(6, "count "), (4, "count short"), (0, "count none")])
def test_a_count_shows_what_is_missing(running: int, css: str) -> None:
    assert draw("{% count running 6 %}", running=running).startswith(
        f'<span class="{css}"><b>{running}</b> of 6'
    )


def test_times_carry_the_moment_for_scripts_and_people() -> None:
    moment = timezone.now() - timedelta(minutes=5, seconds=3)
    html = draw("{% when moment %}", moment=moment)
    assert f'datetime="{moment.isoformat()}"'.replace("+", "&#x2B;") in html.replace("+", "&#x2B;")
    assert 'data-time="ago"' in html and ">5 min ago<" in html and "UTC" in html
    assert html == html.strip()  # so that a full stop can follow
    assert ">5 min 3 s ago<" in draw('{% when moment "fine" %}', moment=moment)
    assert ">5 min 3 s<" in draw('{% when moment "since" %}', moment=moment)
    assert "never" in draw('{% when none empty="never" %}', none=None)


def test_an_arn_shows_its_name_and_copies_the_whole() -> None:
    html = draw("{% arn value %}", value="arn:aws:ecs:us-east-1:1:service/production/web")
    assert 'data-copy="arn:aws:ecs:us-east-1:1:service/production/web"' in html and "<span>web</span>" in html
    assert "&quot;&gt;&lt;script&gt;" in draw("{% copy value %}", value='"><script>')


def test_a_diff_leaves_out_what_stays_and_says_what_is_not_set() -> None:
    changes = [Change("Image", "a:1", "a:2"), Change("Memory", "512", "512"), Change("env X", "<on>", None)]
    html = draw("{% diff changes %}", changes=changes)
    assert html.count('class="f"') == 2 and "Memory" not in html
    assert "(not set)" in html and "&lt;on&gt;" in html
    assert draw("{% diff changes show_same=True %}", changes=changes).count('class="f"') == 3
    assert "No differences." in draw("{% diff changes %}", changes=[])


def test_stages_tell_screen_readers_their_state() -> None:
    html = draw("{% stages items %}", items=[Stage("Placed", "done"), Stage("Healthy", "now", "4 of 6")])
    assert 'aria-current="step"' in html and html.count("aria-current") == 1
    assert "(done)" in html and "<small>4 of 6</small>" in html


class TestButton:
    def test_links_posts_and_opens(self) -> None:
        assert '<a class="btn btn-undo" href="/x/">' in draw(
            '{% button "Roll back" href="/x/" kind="undo" %}'
        )
        html = draw('{% button "Stop" post="/stop/" values=values %}', values={"type": "<abort>"})
        assert 'method="post" action="/stop/"' in html and "csrfmiddlewaretoken" in html
        assert 'name="type" value="&lt;abort&gt;"' in html
        assert 'data-dialog="d1"' in draw('{% button "Delete" dialog="d1" %}')

    def test_refused_it_names_the_permission_and_does_nothing(self) -> None:
        refused = May(False, "ecs:UpdateService", "arn:aws:ecs:r:1:service/p/web")
        html = draw('{% button "Deploy" href="/deploy/" post="/deploy/" may=may %}', may=refused)
        assert 'aria-disabled="true"' in html
        assert (
            "<code>ecs:UpdateService</code>" in html and "<code>arn:aws:ecs:r:1:service/p/web</code>" in html
        )
        assert "/deploy/" not in html and "<form" not in html

    def test_a_reason_stands_instead_of_a_permission(self) -> None:
        html = draw(
            '{% button "Stop" dialog="d" may=may %}', may=May(False, reason="No deployment is in progress.")
        )
        assert (
            "No deployment is in progress." in html and "permission" not in html and "data-dialog" not in html
        )


def test_a_field_ties_label_help_and_errors_together() -> None:
    form = SampleForm(data={"name": "", "launch": "EC2", "command": "</textarea><script>"})
    html = draw("{% field form.name %}{% field form.command %}", form=form)
    assert '<label class="form-label" for="id_name">' in html
    assert 'aria-invalid="true"' in html and 'aria-describedby="id_name_helptext id_name_errors"' in html
    assert 'id="id_name_errors"' in html and "<script>" not in html


def test_lists_keep_their_state_in_the_address() -> None:
    html = draw('{% sort "name" "Name" default=True %}', path="/s/?q=web&page=3")
    assert 'aria-sort="ascending"' in html and 'href="?q=web&amp;sort=-name"' in html
    html = draw('{% sort "when" "When" default="desc" %}', path="/s/")
    assert 'aria-sort="descending"' in html and 'href="?sort=when"' in html
    html = draw(
        '{% chips "state" choices "State" %}',
        path="/s/?q=a&state=on",
        choices=[Choice("", "All", 4), Choice("on", "On", 2)],
    )
    assert (
        'href="?q=a" ' not in html
        and 'href="?q=a"' in html
        and 'href="?q=a&amp;state=on" aria-current="true"' in html
    )
    page = Paginator(range(120), 50).get_page(2)
    html = draw('{% pagination page "services" %}', path="/s/?q=a&page=2", page=page)
    assert "51–100 of 120 services" in html
    assert "q=a&amp;page=1" in html.replace("?page=1&amp;q=a", "q=a&amp;page=1") and "page=3" in html
    assert draw("{% pagination page %}", page=Paginator([], 50).get_page(1)) == ""
    html = draw('{% search_box "Find" %}', path="/s/?q=%22%3E&state=on&page=2")
    assert 'name="state" value="on"' in html and 'value="&quot;&gt;"' in html and 'name="page"' not in html


class TestFragment:
    SOURCE = (
        '{% fragment "a" topics="x y" %}A{{ touch }}{% endfragment %}{% fragment "b" %}B{% endfragment %}'
    )

    def test_a_whole_page_has_them_all(self) -> None:
        html = draw(self.SOURCE, touch="")
        assert '<div id="a" class="fragment " data-live="x y">A</div>' in html and ">B</div>" in html

    def test_what_is_not_asked_for_is_not_rendered(self) -> None:
        touched: list[int] = []

        def touch() -> str:
            touched.append(1)
            return "!"

        assert (
            draw(self.SOURCE, headers={"X-Fragments": "b"}, touch=touch)
            == '<div id="b" class="fragment " data-live="">B</div>'
        )
        assert touched == []
        assert "A!" in draw(self.SOURCE, headers={"X-Fragments": "a,c"}, touch=touch)

    def test_it_needs_a_name(self) -> None:
        with pytest.raises(TemplateSyntaxError):
            draw("{% fragment %}{% endfragment %}")


def test_bodies_of_containers_are_escaped_once() -> None:
    html = draw(
        '{% moment "T" status="SUCCESSFUL" %}<i>{{ x }}</i>{% act %}<a href="#">go</a>{% endmoment %}',
        x="<x>",
    )
    assert (
        '<div class="d"><i>&lt;x&gt;</i></div>' in html
        and '<div class="act"><a href="#">go</a></div>' in html
    )
    html = draw('{% confirm "c" title=x action="/d/" label="Go" name=x %}{{ x }}{% endconfirm %}', x="<x>")
    assert "<x>" not in html and 'data-must-equal="&lt;x&gt;"' in html
    html = draw('{% empty "None" cli=x %}{{ x }}{% endempty %}', x="<x>")
    assert "<x>" not in html and "or with the AWS CLI" in html


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (300 * 1024**2, "300 MiB"), (16 * 1024**3, "16 GiB")],
)
def test_sizes(amount: float, said: str) -> None:
    assert words.plain_bytes(amount) == said


def test_the_frame_speaks_the_same_words_as_the_scripts() -> None:
    from console.web.context import strings

    render: Callable[[str], str] = lambda key: strings()[key]  # noqa: E731
    assert render("ago").replace("{}", words.duration(12)) == words.ago(NOW - timedelta(seconds=12), NOW)
    assert render("now") == words.ago(NOW, NOW)
