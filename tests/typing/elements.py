"""What a type checker knows of elements; checked by mypy, not run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from flightwire import Element, Fragment, Node, Suspense, client_component, html

Chart = client_component("components/chart.tsx", "Chart")


async def price(symbol: str) -> Node:
    return html.b(symbol)


def page(names: list[str], is_new: bool) -> Element:
    assert_type(html.div(), Element)
    return html.main(
        html.h1("Prices", class_name="title", aria_label="Prices", data_id=3),
        is_new and html.em("new"),
        [html.li(name, key=name) for name in names],
        (html.li(name) for name in names),
        html.img(src="/cat.png", alt=""),
        Suspense(price("ACME"), fallback=html.p("…")),
        Fragment(1, 2.5, None),
        Chart("child", data=[1, 2], key="x"),
        html["my-clock"](zone="UTC"),
        style={"font_size": "2rem"},
    )


async def frames() -> AsyncIterator[Node]:
    yield "text"
    yield page([], True)


def mistakes() -> None:
    html.dvi("x")  # type: ignore[attr-defined]
    html.img("x")  # type: ignore[arg-type]
    html.p(object())  # type: ignore[arg-type]
    html.p(page)  # type: ignore[arg-type]
    html.p(style="color: red")  # type: ignore[arg-type]
