"""The gallery: every recipe live, its source beside it, and the rows that travel between page and Python below."""

from flightwire import Node, Request, client_component, html, not_found
from flightwire.providers.registry import default_model

from .gallery.catalog import EXAMPLES, GROUPS, RECIPES, Recipe
from .gallery.highlight import highlighted

Chrome = client_component("gallery/chrome.tsx", "Chrome")
Workbench = client_component("gallery/workbench.tsx", "Workbench")

Params = dict[str, str | list[str]]


def generate_metadata(search_params: Params) -> dict[str, object]:
    recipe = RECIPES.get(str(search_params.get("recipe")))
    return {"title": f"{recipe.title} · Flightwire" if recipe else "Flightwire gallery"}


def page(search_params: Params, request: Request) -> Node:
    name = search_params.get("recipe")
    recipe = RECIPES.get(str(name))
    if name is not None and recipe is None:
        not_found()
    model, why = default_model()
    model_id = f"{model.provider}/{model.model_id}"
    answering = html.p(
        html.span("Answered by ", class_name="wide"), html.code(model_id), title=f"{model_id} answers, {why}"
    )
    root = request.scope.get("root_path", "").rstrip("/")
    return Chrome(
        overview() if recipe is None else workbench(recipe, root, is_small=model.provider == "local"),
        home=f"{root}/",
        menu=menu(recipe),
        model=answering,
    )


def menu(current: Recipe | None) -> Node:
    return [
        html.section(
            html.h2(group),
            html.ul(
                html.li(
                    html.a(
                        recipe.title,
                        href=f"?recipe={recipe.name}",
                        aria_current="page" if recipe is current else None,
                    ),
                    key=recipe.name,
                )
                for recipe in recipes
            ),
            key=group,
        )
        for group, recipes in GROUPS.items()
    ]


def overview() -> Node:
    cards = [
        html.section(
            html.h2(group),
            html.ul(
                html.li(
                    html.a(html.h3(recipe.title), html.p(recipe.about), href=f"?recipe={recipe.name}"),
                    key=recipe.name,
                )
                for recipe in recipes
            ),
            key=group,
        )
        for group, recipes in GROUPS.items()
    ]
    return html.div(
        html.h1("Python functions, streaming to React"),
        html.p(
            "Thirteen small apps. Each is live: its page calls Python, the answer comes back over React Flight, and you "
            "can read the source and watch the rows arrive.",
            class_name="lead",
        ),
        cards,
        class_name="overview",
    )


def workbench(recipe: Recipe, root: str, *, is_small: bool) -> Node:
    files = [
        {
            "name": str(path.relative_to(EXAMPLES / recipe.name)),
            "code": highlighted(path.read_text(encoding="utf-8"), path.suffix),
        }
        for path in recipe.files
    ]
    return Workbench(
        html.h1(recipe.title),
        html.p(recipe.about),
        html.p(html.b("135 million parameters: "), recipe.small_model, class_name="small")
        if is_small
        else None,
        title=recipe.title,
        page=f"{root}/{recipe.name}",
        command=f"flightwire dev examples/{recipe.name}",
        files=files,
    )
